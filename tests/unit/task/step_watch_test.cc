#include "runtime/task/step_watch.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using Verdict = StepWatch::Verdict;

constexpr StepWatch::Limits kLimits{.interval_ns = 100, .cancellation_ns = 30};

TEST(StepWatchTest, AStepIsStuckAfterTheIntervalAndAgainAfterAnother) {
  StepWatch watch(kLimits);
  EXPECT_EQ(watch.Look(1'000, {}, 1'099), Verdict::kFine);
  EXPECT_EQ(watch.Look(1'000, {}, 1'100), Verdict::kStuck);
  EXPECT_EQ(watch.Look(1'000, {}, 1'101), Verdict::kFine);
  EXPECT_EQ(watch.Look(1'000, {}, 1'200), Verdict::kStuck);
}

TEST(StepWatchTest, ManyStepsAreFineHoweverLongTheyTakeInAll) {
  StepWatch watch(kLimits);
  for (int64_t now = 1'000; now < 10'000; now += 99) {
    EXPECT_EQ(watch.Look(now, {}, now + 98), Verdict::kFine);
    EXPECT_EQ(watch.Look(0, {}, now + 98), Verdict::kFine);
  }
}

TEST(StepWatchTest, TheEndOfAReportedStepIsToldOnce) {
  for (const int64_t next : {int64_t{0}, int64_t{1'150}}) {
    StepWatch watch(kLimits);
    ASSERT_EQ(watch.Look(1'000, {}, 1'150), Verdict::kStuck);
    EXPECT_EQ(watch.Look(next, {}, 1'160), Verdict::kGoesOn);
    EXPECT_EQ(watch.Look(next, {}, 1'170), Verdict::kFine);
  }
}

TEST(StepWatchTest, ACancelledTaskHasLessTime) {
  StepWatch watch(kLimits);
  EXPECT_EQ(watch.Look(1'000, 1'010, 1'039), Verdict::kFine);
  EXPECT_EQ(watch.Look(1'000, 1'010, 1'040), Verdict::kStuck);
  EXPECT_EQ(watch.Look(1'000, 1'010, 1'080), Verdict::kFine);
  EXPECT_EQ(watch.Look(1'000, 1'010, 1'140), Verdict::kStuck);
}

TEST(StepWatchTest, AStepThatBeganAfterTheCancellationCountsFromItsOwnBegin) {
  StepWatch watch(kLimits);
  EXPECT_EQ(watch.Look(1'050, 1'010, 1'079), Verdict::kFine);
  EXPECT_EQ(watch.Look(1'050, 1'010, 1'080), Verdict::kStuck);
}

TEST(StepWatchTest, TheCancellationMakesAReportDueThatWasJustGiven) {
  StepWatch watch(kLimits);
  ASSERT_EQ(watch.Look(1'000, {}, 1'100), Verdict::kStuck);
  EXPECT_EQ(watch.Look(1'000, 1'105, 1'134), Verdict::kFine);
  EXPECT_EQ(watch.Look(1'000, 1'105, 1'135), Verdict::kStuck);
}

}  // namespace
}  // namespace weir
