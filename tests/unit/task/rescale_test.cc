// Restores with another parallelism, of checkpoints at the end of a bounded input.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/task/job_harness.h"

namespace weir::testing {
namespace {

constexpr int64_t kKeys = 100;

// Holds up the second subtask of the counting function.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;  // Guarded by mutex.

  void Pass() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return open; });
  }
  void Open() {
    std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
};

// Emits each key once, at the end.
class Once final : public KeyedProcessFunction<int64_t, int64_t, int64_t> {
 public:
  explicit Once(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
  void Open(RuntimeContext& context) override { held_up_ = context.SubtaskIndex() == 1; }
  void ProcessElement(const int64_t&, Context&, Collector<int64_t>&) override {
    if (held_up_) gate_->Pass();
    seen_.Update(1);
  }
  void Finish(Context& context, Collector<int64_t>& out) override { out.Collect(context.CurrentKey()); }

 private:
  std::shared_ptr<Gate> gate_;
  bool held_up_ = false;
  ValueState<int64_t> seen_{"seen"};
};

class RescaleTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/weir-rescale-XXXXXX";
    output_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(output_); }
  JobHarness::Build Job() {
    return [gate = gate_, output = output_](StreamExecutionEnvironment& env) {
      env.FromSequence(0, kKeys - 1).Uid("numbers").SetParallelism(1).KeyBy([](const int64_t& value) { return value; }).Process(Once(gate)).Uid("once")
          .SinkTo(TextFileSink(output)).Uid("out");
    };
  }
  static HarnessOptions Options(uint32_t parallelism) {
    HarnessOptions options;
    options.parallelism = parallelism;
    options.threading = SlotTask::Threading::kTask;
    return options;
  }
  std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    for (const auto& entry : std::filesystem::directory_iterator(output_)) {
      if (entry.path().filename().string().starts_with(".")) continue;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) lines.push_back(line);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  // The vertex of Once and what is chained to it.
  static uint32_t LastVertex(const JobHarness& job) { return static_cast<uint32_t>(job.plan().graph.vertices.size()) - 1; }

  std::string output_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

TEST_P(RescaleTest, R25FinishIsCalledOncePerKeyWhenSomeSubtasksHadDrained) {
  JobHarness before(Options(2), Job());
  const VertexIndex vertex{LastVertex(before)};
  const SubtaskId free{vertex, 0};
  const SubtaskId held_up{vertex, 1};
  before.Start();
  before.WaitFor("the end of the others", [&] {
    return std::all_of(before.states().begin(), before.states().end(), [&](const auto& entry) { return entry.first == held_up || entry.second == TaskState::kDrained; });
  });
  // The barrier is behind the end of the input in the held-up subtask's channel: it takes both before it looks whether it is at
  // its end.
  size_t missing = before.states().size() - 1;
  before.OnAcknowledged([&](SubtaskId) {
    if (--missing == 0) gate_->Open();
  });
  ASSERT_TRUE(before.Checkpoint());
  ASSERT_TRUE(before.completed().at(free).drained);
  ASSERT_FALSE(before.completed().at(held_up).drained);
  before.Kill();

  JobHarness after(Options(GetParam()), Job());
  after.RestoreFrom(before);
  after.Start();
  after.RunToEnd();
  std::vector<std::string> expected;
  for (int64_t key = 0; key < kKeys; ++key) expected.push_back(std::to_string(key));
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(Lines(), expected);
}

TEST_P(RescaleTest, R25FinishIsNotCalledAgainWhenAllSubtasksHadDrained) {
  gate_->Open();
  JobHarness before(Options(2), Job());
  before.Start();
  before.WaitForState(TaskState::kDrained);
  ASSERT_TRUE(before.Checkpoint());
  before.WaitForState(TaskState::kFinished);

  JobHarness after(Options(GetParam()), Job());
  after.RestoreFrom(before);
  after.Start();
  after.RunToEnd();
  EXPECT_EQ(Lines().size(), static_cast<size_t>(kKeys));
}

INSTANTIATE_TEST_SUITE_P(Parallelisms, RescaleTest, ::testing::Values(1, 2, 3, 5));

}  // namespace
}  // namespace weir::testing
