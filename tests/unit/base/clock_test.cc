#include "base/clock.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(SystemClockTest, MonotonicTimeNeverGoesBack) {
  const SystemClock clock;
  int64_t last = clock.MonotonicNanos();
  EXPECT_GT(last, 0);
  for (int i = 0; i < 1000; ++i) {
    const int64_t now = clock.MonotonicNanos();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemClockTest, WallTimeIsUnixTimeInMilliseconds) {
  EXPECT_GT(SystemClock().WallMillis(), 1'600'000'000'000);
}

TEST(ManualClockTest, MovesOnlyWhenTold) {
  ManualClock clock;
  EXPECT_EQ(clock.MonotonicMillis(), 0);
  clock.AdvanceMillis(1500);
  EXPECT_EQ(clock.MonotonicNanos(), 1'500'000'000);
  EXPECT_EQ(clock.WallMillis(), 1'700'000'001'500);
}

}  // namespace
}  // namespace weir
