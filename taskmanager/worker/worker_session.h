// A worker's life over its control socket: start, load the job, run tasks as told, end.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/file_descriptor.h"
#include "base/log.h"
#include "proto/message_sender.h"
#include "taskmanager/worker/deployment_parts.h"
#include "taskmanager/worker/job_loader.h"
#include "taskmanager/worker/worker_events.h"

namespace weir::proto {
class JobManagerCommand;
class TriggerCheckpoint;
class WorkerCommand;
class WorkerStart;
}  // namespace weir::proto

namespace weir {

class WorkerRuntime;

struct WorkerSessionOptions {
  std::function<std::string()> exception_stack = {};  // For WorkerOptions, as is the next one.
  std::function<std::function<std::string()>(pthread_t)> take_stack = {};
  // Ends the process at once; never returns. Null when the worker is not alone in its process: then the session ends its tasks
  // and Run returns, however long that takes, and no memory limit holds.
  std::function<void(int exit_code)> end_process = {};
  std::function<void(LogLevel)> set_log_level = {};  // Null when the log is not the worker's own.
  std::function<void()> before_loading = {};  // On the loading thread, as is the next one.
  std::function<void()> after_loading = {};
};

// Its threads: control (the caller of Run) reads the socket and nothing else, so that the end of the TaskManager is noticed
// whatever user code does; the loop owns all state below; the loader runs user code once; the sender writes.
//
//   kAwaitingStart -> kLoading -> kReady -> kStopping
//                         |         |
//                         +-> kFailed <- (memory, protocol)
class WorkerSession {
 public:
  WorkerSession(FileDescriptor socket, WorkerSessionOptions options);
  ~WorkerSession();  // Requires: Run returned.
  WorkerSession(const WorkerSession&) = delete;
  WorkerSession& operator=(const WorkerSession&) = delete;

  // Returns the exit code when the socket is at its end, or after StopWorker.
  int Run();

 private:
  enum class State : uint8_t { kAwaitingStart, kLoading, kReady, kStopping, kFailed };

  Status ReceiveCommands();  // Until the socket's end or the first that cannot be read. Thread: control.
  // Thread: loop.
  void Handle(const proto::WorkerCommand& command, FileDescriptor attached);
  void OnStart(const proto::WorkerStart& start);
  void OnLoaded(StatusOr<std::unique_ptr<LoadedJob>> job);
  void OnRelayed(const proto::JobManagerCommand& command);
  void OnTrigger(const proto::TriggerCheckpoint& trigger);
  void OnDeploy(const proto::JobManagerCommand& command);
  void OnCancel(AttemptId attempt);
  void OnConnection(const std::string& handshake, FileDescriptor socket);
  void OnStop();
  void Fail(const Status& failure);
  void Tick();
  void ReportMetrics();

  void WatchMemory();  // Thread: its own.
  void EndConnection();  // Thread-safe.

  const FileDescriptor socket_;
  const WorkerSessionOptions options_;
  const SystemClock clock_;
  EventLoop loop_{"worker"};
  MessageSender sender_;
  WorkerEvents events_;
  std::atomic<uint32_t> queued_commands_{0};  // Posted to the loop and not yet handled; at most kQueuedCommandsMax.

  // Owned by the loop.
  State state_ = State::kAwaitingStart;
  std::unique_ptr<proto::WorkerStart> start_;
  AttemptId attempt_;      // Newest one heard of.
  LeaderEpoch epoch_;      // Highest one heard of (R3).
  std::unique_ptr<LoadedJob> job_;
  std::unique_ptr<WorkerRuntime> runtime_;
  DeploymentParts parts_;
  std::thread loader_;

  std::atomic<uint64_t> memory_bytes_max_{0};  // 0 = no limit yet.
  std::atomic<bool> ending_{false};
  std::thread memory_watch_;
};

}  // namespace weir
