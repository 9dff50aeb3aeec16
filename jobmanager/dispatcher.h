// The cluster as the JobManager sees it: TaskManagers with their sessions, slots, jobs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/metrics.h"
#include "base/thread_pool.h"
#include "jobmanager/heartbeat_watch.h"
#include "jobmanager/job_master.h"
#include "jobmanager/session_service.h"
#include "jobmanager/slot_pool.h"

namespace weir {

// Thread: the JobManager's loop, but for the SessionReceiver calls.
class Dispatcher final : public SessionReceiver, private ClusterGateway {
 public:
  struct Options {
    LeaderEpoch epoch;
    IncarnationId incarnation;
    std::string metrics_address;
    std::string checkpoints_directory;
    std::string savepoints_directory;  // Of jobs that name none; may be empty.
    int64_t heartbeat_interval_ms = 1'000;
    int64_t heartbeat_timeout_ms = 10'000;
    JobMaster::Options job;  // Its restart strategy is the cluster's default.
    // The restart strategy of a job submitted with these settings; null: the default. An error refuses the job.
    std::function<StatusOr<RestartStrategyConfig>(const std::map<std::string, std::string>& job_settings)> restart_of;
    // Whether the state backend that these settings name holds all states of the job; null: it does.
    std::function<Status(const JobGraph& graph, const std::map<std::string, std::string>& job_settings)> check_state;
  };
  // The references outlive it; Attach gives the service before any session begins.
  Dispatcher(Options options, FileSystem& files, ArtifactStore& artifacts, ThreadPool& io_pool, EventLoop& loop, const Clock& clock,
             MetricRegistry& metrics);
  ~Dispatcher() override;
  void Attach(SessionService& sessions) { sessions_ = &sessions; }

  void Start();
  // Ends all heartbeats; jobs are left as they are.
  void Stop();

  // ---- Calls of clients ----
  StatusOr<JobId> Submit(const proto::SubmitJobRequest& request);
  // For whoever submitted the job, once: `done` is called on the loop when it is known whether the job can start from what it is to
  // start from; dropped without a call when the JobManager stops. kNotFound: no such job.
  void WhenOpened(JobId job, std::function<void(Status)> done);
  proto::ListJobsReply List() const;
  StatusOr<proto::JobDetails> Get(JobId job) const;
  Status Cancel(JobId job);
  // `done` is called on the loop; dropped without a call when the JobManager stops. kNotFound, kFailedPrecondition (the job does
  // not run), kInvalidArgument (no directory), or why the directory cannot be made.
  void TriggerSavepoint(JobId job, JobMaster::SavepointWish wish, std::function<void(StatusOr<JobMaster::SavepointBegun>)> done);
  StatusOr<proto::SavepointDetails> GetSavepoint(JobId job, const std::string& trigger_id) const;
  // kFailedPrecondition while a job would recover from it, or has claimed it.
  void DisposeSavepoint(const std::string& path, std::function<void(Status)> done);
  proto::ClusterDetails Cluster() const;

  // ---- SessionReceiver: any thread ----
  void OnSessionEvent(SessionId session, proto::TaskManagerEvent event) override;
  void OnSessionClosed(SessionId session) override;

 private:
  static constexpr size_t kEndedJobsMax = 1'000;
  struct TaskManager {
    SessionId session = 0;
    IncarnationId incarnation;
    std::string host;
    std::string data_address;
    std::string metrics_address;
    uint32_t slots = 0;
  };

  void HandleEvent(SessionId session, const proto::TaskManagerEvent& event);
  void HandleRegistration(SessionId session, const proto::Registration& registration);
  void HandleHeartbeat(const std::string& name, TaskManager& task_manager, const proto::TaskManagerHeartbeat& heartbeat);
  void Lose(const std::string& name, const std::string& why);
  void Beat();
  void Apply(const SlotPool::Actions& actions);
  const std::string* NameOf(SessionId session) const;
  void UpdateMetrics();
  // Of jobs that have not ended, apart from `but`.
  Status CheckOthers(const SnapshotStart& start, std::optional<JobId> but) const;

  // ---- ClusterGateway ----
  void Send(const std::string& task_manager, proto::JobManagerCommand command) override;
  std::string DataAddressOf(const std::string& task_manager) const override;
  void RequestSlots(JobId job, uint32_t slot_count) override;
  void ReleaseSlots(JobId job) override;
  std::optional<SlotShortage> ShortageOf(JobId job) const override { return slot_pool_.ShortageOf(job); }
  Status CheckStart(JobId job, const SnapshotStart& start) const override;
  void JobEnded(JobId job) override;

  const Options options_;
  FileSystem& files_;
  ArtifactStore& artifacts_;
  ThreadPool& io_pool_;
  EventLoop& loop_;
  const Clock& clock_;
  MetricRegistry& metrics_;
  MetricScope cluster_metrics_;
  GaugeMetric* const registered_;
  GaugeMetric* const running_jobs_;
  GaugeMetric* const slots_total_;
  GaugeMetric* const slots_available_;
  SessionService* sessions_ = nullptr;
  SlotPool slot_pool_;
  std::map<std::string, TaskManager> task_managers_;  // By id.
  std::map<JobId, std::unique_ptr<JobMaster>> jobs_;
  std::vector<JobId> ended_jobs_;                     // Oldest first; at most kEndedJobsMax stay.
  uint64_t heartbeat_sequence_ = 0;
  HeartbeatWatch heartbeats_;                         // Of all in task_managers_.
  bool stopped_ = false;
};

}  // namespace weir
