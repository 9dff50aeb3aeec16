// The sockets and wake-ups of one slot thread. Asio stays behind this wall.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace weir {

// Thread: the slot's, except for Interrupt and Post.
class Reactor {
 public:
  Reactor();
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Runs what is ready, without waiting.
  void Poll();
  // Waits until something is ready, Interrupt was called, or `timeout_ns` (>= 0) passed; then runs what is ready.
  void Wait(int64_t timeout_ns);

  // Thread-safe: ends the present or the next Wait.
  void Interrupt();
  // Thread-safe: runs `closure` on the slot's thread in its next Poll or Wait.
  void Post(std::function<void()> closure);

  // Calls `ready` once when `fd` (not owned) has something to read or is at its end; replaces an earlier watch of it.
  void WatchReadable(int fd, const void* owner, std::function<void()> ready);
  // No watch of this owner calls it any more.
  void UnwatchAll(const void* owner);

  struct Core;  // The Asio context, for the transports of this folder only.
  Core& core() { return *core_; }

 private:
  void Unwatch(int fd);

  std::unique_ptr<Core> core_;
};

}  // namespace weir
