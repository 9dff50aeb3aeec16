// What the coordinator wants done: triggers, publications and notifications.
#include "base/check.h"
#include "base/log.h"
#include "jobmanager/job_master.h"
#include "proto/convert.h"

namespace weir {

std::vector<std::string> JobMaster::TaskManagers() const {
  std::vector<std::string> names;
  for (const TaskPlacement& placement : scheduler_->placements()) names.push_back(placement.slot.task_manager);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void JobMaster::Do(const CoordinatorAction::TriggerCheckpoint& action) {
  LOG_INFO("Triggering checkpoint {} (type={}) @ {} for job {}.", action.id.value, CheckpointTypeName(TypeOf(action.savepoint)), action.timestamp_ms,
           submission_.id.ToHex());
  in_progress_ = action.id;
  triggered_at_ms_ = NowMs();
  std::map<std::string, proto::JobManagerCommand> commands;
  for (const TaskPlacement& placement : scheduler_->placements()) {
    if (std::find(action.roots.begin(), action.roots.end(), placement.subtask) == action.roots.end()) continue;
    proto::JobManagerCommand& command = commands.try_emplace(placement.slot.task_manager, Command()).first->second;
    *command.mutable_trigger()->add_roots() = ToProto(placement.subtask);
  }
  for (auto& [task_manager, command] : commands) {
    proto::TriggerCheckpoint& trigger = *command.mutable_trigger();
    *trigger.mutable_attempt() = ToProto(action.attempt);
    trigger.set_checkpoint_id(action.id.value);
    trigger.set_timestamp_ms(action.timestamp_ms);
    if (action.savepoint.has_value()) {
      *trigger.mutable_savepoint() = ToProto(SavepointOrder{action.savepoint->format, action.savepoint->directory, action.savepoint->stops()});
    }
    cluster_.Send(task_manager, std::move(command));
  }
}

void JobMaster::Do(const CoordinatorAction::Publish& action) {
  if (action.savepoint.has_value()) return PublishSavepoint(action.metadata, *action.savepoint);
  const CheckpointId id = action.metadata.id;
  publishing_ = action.metadata;
  publishing_path_ = storage_->CheckpointPath(id);
  Raise(SchedulerEvent::PublicationStarted{id});
  storage_->Publish(action.metadata, [this, alive = alive_, id](CheckpointPublication::Outcome outcome, const Status& error, uint64_t bytes) {
    if (*alive) OnPublicationOutcome(id, outcome, error, bytes);
  });
}

void JobMaster::OnPublicationOutcome(CheckpointId id, CheckpointPublication::Outcome outcome, const Status& error, uint64_t metadata_bytes) {
  switch (outcome) {
    case CheckpointPublication::Outcome::kPublished: {
      CHECK(publishing_.has_value() && publishing_->id == id);
      ++completed_;
      in_progress_ = {};
      latest_completed_ = id;
      latest_path_ = recovery_path_ = publishing_path_;
      latest_full_size_bytes_ = publishing_->StateSizeBytes() + metadata_bytes;
      latest_size_bytes_ = publishing_->WrittenBytes(publishing_path_) + metadata_bytes;
      latest_duration_ms_ = NowMs() - triggered_at_ms_;
      LogCompleted(id, latest_size_bytes_);
      metadata_.clear();
      metadata_[id] = std::move(*publishing_);
      publishing_.reset();
      Raise(SchedulerEvent::PublicationSettled{id, true});
      return Raise(CoordinatorEvent::Published{id});
    }
    case CheckpointPublication::Outcome::kBurned:
      CountUnpublished();
      Raise(SchedulerEvent::PublicationSettled{id, false});
      return Raise(CoordinatorEvent::PublishFailed{id, error.ok() ? "other content lies under its _metadata" : error.ToString()});
    case CheckpointPublication::Outcome::kFenced:
      LOG_ERROR("Another leader owns the chain of job {}.", submission_.id.ToHex());
      return Raise(SchedulerEvent::LeadershipLost{});
    case CheckpointPublication::Outcome::kCorrupt:
      ++failed_;
      in_progress_ = {};
      // First, so that nothing else is made of it: what is proved to be damaged is so after a restart, too (R7).
      Raise(SchedulerEvent::FatalFailure{error});
      Raise(SchedulerEvent::PublicationSettled{id, false});
      return Raise(CoordinatorEvent::PublishFailed{id, error.ToString()});
    case CheckpointPublication::Outcome::kUnknown:
      LOG_WARN("Checkpoint {} of job {} is not known to be published, trying again: {}", id.value, submission_.id.ToHex(), error.ToString());
      return Raise(CoordinatorEvent::PublishUnknown{id});
  }
}

// Of an attempt that runs NotifyAborted does it.
void JobMaster::CountUnpublished() {
  if (coordinator_->phase() != CheckpointCoordinator::Phase::kPublishingStopped) return;
  ++failed_;
  in_progress_ = {};
}

void JobMaster::LogCompleted(CheckpointId id, uint64_t size_bytes) {
  LOG_INFO("Completed checkpoint {} for job {} ({} bytes in {} ms).", id.value, submission_.id.ToHex(), size_bytes, NowMs() - triggered_at_ms_);
}

void JobMaster::Notify(AttemptId attempt, CheckpointId id, bool completed) {
  for (const std::string& task_manager : TaskManagers()) {
    proto::JobManagerCommand command = Command();
    proto::NotifyCheckpoint& notify = *command.mutable_notify();
    *notify.mutable_attempt() = ToProto(attempt);
    notify.set_checkpoint_id(id.value);
    notify.set_completed(completed);
    cluster_.Send(task_manager, std::move(command));
  }
}

}  // namespace weir
