#include "proto/message_sender.h"

#include <pthread.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "proto/message_socket.h"

namespace weir {

struct MessageSender::State {
  struct Queued {
    std::string bytes;
    FileDescriptor attached;
  };
  enum class Phase : uint8_t { kRunning, kFailed, kStopped };  // kRunning -> kFailed -> kStopped, kRunning -> kStopped

  State(int fd, MessageSenderOptions sender_options) : socket(fd), options(std::move(sender_options)) {}

  void Run();
  bool Enqueue(std::string bytes, FileDescriptor attached, size_t share);

  const int socket;
  const MessageSenderOptions options;
  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by mutex, all down to the thread.
  Phase phase = Phase::kRunning;
  std::deque<Queued> queue;
  size_t queued_bytes = 0;
  bool sending = false;  // A message left the queue and is not sent yet.
  bool joined = false;
  std::thread thread;
};

void MessageSender::State::Run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return phase != Phase::kRunning || !queue.empty(); });
    if (phase != Phase::kRunning) return;
    Queued message = std::move(queue.front());
    queue.pop_front();
    queued_bytes -= message.bytes.size();
    sending = true;
    lock.unlock();
    const Status sent = SendMessage(socket, message.bytes, message.attached.get());
    message.attached.Close();
    lock.lock();
    sending = false;
    if (!sent.ok() && phase == Phase::kRunning) {
      phase = Phase::kFailed;
      lock.unlock();
      if (options.on_failure) options.on_failure(sent);
      lock.lock();
    }
    changed.notify_all();
  }
}

bool MessageSender::State::Enqueue(std::string bytes, FileDescriptor attached, size_t share) {
  std::lock_guard lock(mutex);
  if (phase != Phase::kRunning || bytes.size() > kMessageBytesMax) return false;
  const bool too_many = queue.size() >= options.queue_count_max / share;
  const bool too_large = queued_bytes + bytes.size() > options.queue_bytes_max / share;
  if (!queue.empty() && (too_many || too_large)) return false;
  queued_bytes += bytes.size();
  queue.push_back({std::move(bytes), std::move(attached)});
  changed.notify_all();
  return true;
}

MessageSender::MessageSender(int socket, MessageSenderOptions options) : state_(std::make_unique<State>(socket, std::move(options))) {
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
  pthread_setname_np(state_->thread.native_handle(), state_->options.thread_name.substr(0, 15).c_str());
}

MessageSender::~MessageSender() { CHECK(state_->joined); }

bool MessageSender::Send(std::string bytes, FileDescriptor attached) { return state_->Enqueue(std::move(bytes), std::move(attached), 1); }

bool MessageSender::SendIfRoom(std::string bytes) { return state_->Enqueue(std::move(bytes), {}, 4); }

bool MessageSender::Flush(int64_t timeout_ms) {
  std::unique_lock lock(state_->mutex);
  const auto sent = [this] { return state_->phase != State::Phase::kRunning || (state_->queue.empty() && !state_->sending); };
  const bool in_time = state_->changed.wait_for(lock, std::chrono::milliseconds(timeout_ms), sent);
  return in_time && state_->phase == State::Phase::kRunning;
}

void MessageSender::Stop() {
  {
    std::lock_guard lock(state_->mutex);
    state_->phase = State::Phase::kStopped;
    state_->queue.clear();
    state_->queued_bytes = 0;
    state_->changed.notify_all();
  }
  ::shutdown(state_->socket, SHUT_RDWR);  // Ends a send that waits for the other side.
}

void MessageSender::Join() {
  {
    std::lock_guard lock(state_->mutex);
    CHECK(state_->phase == State::Phase::kStopped);
  }
  state_->thread.join();
  state_->joined = true;
}

}  // namespace weir
