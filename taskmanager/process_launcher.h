// Workers as processes, through the launcher process.
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "taskmanager/launcher_process.h"
#include "taskmanager/worker_launcher.h"

namespace weir {

// A thread of its own reads the launcher's replies. The destructor CHECKs Stop and Join, if started.
class ProcessLauncher final : public WorkerLauncher {
 public:
  explicit ProcessLauncher(ForkedLauncher launcher) : launcher_id_(launcher.process_id), socket_(std::move(launcher.socket)) {}
  ~ProcessLauncher() override;

  void Start(WorkerLauncherEvents& events) override;
  void Launch(WorkerSerial serial, WorkerEndpoints endpoints) override;
  void Kill(WorkerSerial serial) override;
  void Stop() override;
  void Join() override;

 private:
  void ReadReplies();

  const pid_t launcher_id_;
  const FileDescriptor socket_;
  WorkerLauncherEvents* events_ = nullptr;  // Set by Start.
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::set<WorkerSerial> alive_;  // Guarded by mutex_: launched and not exited.
  std::thread reader_;
};

}  // namespace weir
