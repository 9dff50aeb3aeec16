#include "taskmanager/worker/exception_stack.h"

#include <dlfcn.h>
#include <time.h>

#include <cstdint>
#include <cstdlib>

#include "taskmanager/worker/stack_trace.h"

namespace weir {
namespace {

// User code may throw for every record: then stacks are taken for the first ones of each second only.
constexpr int kStacksPerSecondMax = 100;

struct LastThrow {
  enum class State : uint8_t { kNone, kTaken, kTooMany };
  State state = State::kNone;
  StackTrace stack;
  int64_t second = 0;
  int taken_in_second = 0;
};
thread_local LastThrow last_throw;

// A frame of its own, whatever the optimizer thinks: CaptureStack skips it.
[[gnu::noinline]] void Remember() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  if (now.tv_sec != last_throw.second) {
    last_throw.second = now.tv_sec;
    last_throw.taken_in_second = 0;
  }
  if (last_throw.taken_in_second >= kStacksPerSecondMax) {
    last_throw.state = LastThrow::State::kTooMany;
    return;
  }
  ++last_throw.taken_in_second;
  CaptureStack(last_throw.stack, 2);  // Without this function and __cxa_throw.
  last_throw.state = LastThrow::State::kTaken;
}

}  // namespace

std::string LastExceptionStack() {
  switch (last_throw.state) {
    case LastThrow::State::kNone: return "";
    case LastThrow::State::kTooMany: return "  (the stack was not taken: this thread throws too often)\n";
    case LastThrow::State::kTaken: return SymbolizeStack(last_throw.stack);
  }
  return "";
}

}  // namespace weir

// The C++ runtime's throw, replaced for the whole process: libweir.so and job libraries find this one first.
extern "C" __attribute__((visibility("default"), noreturn)) void __cxa_throw(void* exception, void* type, void (*destructor)(void*)) {
  using Throw = void (*)(void*, void*, void (*)(void*));
  static const Throw real_throw = reinterpret_cast<Throw>(::dlsym(RTLD_NEXT, "__cxa_throw"));
  weir::Remember();
  real_throw(exception, type, destructor);
  std::abort();
}
