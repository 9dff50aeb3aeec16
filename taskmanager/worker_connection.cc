#include "taskmanager/worker_connection.h"

#include <pthread.h>

#include <utility>

#include "base/check.h"
#include "proto/message_socket.h"
#include "proto/messages.pb.h"

namespace weir {

WorkerConnection::WorkerConnection(WorkerSerial serial, FileDescriptor socket, WorkerConnectionCallbacks callbacks)
    : serial_(serial),
      socket_(std::move(socket)),
      callbacks_(std::move(callbacks)),
      // A failure to send is an end of the worker, of which its exit says more.
      sender_(socket_.get(), {.thread_name = "worker-commands"}),
      reader_([this] { Read(); }) {
  pthread_setname_np(reader_.native_handle(), "worker-events");
}

WorkerConnection::~WorkerConnection() { CHECK(!reader_.joinable()); }

bool WorkerConnection::Send(const proto::WorkerCommand& command, FileDescriptor attached) {
  return sender_.Send(command.SerializeAsString(), std::move(attached));
}

void WorkerConnection::EventHandled() {
  std::lock_guard lock(mutex_);
  CHECK(unhandled_count_ > 0);
  --unhandled_count_;
  changed_.notify_one();
}

void WorkerConnection::Read() {
  while (true) {
    const StatusOr<std::optional<SocketMessage>> message = ReceiveMessage(socket_.get());
    if (!message.ok() && message.status().code() == StatusCode::kCorruption) return callbacks_.on_broken(serial_, message.status());
    if (!message.ok() || !message->has_value()) return;
    proto::TaskManagerEvent event;
    if (!event.ParseFromString((*message)->bytes)) return callbacks_.on_broken(serial_, Corruption("worker sent a message that does not decode"));
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopped_ || unhandled_count_ < kUnhandledEventsMax; });
      if (stopped_) return;
      ++unhandled_count_;
    }
    callbacks_.on_event(serial_, event);
  }
}

void WorkerConnection::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  sender_.Stop();
}

void WorkerConnection::Join() {
  sender_.Join();
  reader_.join();
}

}  // namespace weir
