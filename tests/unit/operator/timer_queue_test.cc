// TimerQueue against a plain set: order, deletes, and that deleted timers do not pile up.
#include <weir/operators/timer_queue.h>

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace weir::internal {
namespace {

Timer<int> TimerOf(int64_t timestamp_ms, int key) { return {timestamp_ms, static_cast<uint64_t>(key) * 7, key}; }

TEST(TimerQueueTest, RandomOperationsAgainstASet) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  for (int run = 0; run < 200; ++run) {
    TimerQueue<int> queue;
    std::set<std::pair<int64_t, int>> model;
    const int keys = 1 + static_cast<int>(random() % 20);
    for (int step = 0; step < 500; ++step) {
      const int64_t timestamp = static_cast<int64_t>(random() % 50);
      const int key = static_cast<int>(random() % static_cast<uint32_t>(keys));
      switch (random() % 4) {
        case 0:
        case 1:
          if (model.emplace(timestamp, key).second) queue.Add(TimerOf(timestamp, key));
          break;
        case 2:
          if (model.erase({timestamp, key}) > 0) queue.Delete(TimerOf(timestamp, key));
          queue.Sweep(4);
          break;
        case 3: {
          const Timer<int>* const earliest = queue.Earliest();
          ASSERT_EQ(earliest == nullptr, model.empty());
          if (earliest == nullptr) break;
          ASSERT_EQ(earliest->timestamp_ms, model.begin()->first);
          const Timer<int> taken = queue.Take();
          ASSERT_EQ(model.erase({taken.timestamp_ms, taken.key}), 1u) << "a timer came up that is not live";
          break;
        }
      }
    }
    int64_t last = INT64_MIN;
    while (const Timer<int>* const earliest = queue.Earliest()) {
      ASSERT_GE(earliest->timestamp_ms, last);
      last = earliest->timestamp_ms;
      const Timer<int> taken = queue.Take();
      ASSERT_EQ(model.erase({taken.timestamp_ms, taken.key}), 1u);
    }
    ASSERT_TRUE(model.empty());
  }
}

TEST(TimerQueueTest, DeletedTimersDoNotPileUp) {
  TimerQueue<int> queue;
  constexpr int kKeys = 100;
  for (int key = 0; key < kKeys; ++key) queue.Add(TimerOf(1'000'000, key));
  // Each key moves its timer on and on, as a session does.
  for (int64_t now = 1; now < 10'000; ++now) {
    const int key = static_cast<int>(now % kKeys);
    queue.Delete(TimerOf(1'000'000 + (now < kKeys ? 0 : now - kKeys), key));
    queue.Add(TimerOf(1'000'000 + now, key));
    queue.Sweep(4);
    ASSERT_LE(queue.size(), 2 * kKeys + 2u);
  }
}

TEST(TimerQueueTest, ATimerThatComesBackIsThereOnce) {
  TimerQueue<int> queue;
  queue.Add(TimerOf(5, 1));
  for (int i = 0; i < 10; ++i) {
    queue.Delete(TimerOf(5, 1));
    queue.Add(TimerOf(5, 1));
  }
  EXPECT_EQ(queue.size(), 1u);
  ASSERT_NE(queue.Earliest(), nullptr);
  queue.Take();
  EXPECT_EQ(queue.Earliest(), nullptr);
}

}  // namespace
}  // namespace weir::internal
