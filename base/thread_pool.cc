#include "base/thread_pool.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"

namespace weir {

struct ThreadPool::State {
  enum class Phase { kRunning, kStopping, kJoined };  // kRunning -> kStopping -> kJoined.

  std::mutex mutex;
  std::condition_variable wake;
  Phase phase = Phase::kRunning;  // Guarded by mutex.
  std::deque<Closure> queue;      // Guarded by mutex; at most queue_count_max.
  uint32_t queue_count_max = 0;

  std::vector<std::thread> threads;  // Touched by the owner only.

  void Run() {
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [this] { return phase != Phase::kRunning || !queue.empty(); });
      if (queue.empty()) return;
      Closure closure = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      closure();
      closure = nullptr;  // Its captures are destroyed without the lock.
      lock.lock();
    }
  }
};

ThreadPool::ThreadPool(const ThreadPoolOptions& options) : state_(std::make_unique<State>()) {
  CHECK(options.thread_count >= 1);
  CHECK(options.queue_count_max >= 1);
  state_->queue_count_max = options.queue_count_max;
  for (uint32_t i = 0; i < options.thread_count; ++i) {
    std::thread& thread = state_->threads.emplace_back([state = state_.get()] { state->Run(); });
    const std::string suffix = "-" + std::to_string(i);
    CHECK(suffix.size() < 15);
    const std::string name = options.name.substr(0, 15 - suffix.size()) + suffix;
    pthread_setname_np(thread.native_handle(), name.c_str());
  }
}

ThreadPool::~ThreadPool() {
  std::lock_guard lock(state_->mutex);
  CHECK(state_->phase == State::Phase::kJoined);
}

bool ThreadPool::Submit(Closure closure) {
  std::lock_guard lock(state_->mutex);
  if (state_->phase != State::Phase::kRunning) return false;
  if (state_->queue.size() >= state_->queue_count_max) return false;
  state_->queue.push_back(std::move(closure));
  state_->wake.notify_one();
  return true;
}

void ThreadPool::Stop() {
  std::lock_guard lock(state_->mutex);
  if (state_->phase != State::Phase::kRunning) return;
  state_->phase = State::Phase::kStopping;
  state_->wake.notify_all();
}

void ThreadPool::Join() {
  for (std::thread& thread : state_->threads) {
    CHECK(thread.get_id() != std::this_thread::get_id());
    if (thread.joinable()) thread.join();
  }
  std::lock_guard lock(state_->mutex);
  CHECK(state_->phase != State::Phase::kRunning);
  state_->phase = State::Phase::kJoined;
}

}  // namespace weir
