#include "minicluster/in_process_launcher.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "taskmanager/worker/worker_session.h"

namespace weir {

InProcessLauncher::~InProcessLauncher() { CHECK(threads_.empty()); }

void InProcessLauncher::Start(WorkerLauncherEvents& events) { events_ = &events; }

void InProcessLauncher::Launch(WorkerSerial serial, WorkerEndpoints endpoints) {
  std::lock_guard lock(mutex_);
  if (!stopped_) controls_[serial] = ::dup(endpoints.control.get());
  threads_.emplace_back([this, serial, stopped = stopped_, control = endpoints.control.Release()] {
    FileDescriptor owned(control);
    if (stopped) return events_->OnWorkerExited(serial, "was not started: the launcher is stopping");
    RunWorker(serial, std::move(owned));
  });
}

void InProcessLauncher::RunWorker(WorkerSerial serial, FileDescriptor control) {
  events_->OnWorkerStarted(serial, ::getpid());
  {
    WorkerSession session(std::move(control), {});
    session.Run();
  }
  {
    std::lock_guard lock(mutex_);
    ::close(controls_[serial]);
    controls_.erase(serial);
  }
  events_->OnWorkerExited(serial, "has ended");
}

void InProcessLauncher::Kill(WorkerSerial serial) {
  std::lock_guard lock(mutex_);
  const auto found = controls_.find(serial);
  if (found != controls_.end()) ::shutdown(found->second, SHUT_RDWR);
}

void InProcessLauncher::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& [serial, control] : controls_) ::shutdown(control, SHUT_RDWR);
}

void InProcessLauncher::Join() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    CHECK(stopped_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace weir
