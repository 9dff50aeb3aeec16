#include "taskmanager/worker/worker_events.h"

#include <unistd.h>

#include "base/log.h"
#include "proto/convert.h"
#include "proto/messages.pb.h"

namespace weir {

WorkerEvents::WorkerEvents(MessageSender& sender, const Clock& clock, std::function<void()> on_overflow, size_t acknowledgement_bytes_max)
    : sender_(sender), clock_(clock), on_overflow_(std::move(on_overflow)), acknowledgement_bytes_max_(acknowledgement_bytes_max) {}

proto::TaskManagerEvent WorkerEvents::NewEvent() const {
  proto::TaskManagerEvent event;
  event.set_job_id(IdBytes(job_));
  event.set_leader_epoch(epoch_.load());
  return event;
}

void WorkerEvents::Send(const proto::TaskManagerEvent& event) {
  if (!sender_.Send(event.SerializeAsString())) on_overflow_();
}

void WorkerEvents::OnTaskState(AttemptId attempt, SubtaskId subtask, TaskState state, const TaskFailure& failure) {
  proto::TaskManagerEvent event = NewEvent();
  *event.mutable_task_state() = ToProto(TaskStateReport{attempt, subtask, state, failure.status}, {.stack = failure.stack, .timestamp_ms = clock_.WallMillis()});
  Send(event);
}

void WorkerEvents::OnSnapshot(AttemptId attempt, SubtaskId subtask, CheckpointId id, TaskSnapshot snapshot, SnapshotDurations durations) {
  proto::TaskManagerEvent event = NewEvent();
  *event.mutable_acknowledge() = ToProto(SnapshotReport{attempt, subtask, id, std::move(snapshot), durations});
  if (const size_t size = event.ByteSizeLong(); size > acknowledgement_bytes_max_) {
    return OnSnapshotFailed(attempt, subtask, id,
                            ResourceExhausted("the acknowledgement of the checkpoint is too large for a message, size=" + std::to_string(size) + ", limit=" +
                                              std::to_string(acknowledgement_bytes_max_) +
                                              ": its state travels inline, lower execution.checkpointing.data-inline-threshold"));
  }
  Send(event);
}

void WorkerEvents::OnSnapshotFailed(AttemptId attempt, SubtaskId subtask, CheckpointId id, const Status& failure) {
  proto::TaskManagerEvent event = NewEvent();
  *event.mutable_decline() = ToProto(SnapshotFailure{attempt, subtask, id, failure}, {.stack = {}, .timestamp_ms = clock_.WallMillis()});
  Send(event);
}

void WorkerEvents::OnTasksCancelled(AttemptId attempt) {
  proto::TaskManagerEvent event = NewEvent();
  *event.mutable_tasks_cancelled()->mutable_attempt() = ToProto(attempt);
  Send(event);
}

void WorkerEvents::OnTaskStuck(AttemptId attempt, SubtaskId subtask, const StuckStep& step) {
  proto::TaskManagerEvent event = NewEvent();
  *event.mutable_task_stuck() = ToProto(StuckReport{attempt, subtask, step});
  Send(event);
}

void WorkerEvents::SendReady(AttemptId attempt) {
  proto::TaskManagerEvent event = NewEvent();
  *event.mutable_worker_ready()->mutable_attempt() = ToProto(attempt);
  event.mutable_worker_ready()->set_process_id(static_cast<uint32_t>(::getpid()));
  Send(event);
}

void WorkerEvents::SendFailed(AttemptId attempt, const Status& failure) {
  LOG_ERROR("Worker fails, attempt={}: {}", attempt.ToString(), failure.ToString());
  proto::TaskManagerEvent event = NewEvent();
  *event.mutable_worker_failed()->mutable_attempt() = ToProto(attempt);
  *event.mutable_worker_failed()->mutable_failure() = ToProto(failure, {.stack = {}, .timestamp_ms = clock_.WallMillis()});
  Send(event);
}

void WorkerEvents::SendMetrics(const std::vector<MetricSample>& samples) {
  proto::TaskManagerEvent event = NewEvent();
  *event.mutable_metrics() = ToProto(samples);
  if (!sender_.SendIfRoom(event.SerializeAsString())) LOG_DEBUG("Metric report dropped, samples={}", samples.size());
}

}  // namespace weir
