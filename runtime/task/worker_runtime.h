// All tasks of one job in one worker: the slots' threads, the snapshot pool, the channels between its tasks.
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/metrics.h"
#include "runtime/network/peer_watch.h"
#include "runtime/network/remote_channel.h"
#include "runtime/operator/job_planner.h"
#include "runtime/task/slot_loop.h"
#include "runtime/task/step_watch.h"
#include "runtime/task/stream_task.h"
#include "runtime/task/task_deployment.h"
#include <weir/state/cold_rows_factory.h>

namespace weir {

struct DeployedTask;
class WorkerChannels;

struct WorkerOptions {
  JobId job;
  std::string task_manager_id;
  std::string host;
  std::string checkpoints_directory;  // state.checkpoints.dir, absolute; the job's folder lies in it.
  PartitionLimits limits;
  int64_t auto_watermark_interval_ms = 200;  // 0 = no periodic watermarks.
  ChannelLimits channel_limits;
  SlotTask::Threading threading = SlotTask::Threading::kSlot;
  StatePlacement state_placement;
  SnapshotChain::Limits incremental;
  std::shared_ptr<ColdRowsFactory> cold_rows;  // The state backend's; null: keyed state is in memory. Shared with whoever made it.
  uint32_t snapshot_threads = 2;
  int64_t connect_timeout_ms = 10'000;
  int64_t peer_timeout_ms = 10'000;  // heartbeat.timeout: of a worker at the other end of a channel (R32).
  int64_t watchdog_interval_ms = 60'000;
  int64_t cancellation_timeout_ms = 30'000;  // After which the worker is killed: what holds it up is reported before.
  std::function<std::string()> exception_stack;  // May be null.
  // Takes the stack of another thread of this process, at once; the function that it returns makes it readable, slowly. May be
  // null: reports of stuck tasks then come without.
  std::function<std::function<std::string()>(pthread_t)> take_stack;
};

// How long a step may take before it is reported.
StepWatch::Limits WatchLimits(const WorkerOptions& options);

// Public calls from one control thread, but for Metrics(). `events` is called from other threads, and outlives it, as do
// plan and clock.
class WorkerRuntime {
 public:
  WorkerRuntime(WorkerOptions options, const JobPlan& plan, const Clock& clock, TaskEvents& events);
  ~WorkerRuntime();  // CHECKs Stop and Join.

  // Starts the subtasks; their states follow as events. All tasks of one attempt in this worker come in one call. Tasks of an
  // older attempt must have ended (Cancel, OnTasksCancelled). kFailedPrecondition for an attempt that is not newer than
  // every one seen (R9), kInvalidArgument for a deployment that does not fit the plan.
  Status Deploy(AttemptId attempt, std::vector<TaskDeployment> tasks);
  // Ends all tasks of attempts up to `attempt`; OnTasksCancelled follows, at once when there are none.
  void Cancel(AttemptId attempt);
  // Messages of another attempt are ignored (R9).
  void TriggerCheckpoint(AttemptId attempt, const CheckpointBarrier& barrier, const std::vector<SubtaskId>& roots);
  // These sources end their data as if their input had ended.
  void DrainSources(AttemptId attempt, const std::vector<SubtaskId>& sources);
  void NotifyCheckpoint(AttemptId attempt, CheckpointId id, bool completed);
  // A data connection for one of the channels; kept for a while when its task is not deployed yet. Takes the socket.
  void AttachConnection(const ChannelHandshake& handshake, FileDescriptor socket);

  AttemptId attempt() const { return attempt_; }
  // Thread-safe.
  std::vector<MetricSample> Metrics() const;

  void Stop();  // Cancels everything; user code may still run.
  void Join();  // Waits for it: the caller sets the deadline (R31).

 private:
  struct PendingConnection {
    ChannelHandshake handshake;
    FileDescriptor socket;
    int64_t since_ns;
  };
  static constexpr size_t kPendingConnectionsMax = 4'096;

  SlotLoop& LoopFor(uint32_t index);
  Status CheckDeployment(const TaskDeployment& task) const;
  Status CheckDeployments(const std::vector<TaskDeployment>& deployments) const;
  void ConnectLocally(const std::vector<TaskDeployment>& deployments, const std::vector<std::unique_ptr<DeployedTask>>& made);
  void MakeTask(AttemptId attempt, TaskDeployment deployment, DeployedTask& deployed);
  void ShareStateMemory(const std::vector<TaskDeployment>& deployments);
  void TearDown();
  void OnTaskEnded();
  bool GiveToTask(const ChannelHandshake& handshake, FileDescriptor& socket);
  void DropStaleConnections();
  DeployedTask* Find(SubtaskId subtask);
  void OnPeerLost(AttemptId attempt, const std::string& address, const std::string& why);
  void WatchTasks();        // Thread: the watchdog's.
  void ReportStuckTasks();

  const WorkerOptions options_;
  const JobPlan& plan_;
  const Clock& clock_;
  TaskEvents& events_;
  std::unique_ptr<FileSystem> files_;
  CheckpointLayout layout_;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<SnapshotStorage> storage_;
  MetricRegistry metrics_;

  AttemptId attempt_;                                    // Of the newest deployment.
  uint64_t cache_bytes_max_ = 0;                         // Of one of its keyed operators before cold rows.
  std::map<uint32_t, std::unique_ptr<SlotLoop>> loops_;  // By slot, or by position of the task.
  std::unique_ptr<WorkerChannels> channels_;
  std::vector<PendingConnection> pending_connections_;   // At most kPendingConnectionsMax.
  mutable std::mutex tasks_mutex_;                       // Guards tasks_ against other threads; changed by the control thread only.
  std::vector<std::unique_ptr<DeployedTask>> tasks_;

  std::mutex ended_mutex_;
  std::condition_variable all_ended_;
  uint32_t running_count_ = 0;                // Guarded by ended_mutex_: tasks that have not ended.
  std::optional<AttemptId> cancel_pending_;   // Guarded by ended_mutex_.
  std::unique_ptr<PeerWatch> peers_;
  std::atomic<int64_t> cancelled_ns_{0};      // When the present tasks were asked to end; 0 = they were not.
  std::mutex watchdog_mutex_;
  std::condition_variable watchdog_changed_;
  bool watchdog_stopped_ = false;             // Guarded by watchdog_mutex_.
  std::thread watchdog_;
  bool stopped_ = false;
  bool joined_ = false;
};

}  // namespace weir
