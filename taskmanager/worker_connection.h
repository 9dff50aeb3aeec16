// The TaskManager's end of a worker's control socket: commands out, events in.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "base/file_descriptor.h"
#include "proto/message_sender.h"
#include "taskmanager/worker_launcher.h"

namespace weir::proto {
class TaskManagerEvent;
class WorkerCommand;
}  // namespace weir::proto

namespace weir {

// Called on the connection's threads.
struct WorkerConnectionCallbacks {
  // Each is followed by a call of EventHandled, whoever handles it.
  std::function<void(WorkerSerial serial, const proto::TaskManagerEvent& event)> on_event;
  // The worker does not speak our protocol, or does not read. Not called for an end of the stream: its exit says more.
  std::function<void(WorkerSerial serial, const Status& why)> on_broken;
};

// Thread-safe. A reading thread, and that of the sender; the reader waits when too many events are not handled yet, so that a
// worker can fill its own queue only. Stop in two phases; the destructor CHECKs both.
class WorkerConnection {
 public:
  static constexpr uint32_t kUnhandledEventsMax = 4'096;

  WorkerConnection(WorkerSerial serial, FileDescriptor socket, WorkerConnectionCallbacks callbacks);
  ~WorkerConnection();
  WorkerConnection(const WorkerConnection&) = delete;
  WorkerConnection& operator=(const WorkerConnection&) = delete;

  // False when the worker is gone or does not take what it is sent.
  bool Send(const proto::WorkerCommand& command, FileDescriptor attached = {});
  void EventHandled();

  void Stop();
  void Join();

 private:
  void Read();

  const WorkerSerial serial_;
  const FileDescriptor socket_;
  const WorkerConnectionCallbacks callbacks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint32_t unhandled_count_ = 0;  // Guarded by mutex_, as is the next one.
  bool stopped_ = false;
  MessageSender sender_;
  std::thread reader_;
};

}  // namespace weir
