// The savepoints of a job: from the request over the coordinator and the storage to the answer.
#include "base/check.h"
#include "base/log.h"
#include "base/options.h"
#include "jobmanager/job_master.h"
#include "proto/convert.h"

namespace weir {
namespace {

SavepointRequest::After AfterOf(AfterSavepoint after) {
  switch (after) {
    case AfterSavepoint::kStop:
      return SavepointRequest::After::kStop;
    case AfterSavepoint::kDrain:
      return SavepointRequest::After::kDrain;
    case AfterSavepoint::kContinue:
    case AfterSavepoint::kCancel:
      return SavepointRequest::After::kContinue;
  }
  return SavepointRequest::After::kContinue;
}

}  // namespace

std::string JobMaster::savepoint_directory() const {
  const auto own = submission_.request.configuration().find(std::string(options::kExecutionCheckpointingSavepointDir.info.key));
  return own != submission_.request.configuration().end() ? own->second : std::string();
}

SnapshotUse JobMaster::snapshot_use() const {
  CHECK(!IsTerminal(status_));
  SnapshotUse use;
  use.job = submission_.id;
  use.job_directory = options_.checkpoints_directory + "/" + submission_.id.ToHex();
  use.restore_path = submission_.request.restore_path();
  use.claims = submission_.request.claim_restored();
  // While the storage is being opened the job is about to stand on what it was submitted with.
  use.recovery_path = scheduler_.has_value() ? recovery_path_ : use.restore_path;
  use.claimed_files = claimed_files_;
  for (const auto& [id, metadata] : metadata_) {
    const std::vector<std::string> files = metadata.ReferencedFiles();
    use.recovery_files.insert(use.recovery_files.end(), files.begin(), files.end());
  }
  return use;
}

void JobMaster::TriggerSavepoint(const SavepointWish& wish, std::function<void(StatusOr<SavepointBegun>)> done) {
  if (status_ != JobStatus::kRunning) {
    return done(FailedPrecondition("the job does not run, id=" + submission_.id.ToHex() + ", state=" + std::string(JobStatusName(status_))));
  }
  if (savepoints_.full()) return done(ResourceExhausted("too many savepoints of the job are waiting"));
  storage_->CreateSavepoint(wish.target, [this, alive = alive_, wish, done = std::move(done)](StatusOr<std::string> directory) {
    if (*alive) BeginSavepoint(wish, std::move(directory), done);
  });
}

void JobMaster::BeginSavepoint(const SavepointWish& wish, StatusOr<std::string> directory, const std::function<void(StatusOr<SavepointBegun>)>& done) {
  if (!directory.ok()) return done(directory.status().WithContext("cannot make the savepoint's directory"));
  if (savepoints_.full()) {
    storage_->DiscardSavepoint(*directory);
    return done(ResourceExhausted("too many savepoints of the job are waiting"));
  }
  const SavepointOperations::Operation& operation = savepoints_.Begin(JobId::Random().ToHex(), wish.after, *directory);
  const SavepointBegun begun{operation.trigger_id, operation.directory};
  Raise(CoordinatorEvent::SavepointRequested{{operation.number, wish.format, operation.directory, AfterOf(wish.after)}});
  done(begun);
}

StatusOr<proto::SavepointDetails> JobMaster::GetSavepoint(const std::string& trigger_id) const {
  const SavepointOperations::Operation* const operation = savepoints_.Find(std::string_view(trigger_id));
  if (operation == nullptr) return NotFound("no such savepoint of the job, or one that ended long ago, trigger id=" + trigger_id.substr(0, 64));
  proto::SavepointDetails details;
  details.set_completed(operation->ended);
  if (operation->complete) details.set_path(operation->directory);
  if (operation->ended && !operation->failure.ok()) *details.mutable_failure() = ToProto(operation->failure, {});
  return details;
}

void JobMaster::Do(const CoordinatorAction::DrainSources& action) {
  LOG_INFO("Draining job {}.", submission_.id.ToHex());
  std::map<std::string, proto::JobManagerCommand> commands;
  for (const TaskPlacement& placement : scheduler_->placements()) {
    if (std::find(action.sources.begin(), action.sources.end(), placement.subtask) == action.sources.end()) continue;
    proto::JobManagerCommand& command = commands.try_emplace(placement.slot.task_manager, Command()).first->second;
    *command.mutable_drain()->add_sources() = ToProto(placement.subtask);
  }
  for (auto& [task_manager, command] : commands) {
    *command.mutable_drain()->mutable_attempt() = ToProto(action.attempt);
    cluster_.Send(task_manager, std::move(command));
  }
}

// Nothing is restored before its outcome is known (R10), also where recovery will not start from it.
void JobMaster::PublishSavepoint(const CheckpointMetadata& metadata, const SavepointRequest& request) {
  Raise(SchedulerEvent::PublicationStarted{metadata.id});
  if (!request.stops()) {
    storage_->WriteSavepoint(metadata, request.directory, [this, alive = alive_, metadata](const StatusOr<uint64_t>& metadata_bytes) {
      if (*alive) OnSavepointWritten(metadata, metadata_bytes);
    });
    return;
  }
  publishing_ = metadata;
  publishing_path_ = request.directory;
  storage_->PublishSavepoint(metadata, request.directory,
                             [this, alive = alive_, id = metadata.id](CheckpointPublication::Outcome outcome, const Status& error, uint64_t bytes) {
                               if (*alive) OnPublicationOutcome(id, outcome, error, bytes);
                             });
}

void JobMaster::OnSavepointWritten(const CheckpointMetadata& metadata, const StatusOr<uint64_t>& metadata_bytes) {
  if (!metadata_bytes.ok()) CountUnpublished();
  Raise(SchedulerEvent::PublicationSettled{metadata.id, false});
  if (!metadata_bytes.ok()) return Raise(CoordinatorEvent::PublishFailed{metadata.id, metadata_bytes.status().ToString()});
  ++completed_;
  in_progress_ = {};
  LogCompleted(metadata.id, metadata.StateSizeBytes() + *metadata_bytes);
  Raise(CoordinatorEvent::Published{metadata.id});
}

void JobMaster::Do(const CoordinatorAction::SavepointEnded& action) {
  const uint64_t number = action.request.number;
  if (action.failure.has_value()) {
    // Of a job that fails people want to know why.
    const bool fails = !failure_.status.ok() && (status_ == JobStatus::kRestarting || status_ == JobStatus::kFailing);
    const std::string reason = *action.failure + (fails ? ": " + failure_.status.message() : "");
    LOG_WARN("Savepoint {} of job {} failed: {}", action.request.directory, submission_.id.ToHex(), reason);
    storage_->DiscardSavepoint(action.request.directory);
    return savepoints_.OnSavepointFailed(number, reason);
  }
  LOG_INFO("Savepoint {} of job {} is complete.", action.request.directory, submission_.id.ToHex());
  const SavepointOperations::Operation* const operation = savepoints_.Find(number);
  const bool cancels = operation != nullptr && operation->after == AfterSavepoint::kCancel;
  savepoints_.OnSavepointComplete(number);
  savepoints_.OnJobStatus(status_, failure_.status);  // Its attempt may have failed meanwhile.
  if (cancels) Cancel();
}

}  // namespace weir
