// What a worker is told of one subtask: where it runs, its channels, its state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "state/checkpoint/state_handle.h"

namespace weir {

// The far end of one channel.
struct ChannelPeer {
  uint32_t subtask = 0;
  std::string task_manager_id;  // The own one: the peer sits in this worker.
  std::string data_address;     // host:port
};

struct GateDeployment {
  uint32_t edge = 0;  // Index in the job graph.
  std::vector<ChannelPeer> channels;  // Ascending by subtask.
};

struct TaskDeployment {
  SubtaskId subtask;
  SlotIndex slot;
  std::vector<GateDeployment> gates;       // By gate index.
  std::vector<GateDeployment> partitions;  // By partition index.
  CheckpointId restored_checkpoint;        // 0 = fresh start.
  TaskSnapshot restored_state;
  bool restored_finished = false;          // It had ended at the restored checkpoint.
};

enum class TaskState : uint8_t { kInitializing = 1, kRunning, kDrained, kFinished, kCanceled, kFailed };

struct SnapshotDurations {
  int64_t alignment_us = 0;
  int64_t sync_us = 0;
  int64_t async_us = 0;
};

// A step that takes too long.
struct StuckStep {
  int64_t running_ms = 0;  // 0: the task goes on.
  std::string stack;       // Readable, or why there is none.
  bool operator==(const StuckStep&) const = default;
};

// Why a task failed.
struct TaskFailure {
  Status status;      // Ok: it did not.
  std::string stack;  // Of the exception, readable; empty when there is none.

  std::string ToString() const { return status.ToString() + (stack.empty() ? "" : "\n" + stack); }
};

// What tasks report. Thread-safe: called from slot threads and the snapshot pool.
class TaskEvents {
 public:
  virtual ~TaskEvents() = default;
  virtual void OnTaskState(AttemptId attempt, SubtaskId subtask, TaskState state, const TaskFailure& failure) = 0;
  virtual void OnSnapshot(AttemptId attempt, SubtaskId subtask, CheckpointId id, TaskSnapshot snapshot, SnapshotDurations durations) = 0;
  virtual void OnSnapshotFailed(AttemptId attempt, SubtaskId subtask, CheckpointId id, const Status& failure) = 0;
  // Every task of attempts up to this one has ended.
  virtual void OnTasksCancelled(AttemptId attempt) = 0;
  // Called from the watchdog: again from time to time while the task is stuck, once more when it goes on.
  virtual void OnTaskStuck(AttemptId attempt, SubtaskId subtask, const StuckStep& step) = 0;
};

}  // namespace weir
