// One job of the cluster: joins scheduler, checkpoint coordinator and storage, and turns their actions into messages.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/metrics.h"
#include "jobmanager/armed_tick.h"
#include "jobmanager/checkpoint_coordinator.h"
#include "jobmanager/job_storage.h"
#include "jobmanager/savepoint_operations.h"
#include "jobmanager/scheduler.h"
#include "jobmanager/slot_pool.h"
#include "jobmanager/snapshot_claims.h"
#include "jobmanager/stuck_tasks.h"
#include "proto/messages.pb.h"
#include "proto/services.pb.h"
#include "runtime/graph/state_assignment.h"
#include "runtime/task/task_deployment.h"

namespace weir {

// What a JobMaster needs of the cluster around it. Thread: the JobManager's loop.
class ClusterGateway {
 public:
  virtual ~ClusterGateway() = default;
  // Lost when the TaskManager is not connected: its loss is an event of its own.
  virtual void Send(const std::string& task_manager, proto::JobManagerCommand command) = 0;
  // "host:port" of its data port; empty when unknown.
  virtual std::string DataAddressOf(const std::string& task_manager) const = 0;
  virtual void RequestSlots(JobId job, uint32_t slot_count) = 0;
  virtual void ReleaseSlots(JobId job) = 0;
  // Unset unless the job waits for slots.
  virtual std::optional<SlotShortage> ShortageOf(JobId job) const = 0;
  // Asked again once the snapshot was read: no other job stands in the way of `job` (CheckSnapshotStart).
  virtual Status CheckStart(JobId job, const SnapshotStart& start) const = 0;
  // The job is terminal and has cleaned up.
  virtual void JobEnded(JobId job) = 0;
};

struct JobSubmission {
  JobId id;
  proto::SubmitJobRequest request;  // Checked: the graph decodes, the library is there.
  JobGraph graph;
};

// Thread: the JobManager's loop.
class JobMaster {
 public:
  struct Options {
    LeaderEpoch epoch;
    Scheduler::Options scheduler;
    std::string checkpoints_directory;
    std::map<std::string, std::string> worker_configuration;
  };
  // The references outlive it.
  JobMaster(JobSubmission submission, Options options, ClusterGateway& cluster, FileSystem& files, ThreadPool& io_pool, EventLoop& loop,
            const Clock& clock, MetricRegistry& metrics);
  ~JobMaster();

  void Start();
  void Cancel();
  // `done` is called on the loop once it is known whether the job can start from what it was submitted with, at once when it is
  // known already; never if the job is gone by then. A failure ends the job as FAILED. One at a time.
  void WhenOpened(std::function<void(Status)> done);
  struct SavepointWish {
    std::string target;  // Absolute; the savepoint gets a directory of its own in it.
    SavepointFormat format = SavepointFormat::kCanonical;
    AfterSavepoint after = AfterSavepoint::kContinue;
  };
  struct SavepointBegun {
    std::string trigger_id;
    std::string directory;
  };
  // `done` is called on the loop once the savepoint has begun, or cannot; never if the job is gone by then.
  void TriggerSavepoint(const SavepointWish& wish, std::function<void(StatusOr<SavepointBegun>)> done);
  StatusOr<proto::SavepointDetails> GetSavepoint(const std::string& trigger_id) const;
  // Requires: the job has not ended.
  SnapshotUse snapshot_use() const;
  // The job's own execution.checkpointing.savepoint-dir; empty when it has none.
  std::string savepoint_directory() const;
  void OnSlotsGranted(std::vector<SlotId> slots);
  void OnTaskManagerLost(const std::string& task_manager);
  // What that TaskManager has of this job; null: no worker.
  void OnReport(const std::string& task_manager, const proto::TaskManagerHeartbeat::WorkerReport* report);
  // An event of this job's worker on that TaskManager.
  void OnEvent(const std::string& task_manager, const proto::TaskManagerEvent& event);

  JobId id() const { return submission_.id; }
  JobStatus status() const { return status_; }
  const JobGraph& graph() const { return submission_.graph; }
  const std::string& library_hash() const { return submission_.request.library().hash(); }
  proto::JobOverview Overview() const;
  proto::JobDetails Details() const;

 private:
  TaskStatus ShownStatus(SubtaskId subtask) const;
  // Why the job is not deployed; empty when it is, or has ended.
  std::string WaitReason() const;

  struct Raised {
    std::variant<SchedulerEvent::Any, CoordinatorEvent::Any> event;
    std::string stack;
  };
  struct Recovery {
    int64_t failed_at_ms = 0;
    int64_t running_at_ms = 0;
    std::string cause;
  };

  void OnOpened(StatusOr<JobStorage::Opened> opened);
  // `stack`: of the failure that the event tells.
  void Raise(SchedulerEvent::Any event, std::string stack = {}) { events_.push_back({std::move(event), std::move(stack)}), Run(); }
  void Raise(CoordinatorEvent::Any event) { events_.push_back({std::move(event), {}}), Run(); }
  void Run();
  void Apply(const SchedulerAction::Any& action);
  void Apply(const CoordinatorAction::Any& action);
  void Do(const SchedulerAction::RequestSlots& action);
  void Do(const SchedulerAction::StartWorker& action);
  void Do(const SchedulerAction::DeployTasks& action);
  void Do(const SchedulerAction::StatusChanged& action);
  void Do(const SchedulerAction::WriteTerminal& action);
  void Do(const CoordinatorAction::TriggerCheckpoint& action);
  void Do(const CoordinatorAction::Publish& action);
  void Do(const CoordinatorAction::DrainSources& action);
  void Do(const CoordinatorAction::SavepointEnded& action);
  void BeginSavepoint(const SavepointWish& wish, StatusOr<std::string> directory, const std::function<void(StatusOr<SavepointBegun>)>& done);
  void PublishSavepoint(const CheckpointMetadata& metadata, const SavepointRequest& request);
  void OnSavepointWritten(const CheckpointMetadata& metadata, const StatusOr<uint64_t>& metadata_bytes);
  void LogCompleted(CheckpointId id, uint64_t size_bytes);
  void CountUnpublished();
  void Notify(AttemptId attempt, CheckpointId id, bool completed);
  void OnPublicationOutcome(CheckpointId id, CheckpointPublication::Outcome outcome, const Status& error, uint64_t metadata_bytes);
  void OnTaskState(const proto::TaskStateChanged& change);
  void OnTaskStuck(const proto::TaskStuck& message);
  void OnWorkerFailed(const std::string& task_manager, const proto::WorkerFailed& message);
  // A worker had to be killed while the job was ending or restarting: `killed` says so, `failure` with what held it up.
  void AddToFailure(const std::string& killed, const TaskFailure& failure);
  TaskDeployment DeploymentOf(const TaskPlacement& placement, const StateAssignment* restore, CheckpointId restored) const;
  std::vector<std::string> TaskManagers() const;
  proto::JobManagerCommand Command() const;
  void After(int64_t at_ms, std::function<void()> work);
  int64_t NowMs() const { return clock_.MonotonicMillis(); }
  double Jitter() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  void UpdateMetrics();
  void CleanUp(JobStatus end);

  JobSubmission submission_;
  const Options options_;
  ClusterGateway& cluster_;
  EventLoop& loop_;
  const Clock& clock_;
  std::mt19937_64 random_;
  ArmedTick scheduler_tick_;
  ArmedTick coordinator_tick_;
  std::shared_ptr<JobStorage> storage_;  // Shared with work on the I/O pool.
  std::shared_ptr<bool> alive_;          // Late callbacks look here first.
  Status open_failure_;                        // Once there is a scheduler.
  std::function<void(Status)> on_opened_;      // Null unless somebody waits.
  std::optional<Scheduler> scheduler_;
  std::optional<CheckpointCoordinator> coordinator_;
  // Events raised while the actions of one are applied wait for their turn: steps never nest.
  std::deque<Raised> events_;
  std::string raised_stack_;  // Of the event whose actions are being applied.
  bool stepping_ = false;
  std::map<CheckpointId, CheckpointMetadata> metadata_;   // What a deployment may start from: the newest, and what was restored.
  std::optional<CheckpointMetadata> publishing_;
  std::string publishing_path_;   // Its directory.
  std::string recovery_path_;     // Directory of what a restart begins with; empty: with nothing.
  std::vector<std::string> claimed_files_;  // Of the snapshot that the job claims, once it was read.
  SavepointOperations savepoints_;
  CheckpointId highest_used_;
  CheckpointId first_of_attempt_;  // No checkpoint of the current attempt has an id below it.
  StuckTasks stuck_;

  JobStatus status_ = JobStatus::kInitializing;
  int64_t start_time_ms_ = 0;
  int64_t end_time_ms_ = 0;
  int64_t running_since_ms_ = 0;
  std::optional<int64_t> short_of_slots_since_ms_;  // From the log line that says so to the one that says that it is over.
  TaskFailure failure_;  // The newest.
  int64_t failure_at_ms_ = 0;
  std::deque<Recovery> recoveries_;  // At most kRecoveriesMax, newest last.
  uint64_t completed_ = 0;
  uint64_t failed_ = 0;
  CheckpointId in_progress_;
  int64_t triggered_at_ms_ = 0;
  CheckpointId latest_completed_;
  std::string latest_path_;
  uint64_t latest_size_bytes_ = 0;       // What was written for it.
  uint64_t latest_full_size_bytes_ = 0;  // All that it stands on.
  int64_t latest_duration_ms_ = -1;
  CheckpointId restored_;
  std::unique_ptr<MetricScope> metrics_;
  std::map<std::string, GaugeMetric*, std::less<>> gauges_;  // Owned by metrics_.
};

}  // namespace weir
