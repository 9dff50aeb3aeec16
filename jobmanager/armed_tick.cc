#include "jobmanager/armed_tick.h"

#include <algorithm>
#include <utility>

namespace weir {

ArmedTick::ArmedTick(EventLoop& loop, const Clock& clock, std::function<void()> tick)
    : loop_(loop), clock_(clock), tick_(std::make_shared<const std::function<void()>>(std::move(tick))) {}

void ArmedTick::ArmAt(int64_t at_ms) {
  if (timer_ != 0 && at_ms_ <= at_ms) return;
  if (timer_ != 0) loop_.CancelTimer(timer_);
  at_ms_ = at_ms;
  timer_ = loop_.PostDelayed(std::max<int64_t>(0, at_ms - clock_.MonotonicMillis()), [this, alive = std::weak_ptr(tick_)] {
    const auto tick = alive.lock();
    if (tick == nullptr) return;
    timer_ = 0;
    (*tick)();
  });
}

}  // namespace weir
