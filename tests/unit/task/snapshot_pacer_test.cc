// SnapshotPacer: which share of a busy slot a walk gets, over a made-up clock.
#include "runtime/task/snapshot_pacer.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSliceNs = kMs / 10;

// How long slices ran while the slot was busy for so long, with batches of the same length between them.
int64_t WalkNs(SnapshotPacer& pacer, int64_t from_ns, int64_t until_ns) {
  int64_t walked_ns = 0;
  for (int64_t now_ns = from_ns; now_ns < until_ns;) {
    if (pacer.Due(now_ns)) {
      pacer.Spent(kSliceNs);
      walked_ns += kSliceNs;
      now_ns += kSliceNs;
    }
    now_ns += kSliceNs / 4;
  }
  return walked_ns;
}

TEST(SnapshotPacerTest, ALongWalkGetsAThirdAndAShortOneMore) {
  SnapshotPacer pacer(5 * kMs);
  const int64_t at_first_ns = WalkNs(pacer, 5 * kMs, 105 * kMs);
  EXPECT_GE(at_first_ns, 55 * kMs);
  EXPECT_LE(at_first_ns, 62 * kMs);
  WalkNs(pacer, 105 * kMs, 1'005 * kMs);
  const int64_t later_ns = WalkNs(pacer, 1'005 * kMs, 2'005 * kMs);
  EXPECT_GE(later_ns, 290 * kMs);
  EXPECT_LE(later_ns, 310 * kMs);
}

TEST(SnapshotPacerTest, ATimeWithoutSlicesIsMadeUpFor) {
  SnapshotPacer pacer(0);
  EXPECT_TRUE(pacer.Due(0));
  pacer.Spent(400 * kMs);
  EXPECT_FALSE(pacer.Due(1'000 * kMs));
  EXPECT_TRUE(pacer.Due(1'300 * kMs));
}

}  // namespace
}  // namespace weir
