// Between messages and the engine's own types. Whatever comes from a message is checked: a failed check is
// kInvalidArgument and names what is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/status.h>

#include "base/ids.h"
#include "base/metrics.h"
#include "base/savepoint_order.h"
#include "runtime/task/task_deployment.h"
#include "state/checkpoint/state_handle.h"

// Generated; include "proto/messages.pb.h" to use what these functions take and return.
namespace weir::proto {
class AcknowledgeCheckpoint;
class Attempt;
class DeclineCheckpoint;
class Failure;
class MetricReport;
class MetricSample;
class SavepointOrder;
class StateBytes;
class Subtask;
class TaskDeployment;
class TaskSnapshot;
class TaskStateChanged;
class TaskStuck;
}  // namespace weir::proto

namespace weir {

// ---- Ids ----

std::string IdBytes(const JobId& id);
std::string IdBytes(const OperatorId& id);
std::string IdBytes(const IncarnationId& id);
StatusOr<JobId> JobIdFromBytes(std::string_view bytes);  // Exactly 16 bytes, not all zero.
StatusOr<OperatorId> OperatorIdFromBytes(std::string_view bytes);
StatusOr<IncarnationId> IncarnationIdFromBytes(std::string_view bytes);

proto::Attempt ToProto(AttemptId attempt);
AttemptId FromProto(const proto::Attempt& message);

proto::Subtask ToProto(SubtaskId subtask);
SubtaskId FromProto(const proto::Subtask& message);

// ---- Failures ----

// What a failure says when it crosses a process border: bounded.
inline constexpr size_t kFailureTextBytesMax = 64 * 1024;

struct FailureDetails {
  std::string stack;
  int64_t timestamp_ms = 0;
};
// Requires: !status.ok().
proto::Failure ToProto(const Status& status, const FailureDetails& details);
// Never ok, whatever the message says.
Status FromProto(const proto::Failure& message);

// ---- State ----

proto::StateBytes ToProto(const StateBytes& bytes);
StatusOr<StateBytes> FromProto(const proto::StateBytes& message);

proto::TaskSnapshot ToProto(const TaskSnapshot& snapshot);
StatusOr<TaskSnapshot> FromProto(const proto::TaskSnapshot& message);

proto::SavepointOrder ToProto(const SavepointOrder& order);
StatusOr<SavepointOrder> FromProto(const proto::SavepointOrder& message);  // The directory is absolute and of bounded length.

// ---- Tasks ----

proto::TaskDeployment ToProto(const TaskDeployment& deployment);
StatusOr<TaskDeployment> FromProto(const proto::TaskDeployment& message);

struct TaskStateReport {
  AttemptId attempt;
  SubtaskId subtask;
  TaskState state = TaskState::kInitializing;
  Status failure;  // Of kFailed.
  bool operator==(const TaskStateReport&) const = default;
};
proto::TaskStateChanged ToProto(const TaskStateReport& report, const FailureDetails& details);
StatusOr<TaskStateReport> FromProto(const proto::TaskStateChanged& message);

struct SnapshotReport {
  AttemptId attempt;
  SubtaskId subtask;
  CheckpointId id;
  TaskSnapshot snapshot;
  SnapshotDurations durations;
};
proto::AcknowledgeCheckpoint ToProto(const SnapshotReport& report);
StatusOr<SnapshotReport> FromProto(const proto::AcknowledgeCheckpoint& message);

struct SnapshotFailure {
  AttemptId attempt;
  SubtaskId subtask;
  CheckpointId id;
  Status failure;
};
proto::DeclineCheckpoint ToProto(const SnapshotFailure& report, const FailureDetails& details);
StatusOr<SnapshotFailure> FromProto(const proto::DeclineCheckpoint& message);

struct StuckReport {
  AttemptId attempt;
  SubtaskId subtask;
  StuckStep step;  // The stack is bounded like a failure's text.
};
proto::TaskStuck ToProto(const StuckReport& report);
StuckReport FromProto(const proto::TaskStuck& message);

// ---- Metrics ----

inline constexpr int kMetricSampleCountMax = 200'000;

proto::MetricSample ToProto(const MetricSample& sample);
StatusOr<MetricSample> FromProto(const proto::MetricSample& message);
proto::MetricReport ToProto(const std::vector<MetricSample>& samples);
StatusOr<std::vector<MetricSample>> FromProto(const proto::MetricReport& message);

}  // namespace weir
