// A few threads for blocking work: file writes, uploads, hashing. Results go back by Post to the caller's loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace weir {

struct ThreadPoolOptions {
  std::string name;                  // Threads are called name-0, name-1, ... (cut to 15 characters).
  uint32_t thread_count = 1;         // At least 1.
  uint32_t queue_count_max = 1'024;  // At least 1; closures that wait, without those that run.
};

// Thread-safe. Stop in two phases: Stop(), then Join(); the destructor CHECKs both.
class ThreadPool {
 public:
  using Closure = std::function<void()>;

  explicit ThreadPool(const ThreadPoolOptions& options);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Runs `closure` on one of the threads. False, and it will not run, when the queue is full or after Stop().
  // Never waits.
  [[nodiscard]] bool Submit(Closure closure);

  void Stop();  // Refuses new work; what was accepted before still runs.
  void Join();  // Requires: Stop() was called; not on a thread of the pool.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir
