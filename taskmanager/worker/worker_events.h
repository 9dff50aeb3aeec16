// What a worker tells its TaskManager: task events and answers, as messages into the sender's queue.
#pragma once

#include <atomic>
#include <functional>

#include "base/clock.h"
#include "base/metrics.h"
#include "proto/message_sender.h"
#include "proto/message_socket.h"
#include "runtime/task/task_deployment.h"

namespace weir::proto {
class TaskManagerEvent;
}

namespace weir {

// Thread-safe.
class WorkerEvents final : public TaskEvents {
 public:
  // `on_overflow` is called when a message that must not be lost could not be queued: the worker is over. An acknowledgement that
  // is longer than `acknowledgement_bytes_max`, since its state travels inline, declines its checkpoint instead.
  WorkerEvents(MessageSender& sender, const Clock& clock, std::function<void()> on_overflow, size_t acknowledgement_bytes_max = kPayloadBytesMax);

  void SetJob(JobId job) { job_ = job; }  // Once, before anything is sent.
  void SetLeaderEpoch(LeaderEpoch epoch) { epoch_.store(epoch.value); }

  void OnTaskState(AttemptId attempt, SubtaskId subtask, TaskState state, const TaskFailure& failure) override;
  void OnSnapshot(AttemptId attempt, SubtaskId subtask, CheckpointId id, TaskSnapshot snapshot, SnapshotDurations durations) override;
  void OnSnapshotFailed(AttemptId attempt, SubtaskId subtask, CheckpointId id, const Status& failure) override;
  void OnTasksCancelled(AttemptId attempt) override;
  void OnTaskStuck(AttemptId attempt, SubtaskId subtask, const StuckStep& step) override;

  void SendReady(AttemptId attempt);
  void SendFailed(AttemptId attempt, const Status& failure);
  void SendMetrics(const std::vector<MetricSample>& samples);  // Dropped when the queue is crowded.

 private:
  proto::TaskManagerEvent NewEvent() const;
  void Send(const proto::TaskManagerEvent& event);

  MessageSender& sender_;
  const Clock& clock_;
  const std::function<void()> on_overflow_;
  const size_t acknowledgement_bytes_max_;
  JobId job_;
  std::atomic<uint64_t> epoch_{0};
};

}  // namespace weir
