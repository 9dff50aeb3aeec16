#include "jobmanager/slot_pool.h"

#include <set>

#include "base/check.h"

namespace weir {
namespace {

uint32_t CountOf(const std::vector<JobId>& slots, JobId job) {
  return static_cast<uint32_t>(std::count(slots.begin(), slots.end(), job));
}

}  // namespace

std::string SlotShortage::ToString() const {
  const std::string slots = std::to_string(needed) + (needed == 1 ? " slot" : " slots");
  return "needs " + slots + ", " + (held == 0 ? "" : "has " + std::to_string(held) + ", ") + std::to_string(free) + " free";
}

SlotPool::SlotPool(Options options) : options_(options) {}

SlotPool::Actions SlotPool::Step(const SlotPoolEvent::Any& event) {
  Actions actions;
  std::visit([&](const auto& concrete) { On(concrete, actions); }, event);
  GrantWaiting(actions);
  return actions;
}

void SlotPool::On(const SlotPoolEvent::TaskManagerReported& event, Actions& actions) {
  const auto known = task_managers_.find(event.task_manager);
  // R28: another incarnation has none of the old one's tasks, whatever the address.
  if (known != task_managers_.end() && known->second.incarnation != event.incarnation) Forget(event.task_manager, actions);
  if (!task_managers_.contains(event.task_manager) && task_managers_.size() >= options_.task_manager_count_max) return;
  TaskManager& task_manager = task_managers_[event.task_manager];
  task_manager.incarnation = event.incarnation;
  if (task_manager.slots.size() < event.slot_count) task_manager.slots.resize(event.slot_count);
  task_manager.workers = event.workers;
  for (const JobId& job : event.workers) {
    // A job that waits for slots may get some here and reuse its worker.
    const bool waits = std::any_of(waiting_.begin(), waiting_.end(),
                                   [&](const Request& request) { return request.job == job; });
    if (!waits && CountOf(task_manager.slots, job) == 0) {
      actions.push_back(SlotPoolAction::StopStrayWorker{job, event.task_manager});
    }
  }
}

void SlotPool::On(const SlotPoolEvent::TaskManagerLost& event, Actions& actions) {
  const auto known = task_managers_.find(event.task_manager);
  if (known == task_managers_.end() || known->second.incarnation != event.incarnation) return;
  Forget(event.task_manager, actions);
}

void SlotPool::On(const SlotPoolEvent::SlotsRequested& event, Actions&) {
  CHECK(!event.job.IsZero());
  for (Request& request : waiting_) {
    if (request.job != event.job) continue;
    request.slot_count = event.slot_count;
    return;
  }
  waiting_.push_back({event.job, event.slot_count});
}

void SlotPool::On(const SlotPoolEvent::JobReleased& event, Actions&) {
  std::erase_if(waiting_, [&](const Request& request) { return request.job == event.job; });
  for (auto& [name, task_manager] : task_managers_) {
    std::replace(task_manager.slots.begin(), task_manager.slots.end(), event.job, JobId{});
  }
}

void SlotPool::Forget(const std::string& name, Actions& actions) {
  std::set<JobId> jobs(task_managers_[name].slots.begin(), task_managers_[name].slots.end());
  jobs.erase(JobId{});
  task_managers_.erase(name);
  for (const JobId& job : jobs) actions.push_back(SlotPoolAction::TaskManagerGone{job, name});
}

void SlotPool::GrantWaiting(Actions& actions) {
  std::vector<Request> still_waiting;
  for (const Request& request : waiting_) {
    const uint32_t held = static_cast<uint32_t>(SlotsOf(request.job).size());
    if (held < request.slot_count && FreeSlots() < request.slot_count - held) {
      still_waiting.push_back(request);
      continue;
    }
    Lease(request);
    actions.push_back(SlotPoolAction::SlotsGranted{request.job, SlotsOf(request.job)});
  }
  waiting_ = std::move(still_waiting);
}

// Requires: enough free slots.
void SlotPool::Lease(const Request& request) {
  for (uint32_t held = static_cast<uint32_t>(SlotsOf(request.job).size()); held < request.slot_count; ++held) {
    TaskManager* task_manager = BestFor(request.job);
    CHECK(task_manager != nullptr);
    *std::find(task_manager->slots.begin(), task_manager->slots.end(), JobId{}) = request.job;
  }
}

// TaskManagers that run the job's worker first, since it is reused with its caches. Among equals the first by name, or
// with spread_out the one where the job holds least.
SlotPool::TaskManager* SlotPool::BestFor(JobId job) {
  TaskManager* best = nullptr;
  std::pair<uint32_t, uint32_t> best_rank;  // Lower is better.
  for (auto& [name, task_manager] : task_managers_) {
    if (CountOf(task_manager.slots, JobId{}) == 0) continue;
    const uint32_t held = CountOf(task_manager.slots, job);
    const bool runs_worker = held > 0 || CountOf(task_manager.workers, job) > 0;
    const std::pair<uint32_t, uint32_t> rank =
        options_.spread_out ? std::pair(held, runs_worker ? 0u : 1u) : std::pair(runs_worker ? 0u : 1u, 0u);
    if (best != nullptr && rank >= best_rank) continue;
    best = &task_manager;
    best_rank = rank;
  }
  return best;
}

uint32_t SlotPool::TotalSlots() const {
  uint32_t count = 0;
  for (const auto& [name, task_manager] : task_managers_) count += static_cast<uint32_t>(task_manager.slots.size());
  return count;
}

uint32_t SlotPool::FreeSlots() const {
  uint32_t count = 0;
  for (const auto& [name, task_manager] : task_managers_) count += CountOf(task_manager.slots, JobId{});
  return count;
}

std::optional<SlotShortage> SlotPool::ShortageOf(JobId job) const {
  for (const Request& request : waiting_) {
    if (request.job == job) return SlotShortage{request.slot_count, static_cast<uint32_t>(SlotsOf(job).size()), FreeSlots()};
  }
  return std::nullopt;
}

std::vector<SlotId> SlotPool::SlotsOf(JobId job) const {
  std::vector<SlotId> slots;
  for (const auto& [name, task_manager] : task_managers_) {
    for (uint32_t index = 0; index < task_manager.slots.size(); ++index) {
      if (task_manager.slots[index] == job) slots.push_back({.task_manager = name, .index = {index}});
    }
  }
  return slots;
}

}  // namespace weir
