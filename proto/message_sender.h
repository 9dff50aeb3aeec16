// Sends control messages from any thread without making it wait: a bounded queue and a thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <weir/core/status.h>

#include "base/file_descriptor.h"

namespace weir {

struct MessageSenderOptions {
  std::string thread_name;
  size_t queue_count_max = 65'536;
  size_t queue_bytes_max = 256u << 20;  // A queue that is empty takes any message.
  // Called once, on the sender's thread, when a message could not be sent: the connection is over. May be null.
  std::function<void(const Status&)> on_failure = {};
};

// Thread-safe. Stop in two phases; the destructor CHECKs both.
class MessageSender {
 public:
  // `socket` is not owned and outlives the sender.
  MessageSender(int socket, MessageSenderOptions options);
  ~MessageSender();
  MessageSender(const MessageSender&) = delete;
  MessageSender& operator=(const MessageSender&) = delete;

  // False, and it is not sent: the queue is full, the connection over, or Stop was called.
  bool Send(std::string bytes, FileDescriptor attached = {});
  // The same for what may be lost: refused already when a quarter of the queue is taken.
  bool SendIfRoom(std::string bytes);
  // Waits until everything was handed to the socket; false after `timeout_ms`, or when the connection is over.
  bool Flush(int64_t timeout_ms);

  void Stop();  // Ends the connection: shuts the socket down. What is queued is dropped.
  void Join();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir
