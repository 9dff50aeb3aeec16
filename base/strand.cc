#include "base/strand.h"

#include <utility>

namespace weir {

std::shared_ptr<Strand> Strand::On(ThreadPool& pool) { return std::shared_ptr<Strand>(new Strand(pool)); }

bool Strand::Post(ThreadPool::Closure closure) {
  std::lock_guard lock(mutex_);
  if (!running_ && !pool_.Submit([self = shared_from_this()] { self->RunAll(); })) return false;
  running_ = true;
  queue_.push_back(std::move(closure));
  return true;
}

void Strand::RunAll() {
  while (true) {
    ThreadPool::Closure closure;
    {
      std::lock_guard lock(mutex_);
      if (queue_.empty()) {
        running_ = false;
        return;
      }
      closure = std::move(queue_.front());
      queue_.pop_front();
    }
    closure();
  }
}

}  // namespace weir
