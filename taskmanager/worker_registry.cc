#include "taskmanager/worker_registry.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace weir {
namespace {

using Event = WorkerRegistryEvent;
using Action = WorkerRegistryAction;

std::string Seconds(int64_t ms) { return std::to_string(ms / 1'000) + "." + std::to_string(ms % 1'000 / 100) + " s"; }

}  // namespace

WorkerRegistry::Actions WorkerRegistry::Step(const Event::Any& event, int64_t now_ms) {
  CHECK(now_ms >= now_ms_);
  now_ms_ = now_ms;
  Actions actions;
  std::visit([&](const auto& known) { On(known, actions); }, event);
  return actions;
}

void WorkerRegistry::MoveTo(Worker& worker, State next) {
  CHECK(next > worker.state);  // The states are in the order of the graph, and no arrow leads back.
  worker.state = next;
  worker.deadline_ms.reset();
}

void WorkerRegistry::Create(JobId job, const StartRequest& request, Actions& actions) {
  Worker& worker = workers_[job];
  worker.serial = WorkerSerial{++last_serial_};
  worker.attempt = request.attempt;
  worker.identity = request.identity;
  // No deadline of ours: the download has its own.
  actions.emplace_back(Action::Fetch{worker.serial, job});
}

void WorkerRegistry::On(const Event::StartRequested& event, Actions& actions) {
  const StartRequest request{event.attempt, event.identity};
  const auto found = workers_.find(event.job);
  if (found == workers_.end()) {
    if (workers_.size() < options_.worker_count_max) return Create(event.job, request, actions);
    actions.emplace_back(Action::ReportFailed{event.job, event.attempt, ResourceExhausted("too many workers on this TaskManager, limit=" + std::to_string(options_.worker_count_max))});
    return;
  }
  Worker& worker = found->second;
  const AttemptId newest = worker.next.has_value() ? worker.next->attempt : worker.attempt;
  if (event.attempt < newest) {
    actions.emplace_back(Action::Ignored{"start request of a stale attempt"});
    return;
  }
  if (LeavesSoon(worker)) {
    worker.next = request;
    return;
  }
  if (worker.identity != event.identity) {  // Another shape of the job: it needs another process.
    worker.next = request;
    return Stop(event.job, Cancelled("the job was changed: its worker is replaced"), options_.cancellation_timeout_ms, actions);
  }
  worker.attempt = event.attempt;
  if (worker.state == State::kReady) Reuse(event.job, worker, actions);
}

// Tasks of an older attempt end first: a JobManager that lost sight of them may not have asked for it.
void WorkerRegistry::Reuse(JobId job, Worker& worker, Actions& actions) {
  if (worker.cancellation.has_value()) {
    worker.cancellation->ready_after = true;
    return;
  }
  if (!worker.running.empty() && worker.running_attempt < worker.attempt) {
    return Cancel(worker, {.attempt = worker.running_attempt, .deadline_ms = now_ms_ + options_.cancellation_timeout_ms, .asked = false, .ready_after = true}, actions);
  }
  actions.emplace_back(Action::ReportReady{job, worker.attempt, worker.process_id});
}

void WorkerRegistry::Cancel(Worker& worker, const Cancellation& cancellation, Actions& actions) {
  worker.cancellation = cancellation;
  actions.emplace_back(Action::SendCancel{worker.serial, cancellation.attempt});
}

void WorkerRegistry::On(const Event::StopRequested& event, Actions& actions) {
  const auto found = workers_.find(event.job);
  if (found == workers_.end()) {
    actions.emplace_back(Action::Ignored{"stop request without a worker"});
    return;
  }
  found->second.next.reset();
  Stop(event.job, Cancelled("the worker was stopped on request"), options_.cancellation_timeout_ms, actions);
}

void WorkerRegistry::Stop(JobId job, const Status& reason, int64_t timeout_ms, Actions& actions) {
  Worker& worker = workers_.at(job);
  if (LeavesSoon(worker)) {
    if (worker.state == State::kStopping) worker.deadline_ms = std::min(*worker.deadline_ms, now_ms_ + timeout_ms);
    return;
  }
  if (worker.state != State::kReady) return Kill(job, reason, actions);
  MoveTo(worker, State::kStopping);
  worker.end_reason = reason;
  worker.deadline_ms = now_ms_ + timeout_ms;
  actions.emplace_back(Action::SendStop{worker.serial});
}

void WorkerRegistry::Kill(JobId job, const Status& reason, Actions& actions) {
  Worker& worker = workers_.at(job);
  if (worker.state == State::kKilled) return;
  if (worker.end_reason.ok()) worker.end_reason = reason;
  if (!worker.launched) return End(job, reason, actions);
  MoveTo(worker, State::kKilled);
  actions.emplace_back(Action::Kill{worker.serial});
}

void WorkerRegistry::End(JobId job, const Status& how, Actions& actions) {
  const auto found = workers_.find(job);
  const Worker worker = std::move(found->second);
  workers_.erase(found);
  actions.emplace_back(Action::Forget{worker.serial, job});
  actions.emplace_back(Action::ReportFailed{job, worker.attempt, worker.end_reason.ok() ? how : worker.end_reason});
  if (worker.cancellation.has_value() && worker.cancellation->asked) {
    actions.emplace_back(Action::ReportTasksCancelled{job, worker.cancellation->attempt});
  }
  if (worker.next.has_value()) Create(job, *worker.next, actions);
}

void WorkerRegistry::On(const Event::CancelRequested& event, Actions& actions) {
  const auto found = workers_.find(event.job);
  if (found == workers_.end() || found->second.state < State::kReady) {  // No tasks here.
    actions.emplace_back(Action::ReportTasksCancelled{event.job, event.attempt});
    return;
  }
  Worker& worker = found->second;
  const std::optional<Cancellation>& running = worker.cancellation;
  const bool ready_after = running.has_value() && running->ready_after;
  const int64_t deadline_ms = running.has_value() ? running->deadline_ms : now_ms_ + options_.cancellation_timeout_ms;
  const Cancellation cancellation{.attempt = event.attempt, .deadline_ms = deadline_ms, .asked = true, .ready_after = ready_after};
  if (LeavesSoon(worker)) {
    worker.cancellation = cancellation;  // Answered by its end.
    return;
  }
  Cancel(worker, cancellation, actions);
}

void WorkerRegistry::On(const Event::TasksDeployed& event, Actions& actions) {
  const auto found = workers_.find(event.job);
  if (found == workers_.end() || found->second.state != State::kReady || event.attempt < found->second.attempt) {
    actions.emplace_back(Action::Ignored{"deployment without a worker for it"});
    return;
  }
  found->second.attempt = event.attempt;
  // Parts of one deployment add up.
  if (found->second.running_attempt != event.attempt) found->second.running.clear();
  found->second.running_attempt = event.attempt;
  found->second.running.insert(found->second.running.end(), event.subtasks.begin(), event.subtasks.end());
}

std::map<JobId, WorkerRegistry::Worker>::iterator WorkerRegistry::Find(WorkerSerial serial) {
  return std::find_if(workers_.begin(), workers_.end(), [serial](const auto& entry) { return entry.second.serial == serial; });
}

void WorkerRegistry::On(const Event::ArtifactFetched& event, Actions& actions) {
  const auto found = Find(event.serial);
  if (found == workers_.end() || found->second.state != State::kFetching) {
    actions.emplace_back(Action::Ignored{"library of a worker that is not wanted any more"});
    return;
  }
  if (!event.status.ok()) return End(found->first, event.status.WithContext("the job's library cannot be fetched"), actions);
  MoveTo(found->second, State::kLaunching);
  found->second.deadline_ms = now_ms_ + options_.start_timeout_ms;
  found->second.launched = true;
  actions.emplace_back(Action::Launch{event.serial});
}

void WorkerRegistry::On(const Event::ProcessStarted& event, Actions& actions) {
  const auto found = Find(event.serial);
  if (found == workers_.end()) return;
  found->second.process_id = event.process_id;
  if (found->second.state != State::kLaunching) return;  // Killed already; the launcher keeps the order.
  const std::optional<int64_t> deadline_ms = found->second.deadline_ms;
  MoveTo(found->second, State::kLoading);
  found->second.deadline_ms = deadline_ms;
  actions.emplace_back(Action::SendStart{event.serial, found->second.attempt});
}

void WorkerRegistry::On(const Event::Ready& event, Actions& actions) {
  const auto found = Find(event.serial);
  if (found == workers_.end() || found->second.state != State::kLoading) {
    actions.emplace_back(Action::Ignored{"worker is ready, but not expected to be"});
    return;
  }
  MoveTo(found->second, State::kReady);
  actions.emplace_back(Action::ReportReady{found->first, found->second.attempt, found->second.process_id});
}

void WorkerRegistry::On(const Event::Failed& event, Actions& actions) {
  const auto found = Find(event.serial);
  if (found == workers_.end()) return;
  // Its own words are better than those of its end.
  if (found->second.end_reason.ok()) found->second.end_reason = event.failure;
  Kill(found->first, event.failure, actions);
}

void WorkerRegistry::On(const Event::Exited& event, Actions& actions) {
  const auto found = Find(event.serial);
  CHECK(!event.how.ok());
  if (found == workers_.end()) return;
  End(found->first, event.how, actions);
}

void WorkerRegistry::On(const Event::TasksCancelled& event, Actions& actions) {
  const auto found = Find(event.serial);
  if (found == workers_.end()) return;
  Worker& worker = found->second;
  if (worker.running_attempt <= event.attempt) worker.running.clear();
  if (!worker.cancellation.has_value() || event.attempt < worker.cancellation->attempt) {
    actions.emplace_back(Action::Ignored{"tasks of an older attempt were cancelled"});
    return;
  }
  const Cancellation done = *worker.cancellation;
  worker.cancellation.reset();
  if (done.asked) actions.emplace_back(Action::ReportTasksCancelled{found->first, done.attempt});
  if (done.ready_after && worker.state == State::kReady) Reuse(found->first, worker, actions);
}

void WorkerRegistry::On(const Event::TaskEnded& event, Actions&) {
  const auto found = Find(event.serial);
  if (found == workers_.end() || found->second.running_attempt != event.attempt) return;
  std::erase(found->second.running, event.subtask);
}

void WorkerRegistry::On(const Event::StopAll& event, Actions& actions) {
  std::vector<JobId> jobs;
  for (const auto& [job, worker] : workers_) jobs.push_back(job);
  for (const JobId& job : jobs) {
    workers_.at(job).next.reset();
    const Status reason = Cancelled(event.reason);
    if (event.graceful) {
      Stop(job, reason, options_.shutdown_timeout_ms, actions);
    } else {
      Kill(job, reason, actions);
    }
  }
}

void WorkerRegistry::On(const Event::Tick&, Actions& actions) {
  std::vector<std::pair<JobId, Status>> late;
  for (auto& [job, worker] : workers_) {
    if (worker.state == State::kKilled) continue;
    const bool state_late = worker.deadline_ms.has_value() && *worker.deadline_ms <= now_ms_;
    const bool cancellation_late = worker.cancellation.has_value() && worker.cancellation->deadline_ms <= now_ms_;
    if (state_late && worker.state < State::kReady) {
      late.emplace_back(job, DeadlineExceeded("the worker was not ready within " + Seconds(options_.start_timeout_ms) + " (worker.start-timeout)"));
    } else if (cancellation_late) {
      // Says more than that it was told to stop meanwhile.
      if (worker.end_reason.code() == StatusCode::kCancelled) worker.end_reason = Status::Ok();
      late.emplace_back(job, DeadlineExceeded("tasks did not end within " + Seconds(options_.cancellation_timeout_ms) +
                                              " after they were cancelled (task.cancellation.timeout): the worker was killed"));
    } else if (state_late) {
      late.emplace_back(job, DeadlineExceeded("the worker did not stop in time and was killed"));
    }
  }
  for (const auto& [job, reason] : late) Kill(job, reason, actions);
}

std::optional<int64_t> WorkerRegistry::next_deadline_ms() const {
  std::optional<int64_t> next;
  const auto consider = [&](int64_t deadline_ms) { next = std::min(next.value_or(deadline_ms), deadline_ms); };
  for (const auto& [job, worker] : workers_) {
    if (worker.state == State::kKilled) continue;
    if (worker.deadline_ms.has_value()) consider(*worker.deadline_ms);
    if (worker.cancellation.has_value()) consider(worker.cancellation->deadline_ms);
  }
  return next;
}

std::optional<WorkerSerial> WorkerRegistry::ReadyWorkerOf(JobId job) const {
  const auto found = workers_.find(job);
  if (found == workers_.end() || found->second.state != State::kReady) return std::nullopt;
  return found->second.serial;
}

std::vector<WorkerRegistry::WorkerReport> WorkerRegistry::Report() const {
  std::vector<WorkerReport> report;
  for (const auto& [job, worker] : workers_) {
    report.push_back({job, worker.running.empty() ? worker.attempt : worker.running_attempt, worker.running});
  }
  return report;
}

}  // namespace weir
