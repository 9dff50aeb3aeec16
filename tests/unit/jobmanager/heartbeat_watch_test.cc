#include "jobmanager/heartbeat_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kStart = 5'000'000;
const HeartbeatWatch::Options kOptions{.interval_ms = 1'000, .timeout_ms = 10'000};

// Beats on time from the last one to `now_ms`, exclusive; nobody may be judged meanwhile.
void BeatUntil(HeartbeatWatch& watch, int64_t from_ms, int64_t now_ms, int64_t interval_ms = 1'000) {
  for (int64_t at_ms = from_ms; at_ms < now_ms; at_ms += interval_ms) {
    const HeartbeatWatch::Verdict verdict = watch.OnBeat(at_ms);
    ASSERT_FALSE(verdict.stalled_ms.has_value()) << at_ms;
    ASSERT_THAT(verdict.silent, IsEmpty()) << at_ms;
  }
}

TEST(HeartbeatWatchTest, SilenceBeyondTheTimeoutIsFound) {
  HeartbeatWatch watch(kOptions);
  watch.OnHeard("a", kStart);
  watch.OnHeard("b", kStart);
  BeatUntil(watch, kStart, kStart + 11'000);  // Up to exactly the time-out, inclusive.
  watch.OnHeard("b", kStart + 10'500);
  EXPECT_THAT(watch.OnBeat(kStart + 11'000).silent, ElementsAre("a"));
  EXPECT_THAT(watch.OnBeat(kStart + 12'000).silent, ElementsAre("a"));  // Until it is forgotten.
  watch.Forget("a");
  EXPECT_THAT(watch.OnBeat(kStart + 13'000).silent, IsEmpty());
  EXPECT_EQ(watch.LastHeardMs("b"), kStart + 10'500);
}

TEST(HeartbeatWatchTest, R30WhoStoodStillItselfJudgesNobody) {
  HeartbeatWatch watch(kOptions);
  watch.OnHeard("a", kStart);
  BeatUntil(watch, kStart, kStart + 2'000);
  const HeartbeatWatch::Verdict late = watch.OnBeat(kStart + 60'000);
  EXPECT_EQ(late.stalled_ms, 59'000);
  EXPECT_THAT(late.silent, IsEmpty());
  // A whole new time-out, and no more.
  BeatUntil(watch, kStart + 61'000, kStart + 71'000);
  EXPECT_THAT(watch.OnBeat(kStart + 71'000).silent, ElementsAre("a"));
}

TEST(HeartbeatWatchTest, R30ABeatIsLateBeyondTheIntervalAndHalfTheTimeout) {
  HeartbeatWatch watch(kOptions);
  watch.OnBeat(kStart);
  EXPECT_FALSE(watch.OnBeat(kStart + 6'000).stalled_ms.has_value());
  EXPECT_EQ(watch.OnBeat(kStart + 12'001).stalled_ms, 6'001);
}

// Judged by the time-out alone each beat would be late, and nobody ever lost.
TEST(HeartbeatWatchTest, AnIntervalNearTheTimeoutIsNoStall) {
  HeartbeatWatch watch({.interval_ms = 9'000, .timeout_ms = 10'000});
  watch.OnHeard("a", kStart);
  BeatUntil(watch, kStart, kStart + 18'000, 9'000);
  const HeartbeatWatch::Verdict verdict = watch.OnBeat(kStart + 18'000);
  EXPECT_FALSE(verdict.stalled_ms.has_value());
  EXPECT_THAT(verdict.silent, ElementsAre("a"));
}

TEST(HeartbeatWatchTest, TheFirstBeatIsNeverLate) {
  HeartbeatWatch watch(kOptions);
  watch.OnHeard("a", kStart - 1);
  EXPECT_FALSE(watch.OnBeat(kStart).stalled_ms.has_value());
}

}  // namespace
}  // namespace weir
