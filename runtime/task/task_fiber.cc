#include "runtime/task/task_fiber.h"

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>

#include "base/check.h"

namespace weir {

struct TaskFiber::State {
  boost::context::fiber inside;   // The body, while it is suspended.
  boost::context::fiber outside;  // Resume's caller, while the body runs.
  bool done = false;
};

TaskFiber::TaskFiber(std::function<void()> body) : state_(std::make_unique<State>()) {
  State* const state = state_.get();
  state->inside = boost::context::fiber(std::allocator_arg, boost::context::protected_fixedsize_stack(kStackBytes),
                                        [state, body = std::move(body)](boost::context::fiber&& caller) {
                                          state->outside = std::move(caller);
                                          body();
                                          state->done = true;
                                          return std::move(state->outside);
                                        });
}

TaskFiber::~TaskFiber() { CHECK(state_->done || state_->inside); }

void TaskFiber::Resume() {
  CHECK(!state_->done);
  state_->inside = std::move(state_->inside).resume();
}

void TaskFiber::Suspend() { state_->outside = std::move(state_->outside).resume(); }

bool TaskFiber::done() const { return state_->done; }

}  // namespace weir
