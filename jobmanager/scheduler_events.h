// What the scheduler of a job hears of, and what it wants done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <weir/core/status.h>

#include "base/ids.h"
#include "jobmanager/job_status.h"
#include "jobmanager/slot_assignment.h"

namespace weir {

// `jitter` in [0, 1) stands in every event that may fail the job: the scheduler has no random source of its own.
struct SchedulerEvent {
  // The job begins, from nothing or from a checkpoint: restored at submission, or the chain's newest one.
  struct Submitted {
    std::optional<CheckpointId> restored;
  };
  struct SlotsGranted {
    std::vector<SlotId> slots;  // All that the job holds.
  };
  struct WorkerReady {
    AttemptId attempt;
    std::string task_manager;
  };
  struct WorkerFailed {
    AttemptId attempt;
    std::string task_manager;
    Status reason;
    double jitter = 0.5;
  };
  // No task up to this attempt runs there any more. A TaskManager without such tasks or worker says so too: only an answer,
  // or the loss of the TaskManager, ends the wait.
  struct TasksCancelled {
    AttemptId attempt;
    std::string task_manager;
  };
  struct TaskManagerLost {
    std::string task_manager;
    double jitter = 0.5;
  };
  struct TaskChanged {
    AttemptId attempt;
    SubtaskId subtask;
    TaskStatus status = TaskStatus::kRunning;
    Status failure;  // Of kFailed.
    double jitter = 0.5;
  };
  // A TaskManager's full report (R29): which tasks of the attempt it has, none when it has no worker of the job. It comes behind
  // everything that the TaskManager said before.
  struct TasksReported {
    AttemptId attempt;
    std::string task_manager;
    std::vector<SubtaskId> running;
    double jitter = 0.5;
  };
  // The checkpoint coordinator gave the attempt up.
  struct CheckpointingFailed {
    AttemptId attempt;
    std::string reason;
    double jitter = 0.5;
    bool restarts_only = false;  // Nothing has failed: the restart strategy is not asked, the job begins anew at once.
  };
  // A publication begins; until it is settled nothing is restored (R10).
  struct PublicationStarted {
    CheckpointId id;
  };
  struct PublicationSettled {
    CheckpointId id;
    bool published = false;
  };
  struct CancelRequested {};
  // The job cannot go on whatever is tried: its checkpoint is corrupt (R7), its state incompatible.
  struct FatalFailure {
    Status reason;
  };
  struct TerminalWritten {};  // The chain has the terminal record (R8).
  // It never will: the chain is damaged where it belongs (R7).
  struct TerminalImpossible {
    Status reason;
  };
  struct LeadershipLost {};   // R3
  struct Tick {
    double jitter = 0.5;
  };

  using Any = std::variant<Submitted, SlotsGranted, WorkerReady, WorkerFailed, TasksCancelled, TaskManagerLost, TaskChanged, TasksReported,
                           CheckpointingFailed, PublicationStarted, PublicationSettled, CancelRequested, FatalFailure,
                           TerminalWritten, TerminalImpossible, LeadershipLost, Tick>;
};

// Why a message changed nothing.
enum class SchedulerVerdict : uint8_t {
  kStaleAttempt,
  kUnknownTask,
  kUnknownWorker,
  kDuplicate,
  kNotExpected,
};
std::string_view SchedulerVerdictName(SchedulerVerdict verdict);

struct SchedulerAction {
  struct RequestSlots {
    uint32_t slot_count = 0;  // In all.
  };
  struct ReleaseSlots {};
  struct StartWorker {
    AttemptId attempt;
    std::string task_manager;
  };
  struct DeployTasks {
    AttemptId attempt;
    std::string task_manager;
    std::vector<TaskPlacement> tasks;
    std::optional<CheckpointId> restored;  // The checkpoint whose state they start with.
  };
  struct CancelTasks {
    AttemptId attempt;
    std::string task_manager;
  };
  struct StopWorker {
    std::string task_manager;
  };
  struct KillWorker {  // SIGKILL (R31); answered by WorkerFailed, or by TasksCancelled when there is no worker.
    AttemptId attempt;
    std::string task_manager;
  };
  struct StartCheckpointing {
    AttemptId attempt;
    std::vector<SubtaskId> finished;
    std::vector<SubtaskId> drained;
  };
  struct StopCheckpointing {
    AttemptId attempt;
  };
  struct ScheduleTick {
    int64_t at_ms = 0;
  };
  // The same status again when a job that was restarting fails anew.
  struct StatusChanged {
    JobStatus status = JobStatus::kCreated;
    Status cause;  // Ok unless a failure led here.
  };
  // Into the chain, before anything is cleaned up; answered by TerminalWritten, TerminalImpossible or LeadershipLost.
  struct WriteTerminal {
    JobStatus status = JobStatus::kFinished;
    std::string reason;
  };
  struct JobEnded {
    JobStatus status = JobStatus::kFinished;
    bool recorded = true;  // In the chain; else nothing of the job may be deleted (R4).
  };
  struct MessageIgnored {
    SchedulerVerdict verdict = SchedulerVerdict::kStaleAttempt;
  };

  using Any = std::variant<RequestSlots, ReleaseSlots, StartWorker, DeployTasks, CancelTasks, StopWorker, KillWorker,
                           StartCheckpointing, StopCheckpointing, ScheduleTick, StatusChanged, WriteTerminal, JobEnded,
                           MessageIgnored>;
};

}  // namespace weir
