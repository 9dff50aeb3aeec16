// Workers as threads of this process: a job can be stepped through in a debugger.
#pragma once

#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "taskmanager/worker_launcher.h"

namespace weir {

// A worker that does not end by itself cannot be killed: Kill closes its control socket, and user code that never returns
// keeps Join waiting.
class InProcessLauncher final : public WorkerLauncher {
 public:
  ~InProcessLauncher() override;
  void Start(WorkerLauncherEvents& events) override;
  void Launch(WorkerSerial serial, WorkerEndpoints endpoints) override;
  void Kill(WorkerSerial serial) override;
  void Stop() override;
  void Join() override;

 private:
  void RunWorker(WorkerSerial serial, FileDescriptor control);

  WorkerLauncherEvents* events_ = nullptr;  // Set by Start; outlives Join.
  std::mutex mutex_;
  bool stopped_ = false;                     // Guarded by mutex_.
  std::map<WorkerSerial, int> controls_;     // Guarded by mutex_: sockets of running workers, own duplicates.
  std::vector<std::thread> threads_;         // Guarded by mutex_; one per worker ever started.
};

}  // namespace weir
