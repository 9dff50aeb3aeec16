// The thread of a slot: drives its tasks and the sockets of their channels.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "runtime/network/channel.h"
#include "runtime/network/reactor.h"
#include "runtime/task/task_fiber.h"
#include "runtime/task/task_waiter.h"

namespace weir {

enum class StepResult : uint8_t {
  kProgress,  // Step again soon.
  kIdle,      // Nothing to do until woken or until next_wake_ns().
  kDone,      // Ended for good.
};

// What a slot steps. Thread: the slot's.
class Steppable {
 public:
  virtual ~Steppable() = default;
  // Does a little. Never throws. May wait in the waiter it was given.
  virtual StepResult Step(int64_t now_ns) = 0;
  // Monotonic nanoseconds at which an idle task wants to be stepped all the same.
  virtual std::optional<int64_t> next_wake_ns() const = 0;
  // For crash reports; lives as long as the task.
  virtual const char* name() const = 0;
};

// Where the time of a task goes, cumulative. Written by the slot's thread, read by any.
struct TaskTimes {
  std::atomic<int64_t> busy_ns{0};
  std::atomic<int64_t> backpressured_ns{0};
  std::atomic<int64_t> idle_ns{0};
  // Since when the running step has been running without a wait for credit; 0 = there is none. For the watchdog.
  std::atomic<int64_t> step_started_ns{0};
  std::atomic<bool> backpressured{false};
};

// A task's place in a slot: its wake flag, its fiber, its time account.
class SlotTask final : public WakeTarget, public TaskWaiter {
 public:
  // How a task waits: by a switch to the slot's loop, or by driving the loop's sockets from within (one task per loop).
  enum class Threading : uint8_t { kSlot, kTask };

  SlotTask(class SlotLoop& loop, Threading threading);
  ~SlotTask() override;

  // Once, before it is added to the loop.
  void SetBody(std::unique_ptr<Steppable> body) { body_ = std::move(body); }
  Steppable& body() { return *body_; }

  void Wake() override;                                            // Thread-safe.
  void WaitUntil(const std::function<bool()>& ready) override;     // Thread: task.
  // Thread: the slot's. A waiting task is woken and throws TaskCancelled.
  void RequestCancel() {
    cancelled_ = true;
    Wake();
  }
  // Thread: the slot's. A waiting task is woken and throws ChannelBroken: its peer may never give credit again.
  void BreakWait(std::string why) {
    broken_ = std::move(why);
    Wake();
  }
  const TaskTimes& times() const { return times_; }
  bool done() const { return done_; }

 private:
  friend class SlotLoop;
  bool WaitIsOver() const { return cancelled_ || broken_.has_value() || (*waiting_)(); }
  void ThrowIfDisturbed() const;
  // Runs until the step ends or waits. True when something was done.
  bool Run(int64_t now_ns);

  SlotLoop& loop_;
  const Threading threading_;
  std::unique_ptr<Steppable> body_;
  std::unique_ptr<TaskFiber> fiber_;              // kSlot only; while it exists it may be inside a step.
  std::atomic<bool> awake_{true};
  const std::function<bool()>* waiting_ = nullptr;  // What a suspended step waits for.
  bool cancelled_ = false;
  std::optional<std::string> broken_;  // Why a channel broke.
  bool done_ = false;
  StepResult last_result_ = StepResult::kProgress;
  int64_t idle_since_ns_ = 0;
  int64_t step_now_ns_ = 0;
  TaskTimes times_;
};

// Stop in two phases; the destructor CHECKs both.
class SlotLoop {
 public:
  SlotLoop(std::string thread_name, const Clock& clock);
  ~SlotLoop();

  // Thread-safe: runs `closure` on the loop's thread.
  void Post(std::function<void()> closure);
  void Interrupt();  // Thread-safe.

  // Thread: the loop's. A task stays until RemoveTask; a done one is not stepped any more.
  void AddTask(SlotTask* task) { tasks_.push_back(task); }
  void RemoveTask(SlotTask* task);
  // Thread: the loop's. No task had anything to do in the last round.
  bool idle() const { return idle_rounds_ > 0; }
  Reactor& reactor() { return reactor_; }
  const Clock& clock() const { return clock_; }
  pthread_t thread() { return thread_.native_handle(); }  // Requires: not joined.

  void Stop();  // Thread-safe.
  void Join();

 private:
  void Run(const std::string& thread_name);
  // Waits for sockets, posts or wake-ups, unless `woken` says, now, that one has come already.
  void Sleep(int64_t timeout_ns, const std::function<bool()>& woken);
  friend class SlotTask;
  int64_t IdleTimeoutNs(int64_t now_ns) const;

  const Clock& clock_;
  Reactor reactor_;
  std::vector<SlotTask*> tasks_;
  int idle_rounds_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> waiting_{false};  // The thread is, or is about to be, in Reactor::Wait.
  bool joined_ = false;
  std::thread thread_;
};

}  // namespace weir
