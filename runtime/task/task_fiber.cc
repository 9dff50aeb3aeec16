#include "runtime/task/task_fiber.h"

#include <cxxabi.h>

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>

#include <utility>

#include "base/check.h"

namespace weir {
namespace {

// What the C++ runtime keeps per thread of the exceptions in flight. A step may wait inside a catch block, so it belongs to the
// stack, not to the thread. Layout: Itanium C++ ABI, exception handling, 2.2.2.
struct ExceptionState {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

ExceptionState& ExceptionsOfThread() { return *reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals()); }

}  // namespace

struct TaskFiber::State {
  boost::context::fiber inside;   // The body, while it is suspended.
  boost::context::fiber outside;  // Resume's caller, while the body runs.
  ExceptionState exceptions;      // Of the body, while it is suspended; of Resume's caller, while it runs.
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
  std::swap(state_->exceptions, ExceptionsOfThread());
  state_->inside = std::move(state_->inside).resume();
  std::swap(state_->exceptions, ExceptionsOfThread());
}

void TaskFiber::Suspend() { state_->outside = std::move(state_->outside).resume(); }

bool TaskFiber::done() const { return state_->done; }

}  // namespace weir
