#include "tests/sim/sim_world.h"

#include "base/check.h"

namespace weir::sim {
namespace {

constexpr uint64_t kStepsMax = 400'000;      // Beyond: the job hangs.
constexpr uint64_t kFaultStepsMax = 6'000;  // Faults end here at the latest.
constexpr size_t kReorderWindow = 4;

// Messages whose loss alone a time-out heals; losing any other one takes a broken session.
bool MayBeLost(const Command& command) {
  if (const auto* notify = std::get_if<NotifyCommand>(&command.what)) return !notify->completed && !notify->stops;
  return std::holds_alternative<TriggerCommand>(command.what) || std::holds_alternative<DrainCommand>(command.what);
}
bool MayBeLost(const TaskManagerMessage& message) {
  return std::holds_alternative<CoordinatorEvent::Acknowledged>(message) ||
         std::holds_alternative<CoordinatorEvent::Declined>(message);
}

}  // namespace

SimWorld::SimWorld(uint64_t seed, const Mutations& mutations, bool verbose) : context_(seed, mutations, verbose) {
  const uint32_t needed = RequiredSlots(context_.graph);
  const uint32_t count = 1 + context_.random.Below(3);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t slots = (needed + count - 1) / count + context_.random.Below(2);
    task_managers_.push_back(std::make_unique<SimTaskManager>(context_, nets_, "tm-" + std::to_string(i), slots));
  }
  faults_left_ = context_.random.Below(14);
  if (context_.random.Chance(30)) damage_at_step_ = context_.random.Below(kFaultStepsMax);
  NewLeader();
}

void SimWorld::NewLeader() {
  const auto send = [this](const std::string& name, Command command) {
    for (const std::unique_ptr<SimTaskManager>& task_manager : task_managers_) {
      if (task_manager->name() == name && task_manager->session() == command.epoch) task_manager->commands.push_back(std::move(command));
    }
  };
  leaders_.push_back(std::make_unique<SimJobManager>(context_, LeaderEpoch{next_epoch_++}, send));
}

// The workers of the old job are gone, or will be told so by a leader that does not know them.
void SimWorld::StartNextJob(const std::string& savepoint) {
  context_.StartNextJob(savepoint);
  for (const std::unique_ptr<SimTaskManager>& each : task_managers_) {
    each->Disconnect();
    each->Execute({LeaderEpoch{next_epoch_}, StopCommand{}});
  }
  leaders_.clear();
  NewLeader();
}

SimJobManager* SimWorld::LeaderOf(const SimTaskManager& task_manager) {
  for (const std::unique_ptr<SimJobManager>& leader : leaders_) {
    if (task_manager.session() == leader->epoch()) return leader.get();
  }
  return nullptr;
}

SimResult SimWorld::Run() {
  SimResult result;
  while (!context_.violation.has_value()) {
    ++result.steps;
    if (result.steps > kStepsMax) context_.Violate("no progress: " + leaders_.back()->Describe());
    if (result.steps > kFaultStepsMax || faults_left_ == 0) {
      if (result.steps > kFaultStepsMax / 2) context_.faults = false;
    }
    if (result.steps == damage_at_step_) DamageChain();
    Step();
    const std::optional<JobStatus> ended = leaders_.back()->ended();
    if (!ended.has_value()) continue;
    // R7: it has said so, which is all that can be asked of it.
    if (*ended == JobStatus::kFailed && context_.chain_damaged) break;
    if (*ended != JobStatus::kFinished) context_.Violate("the job ended as " + std::string(JobStatusName(*ended)));
    if (const std::optional<std::string> savepoint = leaders_.back()->StoppedWith(); savepoint.has_value() && !context_.violation.has_value()) {
      ++result.stops;
      StartNextJob(*savepoint);
      continue;
    }
    context_.CheckOutcome();
    break;
  }
  result.savepoints = context_.savepoints_taken;
  result.violation = context_.violation;
  result.published = context_.published.value;
  result.leaders = next_epoch_ - 1;
  result.faults = faults_done_;
  return result;
}

void SimWorld::Step() {
  SimRandom& random = context_.random;
  SimTaskManager& task_manager = *task_managers_[random.Below(task_managers_.size())];
  if (context_.faults && faults_left_ > 0 && random.Chance(4)) InjectFault();
  const uint32_t dice = random.Below(100);
  if (dice < 15) {
    DeliverCommand(task_manager);
  } else if (dice < 30) {
    DeliverEvent(task_manager);
  } else if (dice < 78) {
    task_manager.StepTask();
  } else if (dice < 84) {
    task_manager.StepUpload();
  } else if (dice < 90) {
    leaders_[random.Below(leaders_.size())]->StepFiles();
  } else if (dice < 93) {
    ConnectSomebody();
  } else if (dice < 95) {
    if (SimJobManager* leader = LeaderOf(task_manager)) leader->Report(task_manager);
    if (random.Chance(100)) context_.files.RunLateOperations();
    if (context_.savepoints_left > 0 && random.Chance(30)) leaders_.back()->RequestSavepoint();
  } else {
    AdvanceTime(random.Chance(5));
  }
}

// Small steps of time; now and then to the next timer at once, so that nobody waits long for nothing.
void SimWorld::AdvanceTime(bool jump) {
  context_.now_ms += context_.random.Below(6);
  for (const std::unique_ptr<SimJobManager>& leader : leaders_) {
    if (jump && leader->NextTimer().has_value()) context_.now_ms = std::max(context_.now_ms, *leader->NextTimer());
    leader->StepClock();
  }
}

// Behind the newest record, whoever may be about to write there.
void SimWorld::DamageChain() {
  const std::string prefix = context_.layout.ChainDirectory() + "/";
  ChainSlot newest;
  for (const auto& [path, content] : context_.files.files()) {
    if (!path.starts_with(prefix) || path.starts_with(prefix + "pruned/")) continue;
    newest.value = std::max<uint64_t>(newest.value, std::stoull(path.substr(prefix.size())));
  }
  context_.chain_damaged = true;
  context_.files.files()[context_.layout.ChainRecordPath({newest.value + 1})] = "damaged";
  context_.Trace("chain damaged behind record " + std::to_string(newest.value));
}

size_t SimWorld::PickIndex(size_t count) {
  if (!context_.faults || !context_.random.Chance(80)) return 0;
  return context_.random.Below(std::min(count, kReorderWindow));
}

void SimWorld::DeliverCommand(SimTaskManager& task_manager) {
  if (task_manager.commands.empty()) return;
  const auto at = task_manager.commands.begin() + static_cast<ptrdiff_t>(PickIndex(task_manager.commands.size()));
  const Command command = *at;
  const bool twice = context_.faults && context_.random.Chance(20);
  if (!twice) task_manager.commands.erase(at);
  if (context_.faults && MayBeLost(command) && context_.random.Chance(20)) return;
  task_manager.Execute(command);
}

void SimWorld::DeliverEvent(SimTaskManager& task_manager) {
  SimJobManager* leader = LeaderOf(task_manager);
  if (task_manager.events.empty() || leader == nullptr) return;
  const auto at = task_manager.events.begin() + static_cast<ptrdiff_t>(PickIndex(task_manager.events.size()));
  TaskManagerMessage message = *at;
  const bool twice = context_.faults && context_.random.Chance(20);
  if (!twice) task_manager.events.erase(at);
  if (context_.faults && MayBeLost(message) && context_.random.Chance(20)) return;
  leader->Handle(std::move(message));
}

void SimWorld::BreakSession(SimTaskManager& task_manager) {
  SimJobManager* leader = LeaderOf(task_manager);
  const IncarnationId incarnation = task_manager.incarnation();
  task_manager.Disconnect();
  if (leader != nullptr) leader->SessionLost(task_manager, incarnation);
}

// TaskManagers look for a leader; those of an old one find the new one in time. Deposed leaders go away.
void SimWorld::ConnectSomebody() {
  for (const std::unique_ptr<SimTaskManager>& task_manager : task_managers_) {
    SimJobManager& newest = *leaders_.back();
    if (task_manager->session() == newest.epoch() || newest.phase() != SimJobManager::Phase::kLeading) continue;
    if (!context_.random.Chance(300)) continue;
    BreakSession(*task_manager);
    task_manager->Connect(newest.epoch());
    newest.Report(*task_manager);
  }
  const bool newest_deposed = leaders_.back()->phase() == SimJobManager::Phase::kDeposed;
  std::erase_if(leaders_, [](const auto& leader) { return leader->phase() == SimJobManager::Phase::kDeposed; });
  if (newest_deposed || leaders_.empty()) NewLeader();
}

void SimWorld::InjectFault() {
  SimRandom& random = context_.random;
  SimTaskManager& task_manager = *task_managers_[random.Below(task_managers_.size())];
  --faults_left_;
  ++faults_done_;
  switch (random.Below(6)) {
    case 0:
      context_.Trace("fault: worker dies on " + task_manager.name());
      return task_manager.KillWorker();
    case 1: {
      context_.Trace("fault: " + task_manager.name() + " dies");
      SimJobManager* leader = LeaderOf(task_manager);
      const IncarnationId incarnation = task_manager.incarnation();
      task_manager.Crash();
      if (leader != nullptr) leader->SessionLost(task_manager, incarnation);
      return;
    }
    case 2:
      context_.Trace("fault: session of " + task_manager.name() + " breaks");
      return BreakSession(task_manager);
    case 3:
      context_.Trace("fault: a task fails on " + task_manager.name());
      return task_manager.FailTask();
    case 4:  // The leader dies. What it had in flight may still happen.
      context_.Trace("fault: leader dies " + leaders_.back()->Describe());
      for (const std::unique_ptr<SimTaskManager>& each : task_managers_) {
        if (each->session() == leaders_.back()->epoch()) each->Disconnect();
      }
      leaders_.pop_back();
      return NewLeader();
    case 5:  // A new leader while the old one believes that it leads.
      context_.Trace("fault: second leader besides " + leaders_.back()->Describe());
      return NewLeader();
  }
}

}  // namespace weir::sim
