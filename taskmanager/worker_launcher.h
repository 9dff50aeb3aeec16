// Starts and kills workers: as processes (process_launcher.h) or, in a MiniCluster, as threads (minicluster/).
#pragma once

#include <string>

#include <weir/core/status.h>

#include "base/ids.h"
#include "base/file_descriptor.h"

namespace weir {

using WorkerSerial = Id<struct WorkerSerialTag, uint64_t>;  // Names one start of a worker within one TaskManager; from 1.

// The worker's ends. Output and error are pipes; a worker without a process of its own does not use them.
struct WorkerEndpoints {
  FileDescriptor control;
  FileDescriptor output;
  FileDescriptor error;
};

// Called on the launcher's threads. For each serial: at most one OnWorkerStarted, then exactly one OnWorkerExited.
class WorkerLauncherEvents {
 public:
  virtual ~WorkerLauncherEvents();
  virtual void OnWorkerStarted(WorkerSerial serial, int process_id) = 0;
  // `how`: "exited with code 3", "was killed by signal 11 (...)", "cannot be started: ...".
  virtual void OnWorkerExited(WorkerSerial serial, const std::string& how) = 0;
  // No worker lives any more, and none can be started.
  virtual void OnLauncherLost() = 0;
};

// Thread-safe from Start() on.
class WorkerLauncher {
 public:
  virtual ~WorkerLauncher();
  virtual void Start(WorkerLauncherEvents& events) = 0;  // Once; `events` outlives Join().
  // Takes the endpoints and returns at once; the outcome is an event.
  virtual void Launch(WorkerSerial serial, WorkerEndpoints endpoints) = 0;
  virtual void Kill(WorkerSerial serial) = 0;  // At once and for good. Unknown serials are ignored.
  virtual void Stop() = 0;                     // Kills all workers.
  virtual void Join() = 0;
};

}  // namespace weir
