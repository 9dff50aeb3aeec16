// Names of the coordinator's verdicts.
#include "jobmanager/checkpoint_coordinator.h"

namespace weir {

std::string_view CheckpointTypeName(CheckpointType type) {
  switch (type) {
    case CheckpointType::kCheckpoint: return "CHECKPOINT";
    case CheckpointType::kSavepoint: return "SAVEPOINT";
    case CheckpointType::kSyncSavepoint: return "SYNC_SAVEPOINT";
  }
  return "UNKNOWN";
}

CheckpointType TypeOf(const std::optional<SavepointRequest>& savepoint) {
  if (!savepoint.has_value()) return CheckpointType::kCheckpoint;
  return savepoint->stops() ? CheckpointType::kSyncSavepoint : CheckpointType::kSavepoint;
}

std::string_view CoordinatorVerdictName(CoordinatorVerdict verdict) {
  switch (verdict) {
    case CoordinatorVerdict::kStaleAttempt: return "stale attempt";
    case CoordinatorVerdict::kUnknownSubtask: return "unknown subtask";
    case CoordinatorVerdict::kUnknownCheckpoint: return "unknown checkpoint";
    case CoordinatorVerdict::kLate: return "late";
    case CoordinatorVerdict::kDuplicate: return "duplicate";
    case CoordinatorVerdict::kNotExpected: return "not expected";
    case CoordinatorVerdict::kNotPublishing: return "not publishing";
  }
  return "unknown";
}

std::string_view CheckpointFailureName(CheckpointFailure failure) {
  switch (failure) {
    case CheckpointFailure::kDeclined: return "declined";
    case CheckpointFailure::kExpired: return "expired";
    case CheckpointFailure::kTaskFinished: return "a task finished meanwhile";
    case CheckpointFailure::kAttemptStopped: return "the attempt was stopped";
    case CheckpointFailure::kPublishFailed: return "publication failed";
  }
  return "unknown";
}

}  // namespace weir
