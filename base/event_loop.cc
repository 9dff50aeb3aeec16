#include "base/event_loop.h"

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/check.h"

namespace weir {
namespace {

using SteadyClock = std::chrono::steady_clock;

// A timer further away than this is as good as never, and the sum with "now" cannot overflow.
constexpr int64_t kDelayMaxMs = int64_t{1000} * 24 * 3600 * 365 * 10;

}  // namespace

struct EventLoop::State {
  enum class Phase { kRunning, kStopping, kJoined };  // kRunning -> kStopping -> kJoined.
  using TimerKey = std::pair<SteadyClock::time_point, TimerId>;  // Equal deadlines fire in the order of PostDelayed.

  std::mutex mutex;
  std::condition_variable wake;
  // Guarded by mutex, all down to the thread.
  Phase phase = Phase::kRunning;
  std::deque<Closure> posted;
  std::map<TimerKey, Closure> timers;
  std::unordered_map<TimerId, SteadyClock::time_point> deadlines;  // Same entries as `timers`.
  TimerId last_timer_id = 0;

  std::thread thread;  // Touched by the owner only.

  void Run();
  bool TakeDueTimer(SteadyClock::time_point now, Closure& closure);
};

namespace {

thread_local const void* current_loop = nullptr;  // The State whose Run() is on this thread's stack.

}  // namespace

// One round: what was posted up to now, then what was due at its start. Neither can starve the other.
void EventLoop::State::Run() {
  current_loop = this;
  std::unique_lock lock(mutex);
  while (true) {
    while (phase == Phase::kRunning && posted.empty() &&
           (timers.empty() || timers.begin()->first.first > SteadyClock::now())) {
      if (timers.empty()) {
        wake.wait(lock);
      } else {
        const SteadyClock::time_point deadline = timers.begin()->first.first;
        wake.wait_until(lock, deadline);
      }
    }
    if (phase != Phase::kRunning && posted.empty()) break;

    std::deque<Closure> round = std::exchange(posted, {});
    lock.unlock();
    while (!round.empty()) {
      round.front()();
      round.pop_front();  // Destroys the closure here: its captures belong to the loop.
    }
    const SteadyClock::time_point now = SteadyClock::now();
    for (Closure closure; TakeDueTimer(now, closure);) closure();
    lock.lock();
  }
  std::map<TimerKey, Closure> dropped = std::exchange(timers, {});
  deadlines.clear();
  lock.unlock();
  dropped.clear();
  current_loop = nullptr;
}

bool EventLoop::State::TakeDueTimer(SteadyClock::time_point now, Closure& closure) {
  Closure previous = std::move(closure);  // Destroyed after the lock is released.
  std::lock_guard lock(mutex);
  if (phase != Phase::kRunning || timers.empty() || timers.begin()->first.first > now) return false;
  const auto first = timers.begin();
  closure = std::move(first->second);
  deadlines.erase(first->first.second);
  timers.erase(first);
  return true;
}

EventLoop::EventLoop(std::string thread_name) : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
  thread_name.resize(std::min<size_t>(thread_name.size(), 15));  // What Linux can hold.
  pthread_setname_np(state_->thread.native_handle(), thread_name.c_str());
}

EventLoop::~EventLoop() {
  std::lock_guard lock(state_->mutex);
  CHECK(state_->phase == State::Phase::kJoined);
}

bool EventLoop::Post(Closure closure) {
  std::lock_guard lock(state_->mutex);
  if (state_->phase != State::Phase::kRunning) return false;
  state_->posted.push_back(std::move(closure));
  state_->wake.notify_one();
  return true;
}

EventLoop::TimerId EventLoop::PostDelayed(int64_t delay_ms, Closure closure) {
  CHECK(delay_ms >= 0);
  const auto deadline = SteadyClock::now() + std::chrono::milliseconds(std::min(delay_ms, kDelayMaxMs));
  std::lock_guard lock(state_->mutex);
  if (state_->phase != State::Phase::kRunning) return 0;
  const TimerId id = ++state_->last_timer_id;
  state_->timers.emplace(State::TimerKey{deadline, id}, std::move(closure));
  state_->deadlines.emplace(id, deadline);
  state_->wake.notify_one();
  return id;
}

void EventLoop::CancelTimer(TimerId id) {
  DCHECK(InLoopThread());
  Closure cancelled;  // Destroyed after the lock is released.
  std::lock_guard lock(state_->mutex);
  const auto deadline = state_->deadlines.find(id);
  if (deadline == state_->deadlines.end()) return;
  const auto timer = state_->timers.find({deadline->second, id});
  CHECK(timer != state_->timers.end());
  cancelled = std::move(timer->second);
  state_->timers.erase(timer);
  state_->deadlines.erase(deadline);
}

bool EventLoop::InLoopThread() const { return current_loop == state_.get(); }

void EventLoop::Stop() {
  std::lock_guard lock(state_->mutex);
  if (state_->phase != State::Phase::kRunning) return;
  state_->phase = State::Phase::kStopping;
  state_->wake.notify_one();
}

void EventLoop::Join() {
  CHECK(!InLoopThread());
  if (state_->thread.joinable()) state_->thread.join();
  std::lock_guard lock(state_->mutex);
  CHECK(state_->phase != State::Phase::kRunning);
  state_->phase = State::Phase::kJoined;
}

}  // namespace weir
