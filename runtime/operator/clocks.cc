#include <weir/operators/keyed_timers.h>

namespace weir::internal {
namespace {

[[noreturn]] void ThrowNoTimers() {
  throw std::logic_error("timers belong to a key and call OnTimer: they need a keyed stream and a function that overrides OnTimer");
}

}  // namespace

void Clocks::RegisterEventTimeTimer(int64_t) { ThrowNoTimers(); }
void Clocks::RegisterProcessingTimeTimer(int64_t) { ThrowNoTimers(); }
void Clocks::DeleteEventTimeTimer(int64_t) { ThrowNoTimers(); }
void Clocks::DeleteProcessingTimeTimer(int64_t) { ThrowNoTimers(); }

}  // namespace weir::internal
