// Tasks on a slot's thread: what a wait may be disturbed by, in both forms, and what a stack of its own must keep.
#include "runtime/task/slot_loop.h"

#include <gtest/gtest.h>

#include <future>
#include <map>

namespace weir {
namespace {

#ifndef WEIR_SANITIZED  // Fibers confuse the sanitizers: their builds use a thread per task.
TEST(TaskFiber, ExceptionsInFlightBelongToTheStack) {
  std::vector<std::string> caught;
  std::map<std::string, std::unique_ptr<TaskFiber>> fibers;
  for (const char* const name : {"1", "2", "3"}) {
    std::unique_ptr<TaskFiber>& fiber = fibers[name];
    fiber = std::make_unique<TaskFiber>([&caught, &fiber, name] {
      try {
        throw std::runtime_error(name);
      } catch (const std::runtime_error&) {
        fiber->Suspend();  // As a function does that emits what it could not parse.
        try {
          throw;
        } catch (const std::runtime_error& again) {
          caught.push_back(again.what());
        }
      }
    });
  }
  for (const auto& [name, fiber] : fibers) fiber->Resume();
  EXPECT_EQ(std::current_exception(), nullptr);
  for (const auto& [name, fiber] : fibers) fiber->Resume();
  EXPECT_EQ(caught, (std::vector<std::string>{"1", "2", "3"}));
  for (const auto& [name, fiber] : fibers) EXPECT_TRUE(fiber->done());
}

#endif

// Waits in its first step for what never comes, and says how the wait ended.
class WaitsForEver final : public Steppable {
 public:
  explicit WaitsForEver(SlotTask& task) : task_(task) {}
  StepResult Step(int64_t) override {
    try {
      task_.WaitUntil([this] {
        if (!std::exchange(asked_, true)) began.set_value();
        return false;
      });
    } catch (const TaskCancelled&) {
      ended.set_value("cancelled");
    } catch (const ChannelBroken& broken) {
      ended.set_value(broken.reason);
    }
    return StepResult::kDone;
  }
  std::optional<int64_t> next_wake_ns() const override { return std::nullopt; }
  const char* name() const override { return "waits"; }

  std::promise<void> began;
  std::promise<std::string> ended;

 private:
  SlotTask& task_;
  bool asked_ = false;
};

class SlotWait : public testing::TestWithParam<SlotTask::Threading> {
 protected:
  // How the wait ended that `disturb` came to, on the loop's thread.
  std::string EndOfWait(const std::function<void(SlotTask&)>& disturb) {
    SlotLoop loop("slot-0", clock_);
    SlotTask task(loop, GetParam());
    auto body = std::make_unique<WaitsForEver>(task);
    WaitsForEver& waits = *body;
    task.SetBody(std::move(body));
    loop.Post([&] { loop.AddTask(&task); });
    waits.began.get_future().wait();
    loop.Post([&] { disturb(task); });
    const std::string end = waits.ended.get_future().get();
    loop.Stop();
    loop.Join();
    return end;
  }

 private:
  SystemClock clock_;
};

TEST_P(SlotWait, EndsWhenTheTaskIsCancelled) {
  EXPECT_EQ(EndOfWait([](SlotTask& task) { task.RequestCancel(); }), "cancelled");
}

TEST_P(SlotWait, EndsWhenAPeerIsLost) {  // R32: a peer that vanished gives no credit and no error.
  EXPECT_EQ(EndOfWait([](SlotTask& task) { task.BreakWait("peer is gone"); }), "peer is gone");
}

INSTANTIATE_TEST_SUITE_P(ThreadPerTask, SlotWait, testing::Values(SlotTask::Threading::kTask));
#ifndef WEIR_SANITIZED
INSTANTIATE_TEST_SUITE_P(ThreadPerSlot, SlotWait, testing::Values(SlotTask::Threading::kSlot));
#endif

}  // namespace
}  // namespace weir
