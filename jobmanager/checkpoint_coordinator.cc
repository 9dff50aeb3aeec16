#include "jobmanager/checkpoint_coordinator.h"

#include "base/check.h"
#include "runtime/graph/state_evolution.h"

namespace weir {
namespace {

using Phase = CheckpointCoordinator::Phase;

constexpr int64_t kFinalRetryPauseMs = 100;

bool Allowed(Phase from, Phase to) {
  switch (from) {
    case Phase::kStopped: return to == Phase::kRunning;
    case Phase::kRunning: return to == Phase::kPending || to == Phase::kStopped;
    case Phase::kPending: return to == Phase::kRunning || to == Phase::kPublishing || to == Phase::kStopped;
    case Phase::kPublishing: return to == Phase::kRunning || to == Phase::kPublishingStopped;
    case Phase::kPublishingStopped: return to == Phase::kStopped;
  }
  return false;
}

// Failures that say something about the health of checkpointing.
bool Counts(CheckpointFailure failure) {
  return failure == CheckpointFailure::kDeclined || failure == CheckpointFailure::kExpired ||
         failure == CheckpointFailure::kPublishFailed;
}

}  // namespace

CheckpointCoordinator::CheckpointCoordinator(const JobGraph& graph, JobId job_id,
                                             std::vector<CheckpointId> already_retained)
    : graph_(graph), job_id_(job_id), retained_(std::move(already_retained)) {
  CHECK(graph_.checkpoint.retained_max >= 1);
  if (!retained_.empty()) last_id_ = retained_.back();
}

CheckpointCoordinator::Actions CheckpointCoordinator::Step(const CoordinatorEvent::Any& event, int64_t now_ms) {
  CHECK(now_ms >= now_ms_);
  now_ms_ = now_ms;
  Actions actions;
  std::visit([&](const auto& concrete) { On(concrete, actions); }, event);
  TriggerWhenDue(actions);
  ScheduleNextTick(actions);
  return actions;
}

void CheckpointCoordinator::MoveTo(Phase next) {
  CHECK(Allowed(phase_, next));
  phase_ = next;
  CHECK(pending_.has_value() == (phase_ == Phase::kPending || publishing()));
}

bool CheckpointCoordinator::AttemptRuns() const {
  return phase_ == Phase::kRunning || phase_ == Phase::kPending || phase_ == Phase::kPublishing;
}

// True when a task's message must change nothing.
bool CheckpointCoordinator::Fence(AttemptId attempt, SubtaskId subtask, Actions& actions) const {
  std::optional<CoordinatorVerdict> verdict;
  if (!AttemptRuns() || attempt != attempt_) {
    verdict = CoordinatorVerdict::kStaleAttempt;
  } else if (subtask.vertex.value >= tasks_.size() || subtask.subtask >= tasks_[subtask.vertex.value].size()) {
    verdict = CoordinatorVerdict::kUnknownSubtask;
  }
  if (verdict.has_value()) actions.push_back(CoordinatorAction::MessageIgnored{*verdict});
  return verdict.has_value();
}

// True when `id` is not the checkpoint that waits for acknowledgements.
bool CheckpointCoordinator::FenceCheckpoint(CheckpointId id, Actions& actions) const {
  if (phase_ == Phase::kPending && pending_->id == id) return false;
  const bool never_triggered = id > last_id_ || id.value == 0;
  actions.push_back(CoordinatorAction::MessageIgnored{never_triggered ? CoordinatorVerdict::kUnknownCheckpoint
                                                                      : CoordinatorVerdict::kLate});
  return true;
}

void CheckpointCoordinator::On(const CoordinatorEvent::AttemptStarted& event, Actions&) {
  CHECK(phase_ == Phase::kStopped);
  CHECK(event.attempt > attempt_);
  attempt_ = event.attempt;
  wall_offset_ms_ = event.wall_offset_ms;
  last_id_ = std::max(last_id_, event.last_id);
  tasks_.clear();
  for (const JobVertex& vertex : graph_.vertices) tasks_.emplace_back(vertex.parallelism);
  for (const SubtaskId subtask : event.drained) TaskOf(subtask).state = TaskState::kDrained;
  for (const SubtaskId subtask : event.finished) TaskOf(subtask).state = TaskState::kFinished;
  next_periodic_ms_ = now_ms_ + std::max(graph_.checkpoint.interval_ms, graph_.checkpoint.min_pause_ms);
  requested_ = false;
  consecutive_failures_ = 0;
  stopping_ = Stopping::kNo;
  CHECK(savepoints_.empty());
  MoveTo(Phase::kRunning);
}

void CheckpointCoordinator::On(const CoordinatorEvent::AttemptStopped& event, Actions& actions) {
  if (!AttemptRuns() || event.attempt != attempt_) {
    actions.push_back(CoordinatorAction::MessageIgnored{CoordinatorVerdict::kStaleAttempt});
    return;
  }
  stopping_ = Stopping::kStopped;
  FailWaitingSavepoints("the job restarted or ended before the savepoint was taken", actions);
  if (phase_ == Phase::kPublishing) return MoveTo(Phase::kPublishingStopped);
  if (phase_ == Phase::kPending) Abort(CheckpointFailure::kAttemptStopped, {}, actions);
  MoveTo(Phase::kStopped);
}

void CheckpointCoordinator::On(const CoordinatorEvent::TaskDrained& event, Actions& actions) {
  if (Fence(event.attempt, event.subtask, actions)) return;
  Task& task = TaskOf(event.subtask);
  if (task.state != TaskState::kRunning) {
    actions.push_back(CoordinatorAction::MessageIgnored{CoordinatorVerdict::kDuplicate});
    return;
  }
  task.state = TaskState::kDrained;
  task.ordered_to_drain = stopping_ == Stopping::kDraining && !task.covered;
}

void CheckpointCoordinator::On(const CoordinatorEvent::TaskFinished& event, Actions& actions) {
  if (Fence(event.attempt, event.subtask, actions)) return;
  Task& task = TaskOf(event.subtask);
  if (task.state == TaskState::kFinished) {
    actions.push_back(CoordinatorAction::MessageIgnored{CoordinatorVerdict::kDuplicate});
    return;
  }
  task.state = TaskState::kFinished;
  if (phase_ != Phase::kPending) return;
  const uint32_t vertex = event.subtask.vertex.value;
  const bool missing = pending_->expected[vertex][event.subtask.subtask] &&
                       !pending_->acknowledged[vertex][event.subtask.subtask].has_value();
  if (missing) Abort(CheckpointFailure::kTaskFinished, {}, actions);
}

void CheckpointCoordinator::On(const CoordinatorEvent::Acknowledged& event, Actions& actions) {
  if (Fence(event.attempt, event.subtask, actions) || FenceCheckpoint(event.id, actions)) return;
  const uint32_t vertex = event.subtask.vertex.value;
  std::optional<TaskSnapshot>& slot = pending_->acknowledged[vertex][event.subtask.subtask];
  std::optional<CoordinatorVerdict> verdict;
  if (!pending_->expected[vertex][event.subtask.subtask]) verdict = CoordinatorVerdict::kNotExpected;
  if (slot.has_value()) verdict = CoordinatorVerdict::kDuplicate;
  if (verdict.has_value()) {
    actions.push_back(CoordinatorAction::MessageIgnored{*verdict});
    return;
  }
  slot = event.snapshot;
  CHECK(pending_->missing_count > 0);
  --pending_->missing_count;
  if (pending_->missing_count == 0) Publish(actions);
}

void CheckpointCoordinator::On(const CoordinatorEvent::Declined& event, Actions& actions) {
  if (Fence(event.attempt, event.subtask, actions) || FenceCheckpoint(event.id, actions)) return;
  Abort(CheckpointFailure::kDeclined, event.reason, actions);
}

void CheckpointCoordinator::On(const CoordinatorEvent::Published& event, Actions& actions) {
  if (!IsPublishing(event.id)) {
    actions.push_back(CoordinatorAction::MessageIgnored{CoordinatorVerdict::kNotPublishing});
    return;
  }
  if (pending_->savepoint.has_value()) return OnSavepointPublished(actions);
  consecutive_failures_ = 0;
  if (phase_ == Phase::kPublishing) {
    MarkCovered();
    actions.push_back(CoordinatorAction::NotifyComplete{attempt_, event.id});
  }
  // The pause counts from the completion; the grid of the interval from the trigger.
  next_periodic_ms_ = std::max(pending_->triggered_at_ms + graph_.checkpoint.interval_ms,
                               now_ms_ + graph_.checkpoint.min_pause_ms);
  Retain(event.id, actions);
  Settle();
}

void CheckpointCoordinator::Retain(CheckpointId id, Actions& actions) {
  retained_.push_back(id);
  if (retained_.size() <= graph_.checkpoint.retained_max) return;
  retained_.erase(retained_.begin(), retained_.end() - graph_.checkpoint.retained_max);
  actions.push_back(CoordinatorAction::ReleaseOlder{retained_.front()});
}

void CheckpointCoordinator::OnSavepointPublished(Actions& actions) {
  const SavepointRequest request = *pending_->savepoint;
  const CheckpointId id = pending_->id;
  if (request.stops()) {
    if (phase_ == Phase::kPublishing) {
      MarkCovered();
      stopping_ = Stopping::kStopped;
      actions.push_back(CoordinatorAction::NotifyComplete{attempt_, id});
      FailWaitingSavepoints("the job was stopped with savepoint " + request.directory, actions);
    }
    Retain(id, actions);  // Recovery begins with it from now on.
  }
  next_periodic_ms_ = std::max(next_periodic_ms_, now_ms_ + graph_.checkpoint.min_pause_ms);
  actions.push_back(CoordinatorAction::SavepointEnded{request, id, std::nullopt});
  Settle();
}

void CheckpointCoordinator::On(const CoordinatorEvent::PublishFailed& event, Actions& actions) {
  if (!IsPublishing(event.id)) {
    actions.push_back(CoordinatorAction::MessageIgnored{CoordinatorVerdict::kNotPublishing});
    return;
  }
  const bool runs = AttemptRuns();
  if (runs) {
    actions.push_back(CoordinatorAction::NotifyAborted{attempt_, event.id, CheckpointFailure::kPublishFailed, event.reason});
  }
  const std::optional<SavepointRequest> savepoint = pending_->savepoint;
  if (!savepoint.has_value()) next_periodic_ms_ = std::max(next_periodic_ms_, pending_->triggered_at_ms + graph_.checkpoint.interval_ms);
  Settle();
  if (savepoint.has_value()) return FailSavepoint(*savepoint, event.id, event.reason, actions);
  if (runs) CountFailure("publication failed: " + event.reason, actions);
}

void CheckpointCoordinator::On(const CoordinatorEvent::PublishUnknown& event, Actions& actions) {
  if (!IsPublishing(event.id)) {
    actions.push_back(CoordinatorAction::MessageIgnored{CoordinatorVerdict::kNotPublishing});
    return;
  }
  actions.push_back(CoordinatorAction::RetryPublish{event.id});
}

void CheckpointCoordinator::On(const CoordinatorEvent::Tick&, Actions& actions) {
  if (phase_ == Phase::kPending && now_ms_ - pending_->triggered_at_ms >= graph_.checkpoint.timeout_ms) {
    Abort(CheckpointFailure::kExpired, {}, actions);
  }
  if (phase_ == Phase::kRunning && stopping_ == Stopping::kDraining && now_ms_ >= drain_deadline_ms_) {
    const SavepointRequest request = savepoints_.front();
    savepoints_.pop_front();
    FailSavepoint(request, {}, "the job had not drained within execution.checkpointing.timeout", actions);
  }
}

void CheckpointCoordinator::On(const CoordinatorEvent::TriggerRequested&, Actions&) { requested_ = AttemptRuns(); }

void CheckpointCoordinator::On(const CoordinatorEvent::SavepointRequested& event, Actions& actions) {
  std::optional<std::string> refusal;
  if (savepoints_.size() >= kSavepointRequestsMax) refusal = "too many savepoints are waiting";
  if (stopping_ != Stopping::kNo) refusal = "the job is being stopped";
  if (!AttemptRuns()) refusal = "not all tasks of the job are running";
  if (refusal.has_value()) {
    actions.push_back(CoordinatorAction::SavepointEnded{event.request, {}, refusal});
  } else {
    savepoints_.push_back(event.request);
  }
}

bool CheckpointCoordinator::IsPublishing(CheckpointId id) const { return publishing() && pending_->id == id; }

// The outcome of the publication is known.
void CheckpointCoordinator::Settle() {
  pending_.reset();
  MoveTo(phase_ == Phase::kPublishing ? Phase::kRunning : Phase::kStopped);
}

void CheckpointCoordinator::TriggerWhenDue(Actions& actions) {
  if (phase_ != Phase::kRunning || stopping_ == Stopping::kStopped) return;
  if (!savepoints_.empty() && stopping_ == Stopping::kNo && savepoints_.front().after == SavepointRequest::After::kDrain) BeginDrain(actions);
  if (stopping_ == Stopping::kDraining && !AllHaveDrained()) return;
  if (!savepoints_.empty()) {
    if (AnyIsAboutToEnd()) return;  // Its end would abort the savepoint.
    const SavepointRequest request = savepoints_.front();
    savepoints_.pop_front();
    return Trigger(request, actions);
  }
  const bool periodic = graph_.checkpoint.interval_ms > 0 && now_ms_ >= next_periodic_ms_;
  const bool final = now_ms_ >= final_not_before_ms_ && NeedsFinalCheckpoint();
  if (periodic || requested_ || final) Trigger(std::nullopt, actions);
}

bool CheckpointCoordinator::AllHaveDrained() const {
  return std::all_of(tasks_.begin(), tasks_.end(), [](const std::vector<Task>& vertex) {
    return std::all_of(vertex.begin(), vertex.end(), [](const Task& task) { return task.state != TaskState::kRunning; });
  });
}

// Tasks that know that their end is covered finish at once.
bool CheckpointCoordinator::AnyIsAboutToEnd() const {
  return std::any_of(tasks_.begin(), tasks_.end(), [](const std::vector<Task>& vertex) {
    return std::any_of(vertex.begin(), vertex.end(), [](const Task& task) { return task.state == TaskState::kDrained && task.covered; });
  });
}

// Until its savepoint nothing else is triggered: a checkpoint of drained tasks would end them for good, though the drain may fail.
void CheckpointCoordinator::BeginDrain(Actions& actions) {
  stopping_ = Stopping::kDraining;
  drain_deadline_ms_ = now_ms_ + graph_.checkpoint.timeout_ms;
  CoordinatorAction::DrainSources drain{attempt_, {}};
  for (uint32_t vertex = 0; vertex < tasks_.size(); ++vertex) {
    for (uint32_t subtask = 0; subtask < tasks_[vertex].size() && IsSource(graph_, {vertex}); ++subtask) {
      if (tasks_[vertex][subtask].state == TaskState::kRunning) drain.sources.push_back({.vertex = {vertex}, .subtask = subtask});
    }
  }
  if (!drain.sources.empty()) actions.push_back(std::move(drain));
}

// What has drained cannot go on: then the attempt begins anew, from its last checkpoint.
void CheckpointCoordinator::FailSavepoint(const SavepointRequest& request, CheckpointId id, const std::string& reason, Actions& actions) {
  actions.push_back(CoordinatorAction::SavepointEnded{request, id, reason});
  if (stopping_ != Stopping::kDraining) return;
  stopping_ = Stopping::kStopped;
  FailWaitingSavepoints("the job restarts", actions);
  actions.push_back(CoordinatorAction::FailAttempt{attempt_, "the job could not be stopped after it had drained, it goes on from its last checkpoint: " + reason, true});
}

void CheckpointCoordinator::FailWaitingSavepoints(const std::string& reason, Actions& actions) {
  for (const SavepointRequest& request : std::exchange(savepoints_, {})) {
    actions.push_back(CoordinatorAction::SavepointEnded{request, {}, reason});
  }
}

// R25: all input of all tasks is processed, and no published checkpoint says so for all of them.
bool CheckpointCoordinator::NeedsFinalCheckpoint() const {
  bool uncovered = false;
  for (const std::vector<Task>& vertex : tasks_) {
    for (const Task& task : vertex) {
      if (task.state == TaskState::kRunning) return false;
      uncovered |= task.state == TaskState::kDrained && !task.covered;
    }
  }
  return uncovered;
}

void CheckpointCoordinator::Trigger(std::optional<SavepointRequest> savepoint, Actions& actions) {
  Pending pending;
  pending.savepoint = savepoint;
  pending.triggered_at_ms = now_ms_;
  pending.timestamp_ms = now_ms_ + wall_offset_ms_;
  for (const std::vector<Task>& vertex : tasks_) {
    std::vector<bool>& expected = pending.expected.emplace_back();
    for (const Task& task : vertex) expected.push_back(task.state != TaskState::kFinished);
    pending.acknowledged.emplace_back(vertex.size());
    pending.missing_count += static_cast<uint32_t>(std::count(expected.begin(), expected.end(), true));
  }
  if (!savepoint.has_value()) {
    requested_ = false;
    next_periodic_ms_ = now_ms_ + graph_.checkpoint.interval_ms;
  }
  if (pending.missing_count == 0) {  // All have finished: the job is about to end.
    if (savepoint.has_value()) FailSavepoint(*savepoint, {}, "all tasks of the job have finished", actions);
    return;
  }
  ++last_id_.value;
  pending.id = last_id_;
  actions.push_back(CoordinatorAction::TriggerCheckpoint{attempt_, pending.id, pending.timestamp_ms, Roots(), std::move(savepoint)});
  pending_ = std::move(pending);
  MoveTo(Phase::kPending);
}

// Tasks that no barrier can reach: all non-finished ones whose producers have all finished.
std::vector<SubtaskId> CheckpointCoordinator::Roots() const {
  std::vector<SubtaskId> roots;
  for (uint32_t vertex = 0; vertex < tasks_.size(); ++vertex) {
    for (uint32_t subtask = 0; subtask < tasks_[vertex].size(); ++subtask) {
      const SubtaskId id{.vertex = {vertex}, .subtask = subtask};
      if (tasks_[vertex][subtask].state != TaskState::kFinished && AllProducersFinished(id)) roots.push_back(id);
    }
  }
  return roots;
}

bool CheckpointCoordinator::AllProducersFinished(SubtaskId subtask) const {
  for (const JobEdge& edge : graph_.edges) {
    if (edge.to != subtask.vertex) continue;
    for (const uint32_t producer : ProducersOf(graph_, edge, subtask.subtask)) {
      if (tasks_[edge.from.value][producer].state != TaskState::kFinished) return false;
    }
  }
  return true;
}

// Messages of several TaskManagers come in any order: a task may have been heard of before the order and what feeds it after. If
// one goes on, so does what it feeds.
void CheckpointCoordinator::SpreadOrderToDrain() {
  for (bool changed = true; changed;) {
    changed = false;
    for (const JobEdge& edge : graph_.edges) {
      for (uint32_t to = 0; to < tasks_[edge.to.value].size(); ++to) {
        Task& consumer = tasks_[edge.to.value][to];
        if (consumer.ordered_to_drain || consumer.state == TaskState::kFinished) continue;
        const std::vector<uint32_t> producers = ProducersOf(graph_, edge, to);
        consumer.ordered_to_drain = std::any_of(producers.begin(), producers.end(), [&](uint32_t from) { return tasks_[edge.from.value][from].ordered_to_drain; });
        changed |= consumer.ordered_to_drain;
      }
    }
  }
}

void CheckpointCoordinator::Publish(Actions& actions) {
  if (stopping_ == Stopping::kDraining) SpreadOrderToDrain();
  CheckpointMetadata metadata;
  metadata.job_id = job_id_;
  metadata.id = pending_->id;
  metadata.attempt = attempt_;
  metadata.timestamp_ms = pending_->timestamp_ms;
  if (pending_->savepoint.has_value()) metadata.savepoint = pending_->savepoint->format;
  for (size_t vertex = 0; vertex < graph_.vertices.size(); ++vertex) {
    const JobVertex& description = graph_.vertices[vertex];
    VertexCheckpoint& entry = metadata.vertices.emplace_back();
    for (const ChainedOperator& op : description.chain) entry.operators.push_back(SavedOperatorOf(op));
    entry.parallelism = description.parallelism;
    entry.max_parallelism = description.max_parallelism;
    for (const std::optional<TaskSnapshot>& snapshot : pending_->acknowledged[vertex]) {
      SubtaskCheckpoint& subtask = entry.subtasks.emplace_back();
      subtask.finished = !snapshot.has_value();
      subtask.snapshot = snapshot.value_or(TaskSnapshot{});
      if (tasks_[vertex][entry.subtasks.size() - 1].ordered_to_drain) subtask.snapshot.drained = false;
    }
  }
  MoveTo(Phase::kPublishing);
  actions.push_back(CoordinatorAction::Publish{std::move(metadata), pending_->savepoint});
}

void CheckpointCoordinator::MarkCovered() {
  for (size_t vertex = 0; vertex < tasks_.size(); ++vertex) {
    for (size_t subtask = 0; subtask < tasks_[vertex].size(); ++subtask) {
      const std::optional<TaskSnapshot>& snapshot = pending_->acknowledged[vertex][subtask];
      if (snapshot.has_value() && snapshot->drained) tasks_[vertex][subtask].covered = true;
    }
  }
}

void CheckpointCoordinator::Abort(CheckpointFailure failure, const std::string& reason, Actions& actions) {
  CHECK(phase_ == Phase::kPending);
  actions.push_back(CoordinatorAction::NotifyAborted{attempt_, pending_->id, failure, reason});
  const CheckpointId id = pending_->id;
  const std::optional<SavepointRequest> savepoint = pending_->savepoint;
  pending_.reset();
  MoveTo(Phase::kRunning);
  const std::string name(CheckpointFailureName(failure));
  const std::string text = reason.empty() ? name : name + ": " + reason;
  if (savepoint.has_value()) return FailSavepoint(*savepoint, id, text, actions);
  if (Counts(failure)) CountFailure(text, actions);
}

void CheckpointCoordinator::CountFailure(const std::string& reason, Actions& actions) {
  ++consecutive_failures_;
  final_not_before_ms_ = now_ms_ + kFinalRetryPauseMs;
  if (consecutive_failures_ <= graph_.checkpoint.tolerable_failed) return;
  actions.push_back(CoordinatorAction::FailAttempt{attempt_, "too many failed checkpoints, last one " + reason});
}

void CheckpointCoordinator::ScheduleNextTick(Actions& actions) {
  if (phase_ == Phase::kPending) {
    actions.push_back(CoordinatorAction::ScheduleTick{pending_->triggered_at_ms + graph_.checkpoint.timeout_ms});
    return;
  }
  if (phase_ != Phase::kRunning || stopping_ == Stopping::kStopped) return;
  if (stopping_ == Stopping::kDraining) {
    actions.push_back(CoordinatorAction::ScheduleTick{drain_deadline_ms_});
    return;
  }
  if (graph_.checkpoint.interval_ms > 0) actions.push_back(CoordinatorAction::ScheduleTick{next_periodic_ms_});
  if (NeedsFinalCheckpoint()) actions.push_back(CoordinatorAction::ScheduleTick{final_not_before_ms_});
}

}  // namespace weir
