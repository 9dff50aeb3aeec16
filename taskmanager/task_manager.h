// A TaskManager: offers slots to the JobManager, has workers started, relays between the two, watches over the workers.
#pragma once

#include <cstdint>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/exposer.h"
#include "base/metrics.h"
#include "base/thread_pool.h"
#include "taskmanager/artifact_cache.h"
#include "taskmanager/data_listener.h"
#include "taskmanager/leader_link.h"
#include "taskmanager/output_collector.h"
#include "taskmanager/session_client.h"
#include "taskmanager/task_manager_options.h"
#include "taskmanager/work_directory.h"
#include "taskmanager/worker_connection.h"
#include "taskmanager/worker_metrics.h"
#include "taskmanager/worker_registry.h"

namespace weir::proto {
class Failure;
class StartWorker;
}  // namespace weir::proto

namespace weir {

// A thin loop: WorkerRegistry and LeaderLink decide, this class turns what they want into I/O. The loop does no I/O that can
// wait (R30): files go to a pool, sockets have threads of their own.
class TaskManager final : private WorkerLauncherEvents {
 public:
  // Listens, ends what an earlier life left behind, then begins to look for the JobManager. `launcher` is not started yet and
  // outlives the TaskManager.
  static StatusOr<std::unique_ptr<TaskManager>> Start(TaskManagerOptions options, WorkerLauncher& launcher);
  ~TaskManager() override;  // CHECKs Stop and Join.
  TaskManager(const TaskManager&) = delete;
  TaskManager& operator=(const TaskManager&) = delete;

  const std::string& id() const { return id_; }
  const std::string& data_address() const { return data_address_; }
  const std::string& metrics_address() const { return metrics_address_; }  // Empty: not served.

  void Stop();  // Gracefully: workers stop, the session is left. Thread-safe, may be repeated.
  void Join();  // Waits until that is done: a few seconds at most, unless workers live in this process.

 private:
  // What belongs to one worker on the side of I/O. Owned by the loop.
  struct Worker {
    JobId job;
    std::unique_ptr<proto::StartWorker> start;
    std::string library_path;  // Set while the cache counts a use.
    int process_id = 0;
    std::unique_ptr<WorkerConnection> connection;
    int64_t last_heard_ms = 0;  // 0 = it has not said that it is ready.
  };
  enum class Phase : uint8_t { kRunning, kLeaving, kLeft };  // kRunning -> kLeaving -> kLeft

  TaskManager(TaskManagerOptions options, WorkerLauncher& launcher);
  Status Init();
  void StartMetrics();

  // WorkerLauncherEvents; thread: the launcher's.
  void OnWorkerStarted(WorkerSerial serial, int process_id) override;
  void OnWorkerExited(WorkerSerial serial, const std::string& how) override;
  void OnLauncherLost() override;

  // Thread: loop. task_manager.cc
  void Tick();
  // Ends workers that say nothing: a ready one reports its metrics every second, whatever its tasks do.
  void EndSilentWorkers(int64_t now_ms);
  void SendHeartbeat();
  void Connect();
  void OnCommand(uint64_t session, const proto::JobManagerCommand& command);
  void OnSessionClosed(uint64_t session, const Status& why);
  void OnRegistrationReply(const proto::JobManagerCommand& command);
  void DropSession(const Status& why);
  void LoseLease(const std::string& why);
  void SendToLeader(proto::TaskManagerEvent event);
  void Leave();
  void AfterStep();

  // Thread: loop. task_manager_workers.cc
  void Step(const WorkerRegistryEvent::Any& event);
  void Do(const WorkerRegistryAction::Fetch& action);
  void Do(const WorkerRegistryAction::Launch& action);
  void Do(const WorkerRegistryAction::SendStart& action);
  void Do(const WorkerRegistryAction::SendCancel& action);
  void Do(const WorkerRegistryAction::SendStop& action);
  void Do(const WorkerRegistryAction::Kill& action);
  void Do(const WorkerRegistryAction::Forget& action);
  void Do(const WorkerRegistryAction::ReportReady& action);
  void Do(const WorkerRegistryAction::ReportFailed& action);
  void Do(const WorkerRegistryAction::ReportTasksCancelled& action);
  void Do(const WorkerRegistryAction::Ignored& action);
  void HandleJobCommand(JobId job, const proto::JobManagerCommand& command);
  void Relay(JobId job, const proto::JobManagerCommand& command);
  void SendToWorker(WorkerSerial serial, const proto::WorkerCommand& command, FileDescriptor attached = {});
  void OnWorkerEvent(WorkerSerial serial, const proto::TaskManagerEvent& event);
  void OnArtifact(WorkerSerial serial, const std::string& hash, const StatusOr<std::string>& path);
  void OnConnection(const ChannelHandshake& handshake, FileDescriptor socket);
  OutputFiles OutputFilesOf(const Worker& worker) const;
  proto::TaskManagerEvent NewEvent(JobId job) const;
  std::string DescribeEnd(WorkerSerial serial, const std::string& how, const std::string& error_tail) const;

  double Jitter();
  int64_t NowMs() const { return clock_.MonotonicMillis(); }

  const TaskManagerOptions options_;
  WorkerLauncher& launcher_;
  const SystemClock clock_;
  std::string id_;                // Set by Init, as are the next ones.
  std::string data_address_;
  std::string metrics_address_;
  std::optional<WorkDirectory> directory_;
  std::optional<WorkerMetrics> worker_metrics_;
  MetricRegistry metrics_;
  std::vector<MetricScope> metric_scopes_;
  std::atomic<size_t> worker_count_{0};  // For the metrics.

  EventLoop loop_{"taskmanager"};
  ThreadPool files_{{.name = "files", .thread_count = 1, .queue_count_max = 4'096}};
  OutputCollector output_{{}};
  std::unique_ptr<SessionClient> client_;
  std::unique_ptr<ArtifactCache> artifacts_;
  std::unique_ptr<DataListener> listener_;
  std::unique_ptr<Exposer> exposer_;

  // Owned by the loop.
  Phase phase_ = Phase::kRunning;
  LeaderLink link_;
  WorkerRegistry registry_;
  IncarnationId incarnation_ = IncarnationId::Random();
  uint64_t session_ = 0;            // The one whose callbacks count.
  uint64_t heartbeat_sequence_ = 0;
  int64_t next_heartbeat_ms_ = 0;
  int64_t last_tick_ms_ = 0;
  std::map<WorkerSerial, Worker> workers_;
  std::map<JobId, std::unique_ptr<proto::StartWorker>> start_requests_;  // Newest of each job with a worker.
  std::deque<std::unique_ptr<proto::TaskManagerEvent>> outbox_;  // Waits for the leader to come back; at most kOutboxMax.
  std::string error_tail_;                      // Of the worker whose end is being handled.

  std::promise<void> left_;
  bool joined_ = false;
};

}  // namespace weir
