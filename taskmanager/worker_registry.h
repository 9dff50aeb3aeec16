// The workers of a TaskManager, at most one per job: when to fetch, launch, reuse, stop and kill. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "taskmanager/worker_registry_events.h"

namespace weir {

// Thread: the TaskManager's loop. No I/O, no clock.
//
//   kFetching -> kLaunching -> kLoading -> kReady -> kStopping
//       |            |             |          |          |
//       +------------+-------------+----------+----------+--> kKilled -> forgotten
//
// A worker is reported failed once, and only when its process is gone (or never was): then its slots are really free. A start
// request that comes while an older worker of the job is on its way out waits for its end.
class WorkerRegistry {
 public:
  struct Options {
    int64_t start_timeout_ms = 30'000;         // worker.start-timeout
    int64_t cancellation_timeout_ms = 30'000;  // task.cancellation.timeout (R31)
    int64_t shutdown_timeout_ms = 5'000;       // For a graceful StopAll.
    uint32_t worker_count_max = 1'024;
  };
  using Actions = std::vector<WorkerRegistryAction::Any>;

  enum class State : uint8_t { kFetching, kLaunching, kLoading, kReady, kStopping, kKilled };
  // Of the full report to the JobManager (R29).
  struct WorkerReport {
    JobId job;
    AttemptId attempt;
    std::vector<SubtaskId> running;
  };

  explicit WorkerRegistry(Options options) : options_(options) {}

  // Requires: `now_ms` does not decrease.
  Actions Step(const WorkerRegistryEvent::Any& event, int64_t now_ms);

  // The next moment at which a Tick has something to do.
  std::optional<int64_t> next_deadline_ms() const;
  // The worker that can be sent commands of this job.
  std::optional<WorkerSerial> ReadyWorkerOf(JobId job) const;
  bool HasWorker(JobId job) const { return workers_.contains(job); }
  std::vector<WorkerReport> Report() const;
  bool empty() const { return workers_.empty(); }
  size_t size() const { return workers_.size(); }

 private:
  struct StartRequest {
    AttemptId attempt;
    std::string identity;
  };
  struct Cancellation {
    AttemptId attempt;
    int64_t deadline_ms = 0;
    bool asked = false;         // By the JobManager: it is told. Else it only clears the way for a newer attempt.
    bool ready_after = false;   // A start request waits for it.
  };
  struct Worker {
    WorkerSerial serial;
    AttemptId attempt;         // Newest one that it was asked for.
    std::string identity;
    State state = State::kFetching;
    int process_id = 0;
    bool launched = false;              // There is, or may be, a process.
    std::optional<int64_t> deadline_ms;  // Of the state.
    std::optional<Cancellation> cancellation;
    AttemptId running_attempt;
    std::vector<SubtaskId> running;
    Status end_reason;                  // What to report at its end; ok: what Exited says.
    std::optional<StartRequest> next;   // Waits for its end.
  };

  void On(const WorkerRegistryEvent::StartRequested& event, Actions& actions);
  void On(const WorkerRegistryEvent::StopRequested& event, Actions& actions);
  void On(const WorkerRegistryEvent::CancelRequested& event, Actions& actions);
  void On(const WorkerRegistryEvent::TasksDeployed& event, Actions& actions);
  void On(const WorkerRegistryEvent::ArtifactFetched& event, Actions& actions);
  void On(const WorkerRegistryEvent::ProcessStarted& event, Actions& actions);
  void On(const WorkerRegistryEvent::Exited& event, Actions& actions);
  void On(const WorkerRegistryEvent::Ready& event, Actions& actions);
  void On(const WorkerRegistryEvent::Failed& event, Actions& actions);
  void On(const WorkerRegistryEvent::TasksCancelled& event, Actions& actions);
  void On(const WorkerRegistryEvent::TaskEnded& event, Actions& actions);
  void On(const WorkerRegistryEvent::StopAll& event, Actions& actions);
  void On(const WorkerRegistryEvent::Tick& event, Actions& actions);

  void Create(JobId job, const StartRequest& request, Actions& actions);
  void MoveTo(Worker& worker, State next);
  void Reuse(JobId job, Worker& worker, Actions& actions);
  void Cancel(Worker& worker, const Cancellation& cancellation, Actions& actions);
  void Stop(JobId job, const Status& reason, int64_t timeout_ms, Actions& actions);
  void Kill(JobId job, const Status& reason, Actions& actions);
  void End(JobId job, const Status& how, Actions& actions);
  std::map<JobId, Worker>::iterator Find(WorkerSerial serial);
  static bool LeavesSoon(const Worker& worker) { return worker.state == State::kStopping || worker.state == State::kKilled; }

  const Options options_;
  int64_t now_ms_ = 0;
  uint64_t last_serial_ = 0;
  std::map<JobId, Worker> workers_;  // Ordered, so that actions are.
};

}  // namespace weir
