// Runs a task's steps on a stack of their own, so that a wait in the middle of a step gives the thread to others.
#pragma once

#include <functional>
#include <memory>

namespace weir {

// Thread: the slot's. The body must have returned before the fiber is destroyed.
class TaskFiber {
 public:
  static constexpr size_t kStackBytes = 1024 * 1024;  // Reserved; pages are committed when touched.

  // `body` runs inside the first Resume() and may Suspend() any number of times.
  explicit TaskFiber(std::function<void()> body);
  ~TaskFiber();
  TaskFiber(const TaskFiber&) = delete;
  TaskFiber& operator=(const TaskFiber&) = delete;

  // Runs the body until it suspends or returns. Requires: !done().
  void Resume();
  // Inside the body only: back to Resume's caller.
  void Suspend();
  bool done() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir
