// Tasks whose user code does not return: reported by the watchdog with the stack of their thread.
#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/task/current_task.h"
#include "tests/unit/task/job_harness.h"

namespace weir::testing {
namespace {

// Where the test holds up the map function below.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;                 // Guarded by mutex.
  std::optional<pthread_t> waiting;  // Guarded by mutex: who was held up.

  void Pass() {
    std::unique_lock lock(mutex);
    if (open) return;
    waiting = pthread_self();
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
  }
  void Open() {
    std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  void AwaitHeldUp() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return waiting.has_value(); });
  }
  bool IsHeldUp(pthread_t thread) {
    std::lock_guard lock(mutex);
    return waiting.has_value() && ::pthread_equal(*waiting, thread) != 0;
  }
};

class StuckTaskTest : public ::testing::TestWithParam<SlotTask::Threading> {
 protected:
  JobHarness::Build Job() {
    return [gate = gate_](StreamExecutionEnvironment& env) {
      env.FromSequence(0, 99).Uid("numbers").Map([gate](int64_t value) {
        gate->Pass();
        return value;
      }).Name("held up").Print();
    };
  }
  HarnessOptions Options() {
    HarnessOptions options;
    options.threading = GetParam();
    options.take_stack = [gate = gate_](pthread_t thread) {
      return [right = gate->IsHeldUp(thread)] { return std::string(right ? "the stack of Pass" : "another stack"); };
    };
    return options;
  }
  static bool Reported(const JobHarness& job, bool stuck) {
    return job.stuck().size() == 1 && (job.stuck().begin()->second.running_ms != 0) == stuck;
  }

  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

TEST_P(StuckTaskTest, IsReportedWithItsStackAndAgainWhenItGoesOn) {
  HarnessOptions options = Options();
  options.watchdog_interval_ms = 20;
  JobHarness job(options, Job());
  job.Start();
  job.WaitFor("a report", [&] { return Reported(job, true); });
  EXPECT_EQ(job.stuck().begin()->second.stack, "the stack of Pass");
  EXPECT_GE(job.stuck().begin()->second.running_ms, 20);
  gate_->Open();
  job.WaitFor("the report of its end", [&] { return Reported(job, false); });
  job.RunToEnd();
}

TEST_P(StuckTaskTest, IsReportedWhenItDoesNotEndAfterItsCancellation) {
  HarnessOptions options = Options();
  options.cancellation_timeout_ms = 60;
  JobHarness job(options, Job());
  job.Start();
  gate_->AwaitHeldUp();
  job.worker(0).Cancel(AttemptId{LeaderEpoch{1}, 1});
  job.WaitFor("a report", [&] { return Reported(job, true); });
  EXPECT_EQ(job.stuck().begin()->second.stack, "the stack of Pass");
  gate_->Open();
}

TEST_P(StuckTaskTest, SaysThatThereIsNoStackWhereNobodyTakesOne) {
  HarnessOptions options = Options();
  options.watchdog_interval_ms = 20;
  options.take_stack = nullptr;
  JobHarness job(options, Job());
  job.Start();
  job.WaitFor("a report", [&] { return Reported(job, true); });
  EXPECT_NE(job.stuck().begin()->second.stack.find("no stack"), std::string::npos);
  gate_->Open();
}

#ifdef WEIR_SANITIZED
INSTANTIATE_TEST_SUITE_P(Threadings, StuckTaskTest, ::testing::Values(SlotTask::Threading::kTask));
#else
INSTANTIATE_TEST_SUITE_P(Threadings, StuckTaskTest, ::testing::Values(SlotTask::Threading::kSlot, SlotTask::Threading::kTask));
#endif

}  // namespace
}  // namespace weir::testing
