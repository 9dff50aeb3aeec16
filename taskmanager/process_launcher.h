// Workers as processes, through the launcher process.
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "taskmanager/worker_launcher.h"

namespace weir {

// A thread of its own reads the launcher's replies. The destructor CHECKs Stop and Join, if started.
class ProcessLauncher final : public WorkerLauncher {
 public:
  explicit ProcessLauncher(FileDescriptor socket) : socket_(std::move(socket)) {}  // Of ForkLauncher.
  ~ProcessLauncher() override;

  void Start(WorkerLauncherEvents& events) override;
  void Launch(WorkerSerial serial, WorkerEndpoints endpoints) override;
  void Kill(WorkerSerial serial) override;
  void Stop() override;
  void Join() override;

 private:
  void ReadReplies();

  const FileDescriptor socket_;
  WorkerLauncherEvents* events_ = nullptr;  // Set by Start.
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::set<WorkerSerial> alive_;  // Guarded by mutex_: launched and not exited.
  std::thread reader_;
};

}  // namespace weir
