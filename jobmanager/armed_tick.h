// The one timer of a Step class: whatever it asks for at each step, at most one is armed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/event_loop.h"

namespace weir {

// Thread: the loop's. A Step class says after each event when it wants to be stepped at the latest, so the earliest wish is
// enough: at that step it says again what is left.
class ArmedTick {
 public:
  // `tick` runs on the loop, as long as this exists. `loop` and `clock` outlive this. Made and destroyed on any thread.
  ArmedTick(EventLoop& loop, const Clock& clock, std::function<void()> tick);
  ArmedTick(const ArmedTick&) = delete;
  ArmedTick& operator=(const ArmedTick&) = delete;

  // `at_ms` in monotonic milliseconds; nothing to do when the tick is armed for then or earlier.
  void ArmAt(int64_t at_ms);

 private:
  EventLoop& loop_;
  const Clock& clock_;
  const std::shared_ptr<const std::function<void()>> tick_;  // A timer that fires late holds it no longer.
  EventLoop::TimerId timer_ = 0;  // 0 = not armed.
  int64_t at_ms_ = 0;
};

}  // namespace weir
