// One thread that runs posted closures and timers in order: the home of everything "loop-owned".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace weir {

// Thread-safe, unless said otherwise. Stop in two phases: Stop(), then Join(); the destructor CHECKs both.
class EventLoop {
 public:
  using Closure = std::function<void()>;
  using TimerId = uint64_t;

  explicit EventLoop(std::string thread_name);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs `closure` on the loop, in the order of the calls. False after Stop(): it will not run.
  bool Post(Closure closure);
  // Runs it once after `delay_ms` (>= 0) of monotonic time. 0 after Stop().
  TimerId PostDelayed(int64_t delay_ms, Closure closure);
  // On the loop thread only: guarantees that the timer will not fire any more.
  void CancelTimer(TimerId id);
  bool InLoopThread() const;

  void Stop();  // Refuses new work; what was posted before still runs; pending timers are dropped.
  void Join();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir
