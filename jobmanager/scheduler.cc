#include "jobmanager/scheduler.h"

#include <set>

#include "base/check.h"

namespace weir {
namespace {

using Phase = Scheduler::Phase;

bool Allowed(Phase from, Phase to) {
  if (to == Phase::kSuspended) return from != Phase::kEnded && from != Phase::kSuspended;
  if (to == Phase::kEnding) return from < Phase::kEnding;
  switch (from) {
    case Phase::kCreated: return to == Phase::kWaitingForSlots;
    case Phase::kWaitingForSlots: return to == Phase::kStartingWorkers || to == Phase::kRestartCancelling;
    case Phase::kStartingWorkers: return to == Phase::kDeploying || to == Phase::kRestartCancelling;
    case Phase::kDeploying: return to == Phase::kRunning || to == Phase::kRestartCancelling;
    case Phase::kRunning: return to == Phase::kRestartCancelling;
    case Phase::kRestartCancelling: return to == Phase::kRestartPause;
    case Phase::kRestartPause: return to == Phase::kWaitingForSlots;
    case Phase::kEnding: return to == Phase::kWritingTerminal;
    case Phase::kWritingTerminal: return to == Phase::kEnded;
    case Phase::kEnded: return false;
    case Phase::kSuspended: return false;
  }
  return false;
}

}  // namespace

Scheduler::Scheduler(const JobGraph& graph, LeaderEpoch epoch, Options options)
    : graph_(graph), epoch_(epoch), options_(options), restart_strategy_(options.restart), attempt_{epoch, 0} {
  CHECK(epoch.value > 0);
  for (const JobVertex& vertex : graph_.vertices) tasks_.emplace_back(vertex.parallelism, TaskStatus::kCreated);
}

Scheduler::Actions Scheduler::Step(const SchedulerEvent::Any& event, int64_t now_ms) {
  CHECK(now_ms >= now_ms_);
  now_ms_ = now_ms;
  Actions actions;
  if (phase_ == Phase::kSuspended || phase_ == Phase::kEnded) {
    Ignore(SchedulerVerdict::kNotExpected, actions);
    return actions;
  }
  std::visit([&](const auto& concrete) { On(concrete, actions); }, event);
  ContinueWhenQuiet(actions);
  if (deadline_ms_.has_value()) actions.push_back(SchedulerAction::ScheduleTick{*deadline_ms_});
  if (phase_ == Phase::kRestartPause && now_ms_ < restart_at_ms_) {
    actions.push_back(SchedulerAction::ScheduleTick{restart_at_ms_});
  }
  return actions;
}

JobStatus Scheduler::status() const {
  switch (phase_) {
    case Phase::kCreated:
    case Phase::kWaitingForSlots:
    case Phase::kStartingWorkers: return undeployed_status_;
    case Phase::kDeploying:
    case Phase::kRunning: return JobStatus::kRunning;
    case Phase::kRestartCancelling:
    case Phase::kRestartPause: return JobStatus::kRestarting;
    case Phase::kEnding:
    case Phase::kWritingTerminal:
      if (ending_status_ == JobStatus::kFinished) return JobStatus::kRunning;
      return ending_status_ == JobStatus::kCanceled ? JobStatus::kCancelling : JobStatus::kFailing;
    case Phase::kEnded: return ending_status_;
    case Phase::kSuspended: return JobStatus::kSuspended;
  }
  return JobStatus::kSuspended;
}

void Scheduler::MoveTo(Phase next, Actions& actions, const Status& cause) {
  CHECK(Allowed(phase_, next));
  const JobStatus before = status();
  phase_ = next;
  deadline_ms_.reset();
  // A failure is told even when it changes nothing: the job was restarting already.
  if (status() != before || !cause.ok()) actions.push_back(SchedulerAction::StatusChanged{status(), cause});
}

bool Scheduler::Ignore(SchedulerVerdict verdict, Actions& actions) const {
  actions.push_back(SchedulerAction::MessageIgnored{verdict});
  return true;
}

bool Scheduler::HasTasks() const {
  return phase_ == Phase::kStartingWorkers || phase_ == Phase::kDeploying || phase_ == Phase::kRunning;
}

bool Scheduler::AnyWorkerIn(WorkerState state) const {
  return std::any_of(workers_.begin(), workers_.end(), [state](const auto& worker) { return worker.second == state; });
}

void Scheduler::On(const SchedulerEvent::Submitted& event, Actions& actions) {
  if (phase_ != Phase::kCreated) {
    Ignore(SchedulerVerdict::kDuplicate, actions);
    return;
  }
  newest_checkpoint_ = event.restored;
  RequestSlots(actions);
}

void Scheduler::RequestSlots(Actions& actions) {
  MoveTo(Phase::kWaitingForSlots, actions);
  deadline_ms_ = now_ms_ + options_.slot_request_timeout_ms;
  actions.push_back(SchedulerAction::RequestSlots{RequiredSlots(graph_)});
}

void Scheduler::On(const SchedulerEvent::SlotsGranted& event, Actions& actions) {
  if (phase_ != Phase::kWaitingForSlots || event.slots.size() < RequiredSlots(graph_)) {
    Ignore(SchedulerVerdict::kNotExpected, actions);
    return;
  }
  MoveTo(Phase::kStartingWorkers, actions);
  deadline_ms_ = now_ms_ + options_.deployment_timeout_ms;
  if (attempt_.restart > 0) ++restarts_;
  ++attempt_.restart;
  for (std::vector<TaskStatus>& vertex : tasks_) std::fill(vertex.begin(), vertex.end(), TaskStatus::kScheduled);
  placements_ = AssignSlots(graph_, event.slots);
  std::set<std::string> used;
  for (const TaskPlacement& placement : placements_) used.insert(placement.slot.task_manager);
  for (const auto& [task_manager, state] : workers_) {
    if (!used.contains(task_manager)) actions.push_back(SchedulerAction::StopWorker{task_manager});
  }
  std::erase_if(workers_, [&](const auto& worker) { return !used.contains(worker.first); });
  for (const std::string& task_manager : used) {
    workers_[task_manager] = WorkerState::kStarting;
    actions.push_back(SchedulerAction::StartWorker{attempt_, task_manager});
  }
}

void Scheduler::On(const SchedulerEvent::WorkerReady& event, Actions& actions) {
  if (event.attempt != attempt_) {
    Ignore(SchedulerVerdict::kStaleAttempt, actions);
    return;
  }
  const auto worker = workers_.find(event.task_manager);
  if (worker == workers_.end() || worker->second != WorkerState::kStarting) {
    Ignore(worker == workers_.end() ? SchedulerVerdict::kUnknownWorker : SchedulerVerdict::kDuplicate, actions);
    return;
  }
  CHECK(phase_ == Phase::kStartingWorkers);
  worker->second = WorkerState::kReady;
  if (!AnyWorkerIn(WorkerState::kStarting)) Deploy(actions);
}

void Scheduler::Deploy(Actions& actions) {
  CHECK(!publication_.has_value());  // R10
  const std::optional<int64_t> deadline_ms = deadline_ms_;
  MoveTo(Phase::kDeploying, actions);
  deadline_ms_ = deadline_ms;
  for (auto& [task_manager, state] : workers_) {
    SchedulerAction::DeployTasks deploy{attempt_, task_manager, {}, newest_checkpoint_};
    for (const TaskPlacement& placement : placements_) {
      if (placement.slot.task_manager == task_manager) deploy.tasks.push_back(placement);
    }
    state = WorkerState::kDeployed;
    actions.push_back(std::move(deploy));
  }
  for (std::vector<TaskStatus>& vertex : tasks_) std::fill(vertex.begin(), vertex.end(), TaskStatus::kDeploying);
}

void Scheduler::On(const SchedulerEvent::WorkerFailed& event, Actions& actions) {
  if (event.attempt != attempt_) {
    Ignore(SchedulerVerdict::kStaleAttempt, actions);
    return;
  }
  WorkerGone(event.task_manager, event.reason, event.jitter, actions);
}

void Scheduler::On(const SchedulerEvent::TaskManagerLost& event, Actions& actions) {
  WorkerGone(event.task_manager, Unavailable("TaskManager lost, id=" + event.task_manager), event.jitter, actions);
}

void Scheduler::WorkerGone(const std::string& task_manager, const Status& reason, double jitter, Actions& actions) {
  if (workers_.erase(task_manager) == 0) {
    Ignore(SchedulerVerdict::kUnknownWorker, actions);
    return;
  }
  if (HasTasks()) Fail(reason, jitter, actions);
}

void Scheduler::On(const SchedulerEvent::TasksCancelled& event, Actions& actions) {
  if (event.attempt != attempt_) {
    Ignore(SchedulerVerdict::kStaleAttempt, actions);
    return;
  }
  const auto worker = workers_.find(event.task_manager);
  if (worker == workers_.end() || worker->second != WorkerState::kCancelling) {
    Ignore(worker == workers_.end() ? SchedulerVerdict::kUnknownWorker : SchedulerVerdict::kNotExpected, actions);
    return;
  }
  worker->second = WorkerState::kIdle;
}

void Scheduler::On(const SchedulerEvent::TaskChanged& event, Actions& actions) {
  std::optional<SchedulerVerdict> verdict;
  const uint32_t vertex = event.subtask.vertex.value;
  if (event.attempt != attempt_) {
    verdict = SchedulerVerdict::kStaleAttempt;
  } else if (vertex >= tasks_.size() || event.subtask.subtask >= tasks_[vertex].size()) {
    verdict = SchedulerVerdict::kUnknownTask;
  } else if (phase_ != Phase::kDeploying && phase_ != Phase::kRunning) {
    verdict = SchedulerVerdict::kNotExpected;
  } else if (event.status <= tasks_[vertex][event.subtask.subtask] || HasEnded(tasks_[vertex][event.subtask.subtask])) {
    verdict = SchedulerVerdict::kDuplicate;
  }
  if (verdict.has_value()) {
    Ignore(*verdict, actions);
    return;
  }
  tasks_[vertex][event.subtask.subtask] = event.status;
  if (event.status == TaskStatus::kFailed || event.status == TaskStatus::kCanceled) {
    Fail(event.failure.ok() ? Internal("task ended unasked") : event.failure, event.jitter, actions);
    return;
  }
  OnTaskProgress(actions);
}

// A task that said there that it runs, and is not there any more though it never ended: its end got lost.
void Scheduler::On(const SchedulerEvent::TasksReported& event, Actions& actions) {
  if (event.attempt != attempt_ || (phase_ != Phase::kDeploying && phase_ != Phase::kRunning)) return;
  const std::set<SubtaskId> there(event.running.begin(), event.running.end());
  for (const TaskPlacement& placement : placements_) {
    const TaskStatus status = StatusOf(placement.subtask);
    const bool should_be_there = status == TaskStatus::kRunning || status == TaskStatus::kDrained;
    if (placement.slot.task_manager != event.task_manager || !should_be_there || there.contains(placement.subtask)) continue;
    return Fail(Unavailable("TaskManager " + event.task_manager + " no longer has a task that was running there, vertex=" +
                            graph_.vertices[placement.subtask.vertex.value].name + ", subtask=" + std::to_string(placement.subtask.subtask) +
                            ", attempt=" + attempt_.ToString()),
                event.jitter, actions);
  }
}

// The job follows when its last task starts to run or finishes.
void Scheduler::OnTaskProgress(Actions& actions) {
  SchedulerAction::StartCheckpointing start{attempt_, {}, {}};
  size_t task_count = 0;
  for (uint32_t vertex = 0; vertex < tasks_.size(); ++vertex) {
    for (uint32_t subtask = 0; subtask < tasks_[vertex].size(); ++subtask) {
      const TaskStatus status = tasks_[vertex][subtask];
      const SubtaskId id{.vertex = {vertex}, .subtask = subtask};
      if (status < TaskStatus::kRunning) return;
      ++task_count;
      if (status == TaskStatus::kFinished) start.finished.push_back(id);
      if (status == TaskStatus::kDrained) start.drained.push_back(id);
    }
  }
  if (start.finished.size() == task_count) return End(JobStatus::kFinished, {}, actions);
  if (phase_ == Phase::kRunning) return;
  MoveTo(Phase::kRunning, actions);
  checkpointing_ = true;
  actions.push_back(std::move(start));
}

void Scheduler::On(const SchedulerEvent::CheckpointingFailed& event, Actions& actions) {
  if (event.attempt != attempt_ || !HasTasks()) {
    Ignore(SchedulerVerdict::kStaleAttempt, actions);
    return;
  }
  const Status reason = Unavailable(event.reason);
  event.restarts_only ? Restart(reason, 0, actions) : Fail(reason, event.jitter, actions);
}

void Scheduler::On(const SchedulerEvent::PublicationStarted& event, Actions&) {
  CHECK(!publication_.has_value());
  publication_ = event.id;
}

void Scheduler::On(const SchedulerEvent::PublicationSettled& event, Actions&) {
  CHECK(publication_ == event.id);
  publication_.reset();
  if (event.published) newest_checkpoint_ = event.id;
}

void Scheduler::On(const SchedulerEvent::CancelRequested&, Actions& actions) {
  if (phase_ == Phase::kEnding && ending_status_ == JobStatus::kFailed) {
    ending_status_ = JobStatus::kCanceled;
    actions.push_back(SchedulerAction::StatusChanged{status(), {}});
    return;
  }
  if (phase_ >= Phase::kEnding) {
    Ignore(SchedulerVerdict::kNotExpected, actions);
    return;
  }
  End(JobStatus::kCanceled, {}, actions);
}

void Scheduler::On(const SchedulerEvent::FatalFailure& event, Actions& actions) {
  if (phase_ >= Phase::kEnding) {
    Ignore(SchedulerVerdict::kNotExpected, actions);
    return;
  }
  cause_ = event.reason;
  End(JobStatus::kFailed, event.reason, actions);
}

void Scheduler::On(const SchedulerEvent::TerminalWritten&, Actions& actions) {
  if (phase_ != Phase::kWritingTerminal) {
    Ignore(SchedulerVerdict::kNotExpected, actions);
    return;
  }
  MoveTo(Phase::kEnded, actions, cause_);
  LetGo(actions);
  actions.push_back(SchedulerAction::JobEnded{ending_status_});
}

// However the job has ended: nobody can rely on it.
void Scheduler::On(const SchedulerEvent::TerminalImpossible& event, Actions& actions) {
  if (phase_ != Phase::kWritingTerminal) {
    Ignore(SchedulerVerdict::kNotExpected, actions);
    return;
  }
  cause_ = event.reason;
  ending_status_ = JobStatus::kFailed;
  MoveTo(Phase::kEnded, actions, cause_);
  LetGo(actions);
  actions.push_back(SchedulerAction::JobEnded{.status = ending_status_, .recorded = false});
}

// R3: the job is somebody else's. Workers that know the other leader's epoch ignore ours.
void Scheduler::On(const SchedulerEvent::LeadershipLost&, Actions& actions) {
  StopCheckpointing(actions);
  MoveTo(Phase::kSuspended, actions);
  LetGo(actions);
}

void Scheduler::LetGo(Actions& actions) {
  for (const auto& [task_manager, state] : workers_) actions.push_back(SchedulerAction::StopWorker{task_manager});
  workers_.clear();
  actions.push_back(SchedulerAction::ReleaseSlots{});
}

void Scheduler::On(const SchedulerEvent::Tick& event, Actions& actions) {
  if (deadline_ms_.has_value() && now_ms_ >= *deadline_ms_) OnDeadline(event.jitter, actions);
}

void Scheduler::OnDeadline(double jitter, Actions& actions) {
  switch (phase_) {
    case Phase::kWaitingForSlots:
      return Fail(ResourceExhausted("not enough slots, needed=" + std::to_string(RequiredSlots(graph_))), jitter, actions);
    case Phase::kStartingWorkers:
    case Phase::kDeploying: return Fail(DeadlineExceeded("deployment took too long"), jitter, actions);
    case Phase::kRestartCancelling:
    case Phase::kEnding:
      // R31. The answer is WorkerFailed; until it comes the worker may still run tasks.
      for (const auto& [task_manager, state] : workers_) {
        if (state == WorkerState::kCancelling) actions.push_back(SchedulerAction::KillWorker{attempt_, task_manager});
      }
      deadline_ms_ = now_ms_ + options_.cancellation_timeout_ms;
      return;
    default: CHECK(false);
  }
}

void Scheduler::Fail(const Status& reason, double jitter, Actions& actions) {
  cause_ = reason;
  const std::optional<int64_t> delay_ms = restart_strategy_.OnFailure(now_ms_, jitter);
  delay_ms.has_value() ? Restart(reason, *delay_ms, actions) : End(JobStatus::kFailed, reason, actions);
}

void Scheduler::Restart(const Status& reason, int64_t delay_ms, Actions& actions) {
  cause_ = reason;
  restart_at_ms_ = now_ms_ + delay_ms;
  StopCheckpointing(actions);
  MoveTo(Phase::kRestartCancelling, actions, reason);
  undeployed_status_ = JobStatus::kRestarting;
  CancelAllTasks(actions);
}

void Scheduler::End(JobStatus status, const Status& cause, Actions& actions) {
  CHECK(IsTerminal(status));
  StopCheckpointing(actions);
  ending_status_ = status;
  MoveTo(Phase::kEnding, actions, cause);
  if (status == JobStatus::kFinished) {
    for (auto& [task_manager, state] : workers_) state = WorkerState::kIdle;
  }
  CancelAllTasks(actions);
}

void Scheduler::CancelAllTasks(Actions& actions) {
  for (auto& [task_manager, state] : workers_) {
    if (state == WorkerState::kIdle || state == WorkerState::kCancelling) continue;
    state = WorkerState::kCancelling;
    actions.push_back(SchedulerAction::CancelTasks{attempt_, task_manager});
  }
  if (AnyWorkerIn(WorkerState::kCancelling)) deadline_ms_ = now_ms_ + options_.cancellation_timeout_ms;
}

void Scheduler::StopCheckpointing(Actions& actions) {
  if (!checkpointing_) return;
  checkpointing_ = false;
  actions.push_back(SchedulerAction::StopCheckpointing{attempt_});
}

// Goes on once nothing of the old attempt runs any more and no publication is in flight.
void Scheduler::ContinueWhenQuiet(Actions& actions) {
  if (phase_ == Phase::kRestartCancelling && !AnyWorkerIn(WorkerState::kCancelling)) MoveTo(Phase::kRestartPause, actions);
  const bool settled = !publication_.has_value();
  if (phase_ == Phase::kRestartPause && settled && now_ms_ >= restart_at_ms_) RequestSlots(actions);
  if (phase_ == Phase::kEnding && settled && !AnyWorkerIn(WorkerState::kCancelling)) {
    MoveTo(Phase::kWritingTerminal, actions);
    actions.push_back(SchedulerAction::WriteTerminal{ending_status_, cause_.ok() ? "" : cause_.ToString()});
  }
}

}  // namespace weir
