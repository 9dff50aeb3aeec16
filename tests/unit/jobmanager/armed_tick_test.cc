#include "jobmanager/armed_tick.h"

#include <gtest/gtest.h>

#include <future>
#include <optional>

namespace weir {
namespace {

constexpr int64_t kNeverMs = 24 * 3'600'000;

class ArmedTickTest : public testing::Test {
 protected:
  ArmedTickTest() : loop_("test") { tick_.emplace(loop_, clock_, [this] { ++ticks_; }); }
  ~ArmedTickTest() override {
    loop_.Stop();
    loop_.Join();
  }

  // Runs `work` on the loop; then all timers that were due by its end.
  void RunOnLoop(const std::function<void()>& work) {
    std::promise<void> done;
    loop_.Post([&] {
      work();
      loop_.PostDelayed(0, [&] { done.set_value(); });
    });
    done.get_future().wait();
  }

  SystemClock clock_;
  EventLoop loop_;
  std::optional<ArmedTick> tick_;
  int ticks_ = 0;
};

TEST_F(ArmedTickTest, ManyWishesAreOneTimer) {
  RunOnLoop([&] {
    for (int i = 0; i < 1000; ++i) tick_->ArmAt(clock_.MonotonicMillis());
  });
  EXPECT_EQ(ticks_, 1);
}

TEST_F(ArmedTickTest, AnEarlierWishReplacesTheLaterOne) {
  RunOnLoop([&] {
    tick_->ArmAt(clock_.MonotonicMillis() + kNeverMs);
    tick_->ArmAt(clock_.MonotonicMillis());
  });
  EXPECT_EQ(ticks_, 1);
}

TEST_F(ArmedTickTest, CanBeArmedAgainByItsTick) {
  RunOnLoop([&] { tick_->ArmAt(clock_.MonotonicMillis()); });
  RunOnLoop([&] { tick_->ArmAt(clock_.MonotonicMillis()); });
  EXPECT_EQ(ticks_, 2);
}

TEST_F(ArmedTickTest, DoesNotFireAfterItsEnd) {
  RunOnLoop([&] {
    tick_->ArmAt(clock_.MonotonicMillis());
    tick_.reset();
  });
  EXPECT_EQ(ticks_, 0);
}

}  // namespace
}  // namespace weir
