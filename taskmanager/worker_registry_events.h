// What the worker registry hears of, and what it wants done.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <weir/core/status.h>

#include "base/ids.h"
#include "taskmanager/worker_launcher.h"

namespace weir {

struct WorkerRegistryEvent {
  // From the JobManager; the epoch of the command has been compared with the highest one known (R3).
  struct StartRequested {
    JobId job;
    AttemptId attempt;
    std::string identity;  // Equal for requests that one worker can serve: library, arguments, graph.
  };
  struct StopRequested {
    JobId job;
  };
  struct CancelRequested {
    JobId job;
    AttemptId attempt;
  };
  struct TasksDeployed {
    JobId job;
    AttemptId attempt;
    std::vector<SubtaskId> subtasks;
  };
  // From this machine.
  struct ArtifactFetched {
    WorkerSerial serial;
    Status status;
  };
  struct ProcessStarted {
    WorkerSerial serial;
    int process_id = 0;
  };
  struct Exited {
    WorkerSerial serial;
    Status how;  // Never ok: the reason when there is no better one.
  };
  // From the worker.
  struct Ready {
    WorkerSerial serial;
  };
  struct Failed {  // It said so itself, or its connection makes no sense.
    WorkerSerial serial;
    Status failure;
  };
  struct TasksCancelled {
    WorkerSerial serial;
    AttemptId attempt;
  };
  struct TaskEnded {
    WorkerSerial serial;
    AttemptId attempt;
    SubtaskId subtask;
  };
  // No leader, a stall, the end of the TaskManager. Graceful: tasks may end their step first.
  struct StopAll {
    std::string reason;
    bool graceful = false;
  };
  struct Tick {};

  using Any = std::variant<StartRequested, StopRequested, CancelRequested, TasksDeployed, ArtifactFetched, ProcessStarted, Exited,
                           Ready, Failed, TasksCancelled, TaskEnded, StopAll, Tick>;
};

struct WorkerRegistryAction {
  // Fetch the library; answered by ArtifactFetched. The start request to use is the last one of the job.
  struct Fetch {
    WorkerSerial serial;
    JobId job;
  };
  struct Launch {  // Answered by ProcessStarted and Exited, or Exited alone.
    WorkerSerial serial;
  };
  struct SendStart {
    WorkerSerial serial;
    AttemptId attempt;
  };
  struct SendCancel {
    WorkerSerial serial;
    AttemptId attempt;
  };
  struct SendStop {
    WorkerSerial serial;
  };
  struct Kill {
    WorkerSerial serial;
  };
  // The worker is gone and forgotten: release what it held.
  struct Forget {
    WorkerSerial serial;
    JobId job;
  };
  struct ReportReady {
    JobId job;
    AttemptId attempt;
    int process_id = 0;
  };
  struct ReportFailed {
    JobId job;
    AttemptId attempt;
    Status failure;
  };
  struct ReportTasksCancelled {
    JobId job;
    AttemptId attempt;
  };
  struct Ignored {  // A late, double or stale message.
    std::string what;
  };

  using Any = std::variant<Fetch, Launch, SendStart, SendCancel, SendStop, Kill, Forget, ReportReady, ReportFailed, ReportTasksCancelled, Ignored>;
};

}  // namespace weir
