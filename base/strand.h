// Runs closures one after the other, in their order, on the threads of a pool.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "base/thread_pool.h"

namespace weir {

// Thread-safe. Shared: what was accepted runs though its owner has let go.
class Strand : public std::enable_shared_from_this<Strand> {
 public:
  // `pool` outlives what was accepted.
  static std::shared_ptr<Strand> On(ThreadPool& pool);

  // Runs `closure` after all that were accepted before. False, and it will not run, when the pool refuses work: its queue
  // is full, or it stops. Never waits, never drops what it accepted.
  [[nodiscard]] bool Post(ThreadPool::Closure closure);

 private:
  explicit Strand(ThreadPool& pool) : pool_(pool) {}
  void RunAll();

  ThreadPool& pool_;
  std::mutex mutex_;                       // Guards both below.
  std::deque<ThreadPool::Closure> queue_;  // Invariant: empty unless running_.
  bool running_ = false;                   // A thread of the pool is, or soon will be, in RunAll.
};

}  // namespace weir
