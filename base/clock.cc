#include "base/clock.h"

#include <time.h>

#include "base/check.h"

namespace weir {

int64_t SystemClock::MonotonicNanos() const {
  timespec now{};
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t SystemClock::WallMillis() const {
  timespec now{};
  CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
  return int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

}  // namespace weir
