#include "jobmanager/restart_strategy.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using Config = RestartStrategyConfig;

TEST(RestartStrategyTest, NoneNeverRestarts) {
  EXPECT_FALSE(RestartStrategy({.kind = Config::Kind::kNone}).OnFailure(0, 0.5).has_value());
}

TEST(RestartStrategyTest, FixedDelayRestartsSoOften) {
  RestartStrategy strategy({.kind = Config::Kind::kFixedDelay, .attempts_max = 2, .delay_ms = 7});
  EXPECT_EQ(strategy.OnFailure(0, 0.5), 7);
  EXPECT_EQ(strategy.OnFailure(0, 0.5), 7);
  EXPECT_EQ(strategy.OnFailure(0, 0.5), std::nullopt);
}

TEST(RestartStrategyTest, ExponentialDelayGrowsToItsMaximum) {
  RestartStrategy strategy({.initial_backoff_ms = 100, .max_backoff_ms = 500, .backoff_multiplier = 2, .jitter_factor = 0});
  for (const int64_t expected : {100, 200, 400, 500, 500}) EXPECT_EQ(strategy.OnFailure(0, 0.9), expected);
}

TEST(RestartStrategyTest, JitterStaysBetweenInitialAndMaximum) {
  RestartStrategy low({.initial_backoff_ms = 100, .max_backoff_ms = 200, .backoff_multiplier = 2, .jitter_factor = 0.5});
  EXPECT_EQ(low.OnFailure(0, 0.0), 100);  // 50, raised.
  EXPECT_EQ(low.OnFailure(0, 0.0), 100);  // 200 - 50 %.
  RestartStrategy high({.initial_backoff_ms = 100, .max_backoff_ms = 200, .backoff_multiplier = 2, .jitter_factor = 0.5});
  EXPECT_EQ(high.OnFailure(0, 0.75), 125);
  EXPECT_EQ(high.OnFailure(0, 0.99), 200);  // 298, cut.
}

TEST(RestartStrategyTest, AQuietTimeResetsTheBackoff) {
  RestartStrategy strategy({.initial_backoff_ms = 100, .backoff_multiplier = 2, .reset_backoff_threshold_ms = 1'000, .jitter_factor = 0});
  EXPECT_EQ(strategy.OnFailure(0, 0.5), 100);
  EXPECT_EQ(strategy.OnFailure(1'099, 0.5), 200);  // Ran for 999 ms.
  EXPECT_EQ(strategy.OnFailure(2'299, 0.5), 100);  // Ran for 1000 ms.
}

TEST(RestartStrategyTest, ExponentialDelayGivesUpAfterItsAttempts) {
  RestartStrategy strategy({.exponential_attempts_max = 1});
  EXPECT_TRUE(strategy.OnFailure(0, 0.5).has_value());
  EXPECT_FALSE(strategy.OnFailure(0, 0.5).has_value());
}

}  // namespace
}  // namespace weir
