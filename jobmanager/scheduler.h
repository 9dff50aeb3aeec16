// Brings one job from submission to its end: slots, workers, deployment, restarts, cancellation. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "jobmanager/restart_strategy.h"
#include "jobmanager/scheduler_events.h"
#include "runtime/graph/job_graph.h"

namespace weir {

// Thread: the JobMaster's loop. No I/O, no clock, no random source.
//
//   kCreated -> kWaitingForSlots -> kStartingWorkers -> kDeploying -> kRunning
//                  ^      |               |                 |            |
//                  |      +---------------+-----failure-----+------------+
//                  |                      v
//            kRestartPause <--- kRestartCancelling
//
//   any of these -> kEnding (finished, cancelled, failed for good) -> kWritingTerminal -> kEnded
//   any but kEnded -> kSuspended (leadership lost: workers and slots are let go, nothing else follows)
//
// The whole job restarts: tasks on surviving workers are cancelled, the workers kept. Each deployment is an attempt of its own
// (R9). kRestartPause and kEnding last at least until no publication is in flight (R10).
class Scheduler {
 public:
  enum class Phase : uint8_t {
    kCreated,
    kWaitingForSlots,
    kStartingWorkers,
    kDeploying,
    kRunning,
    kRestartCancelling,
    kRestartPause,
    kEnding,
    kWritingTerminal,
    kEnded,
    kSuspended,
  };
  struct Options {
    RestartStrategyConfig restart;
    int64_t cancellation_timeout_ms = 30'000;      // task.cancellation.timeout
    int64_t slot_request_timeout_ms = 300'000;     // slot.request.timeout
    int64_t deployment_timeout_ms = 600'000;       // From StartWorker until all tasks run (R31).
  };
  using Actions = std::vector<SchedulerAction::Any>;

  // Requires: graph.Validate() is ok, epoch > 0.
  Scheduler(const JobGraph& graph, LeaderEpoch epoch, Options options);

  // Requires: `now_ms` does not decrease.
  Actions Step(const SchedulerEvent::Any& event, int64_t now_ms);

  Phase phase() const { return phase_; }
  // kCreated, after a failure kRestarting, until the tasks are being deployed.
  JobStatus status() const;
  AttemptId attempt() const { return attempt_; }
  uint32_t restarts() const { return restarts_; }
  std::optional<CheckpointId> newest_checkpoint() const { return newest_checkpoint_; }
  TaskStatus StatusOf(SubtaskId subtask) const { return tasks_[subtask.vertex.value][subtask.subtask]; }
  const std::vector<TaskPlacement>& placements() const { return placements_; }  // Of the current attempt.

 private:
  // A worker of the job: kStarting -> kReady -> kDeployed -> kCancelling -> kIdle -> kStarting. It leaves the map when it dies.
  enum class WorkerState : uint8_t { kStarting, kReady, kDeployed, kCancelling, kIdle };

  void On(const SchedulerEvent::Submitted& event, Actions& actions);
  void On(const SchedulerEvent::SlotsGranted& event, Actions& actions);
  void On(const SchedulerEvent::WorkerReady& event, Actions& actions);
  void On(const SchedulerEvent::WorkerFailed& event, Actions& actions);
  void On(const SchedulerEvent::TasksCancelled& event, Actions& actions);
  void On(const SchedulerEvent::TaskManagerLost& event, Actions& actions);
  void On(const SchedulerEvent::TaskChanged& event, Actions& actions);
  void On(const SchedulerEvent::TasksReported& event, Actions& actions);
  void On(const SchedulerEvent::CheckpointingFailed& event, Actions& actions);
  void On(const SchedulerEvent::PublicationStarted& event, Actions& actions);
  void On(const SchedulerEvent::PublicationSettled& event, Actions& actions);
  void On(const SchedulerEvent::CancelRequested& event, Actions& actions);
  void On(const SchedulerEvent::FatalFailure& event, Actions& actions);
  void On(const SchedulerEvent::TerminalWritten& event, Actions& actions);
  void On(const SchedulerEvent::TerminalImpossible& event, Actions& actions);
  void On(const SchedulerEvent::LeadershipLost& event, Actions& actions);
  void On(const SchedulerEvent::Tick& event, Actions& actions);

  void MoveTo(Phase next, Actions& actions, const Status& cause = {});
  bool Ignore(SchedulerVerdict verdict, Actions& actions) const;
  bool HasTasks() const;  // Workers were asked to run the current attempt.
  bool AnyWorkerIn(WorkerState state) const;

  void RequestSlots(Actions& actions);
  void Deploy(Actions& actions);
  void WorkerGone(const std::string& task_manager, const Status& reason, double jitter, Actions& actions);
  void OnTaskProgress(Actions& actions);
  void Fail(const Status& reason, double jitter, Actions& actions);
  void Restart(const Status& reason, int64_t delay_ms, Actions& actions);
  void End(JobStatus status, const Status& cause, Actions& actions);
  void CancelAllTasks(Actions& actions);
  void StopCheckpointing(Actions& actions);
  void ContinueWhenQuiet(Actions& actions);
  void OnDeadline(double jitter, Actions& actions);
  void LetGo(Actions& actions);

  const JobGraph graph_;
  const LeaderEpoch epoch_;
  const Options options_;
  RestartStrategy restart_strategy_;
  Phase phase_ = Phase::kCreated;
  JobStatus undeployed_status_ = JobStatus::kCreated;  // While it waits for slots and workers; kRestarting once it has failed.
  int64_t now_ms_ = 0;
  AttemptId attempt_;                               // Of the newest deployment; restart 0 before the first.
  uint32_t restarts_ = 0;
  std::vector<std::vector<TaskStatus>> tasks_;      // By vertex and subtask; only grow within an attempt.
  std::vector<TaskPlacement> placements_;
  std::map<std::string, WorkerState> workers_;      // By TaskManager; ordered, so that actions are.
  bool checkpointing_ = false;                      // StartCheckpointing was the last one said.
  std::optional<CheckpointId> newest_checkpoint_;   // What the next deployment starts from.
  std::optional<CheckpointId> publication_;         // In flight (R10).
  int64_t restart_at_ms_ = 0;
  std::optional<int64_t> deadline_ms_;              // Of the current phase.
  JobStatus ending_status_ = JobStatus::kFinished;  // From kEnding on.
  Status cause_;                                    // Newest failure.
};

}  // namespace weir
