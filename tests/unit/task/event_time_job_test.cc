// Whole jobs with timers, side outputs, two inputs and broadcast state: through kills, restores and other parallelisms.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/unit/task/job_harness.h"

namespace weir::testing {
namespace {

constexpr int64_t kRecords = 60'000;
constexpr int64_t kKeys = 40;
constexpr int64_t kPerKey = kRecords / kKeys;
constexpr int64_t kWindow = 100;  // Of event time, in numbers of a key.

const OutputTag<std::string> kLate{"firsts"};

// Counts the numbers of a key in windows of event time, each closed by a timer. The first number of each window goes to a
// side output.
class CountInWindows final : public KeyedProcessFunction<int64_t, int64_t, std::string> {
 public:
  void ProcessElement(const int64_t& value, Context& context, Collector<std::string>&) override {
    const int64_t window = *context.Timestamp() / kWindow;
    const int64_t count = counts_.Get(window).value_or(0);
    if (count == 0) {
      context.Timers().RegisterEventTimeTimer((window + 1) * kWindow - 1);
      context.Output(kLate, std::to_string(value));
    }
    counts_.Put(window, count + 1);
  }
  void OnTimer(int64_t timestamp, OnTimerContext& context, Collector<std::string>& out) override {
    const int64_t window = timestamp / kWindow;
    out.Collect(std::to_string(context.CurrentKey()) + "/" + std::to_string(window) + "=" + std::to_string(*counts_.Get(window)));
    counts_.Remove(window);
  }

 private:
  MapState<int64_t, int64_t> counts_{"counts"};
};

// Numbers whose event time is their place among those of their key.
JobHarness::Build WindowJob(const std::string& output) {
  return [output](StreamExecutionEnvironment& env) {
    env.SetAutoWatermarkInterval(std::chrono::milliseconds(1));
    const auto counted = env.FromSequence(0, kRecords - 1).Uid("numbers").SetParallelism(1)
                             .AssignTimestampsAndWatermarks(WatermarkStrategy<int64_t>::ForMonotonousTimestamps().WithTimestampAssigner(
                                 [](const int64_t& value) { return value / kKeys; }))
                             .KeyBy([](const int64_t& value) { return value % kKeys; })
                             .Process(CountInWindows()).Uid("windows");
    counted.SinkTo(TextFileSink(output + "/counts")).Uid("counts");
    counted.GetSideOutput(kLate).SinkTo(TextFileSink(output + "/firsts")).Uid("firsts");
  };
}

std::vector<std::string> ExpectedWindows() {
  std::vector<std::string> lines;
  for (int64_t key = 0; key < kKeys; ++key) {
    for (int64_t window = 0; window < kPerKey / kWindow; ++window) lines.push_back(std::to_string(key) + "/" + std::to_string(window) + "=" + std::to_string(kWindow));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> ExpectedFirsts() {
  std::vector<std::string> lines;
  for (int64_t key = 0; key < kKeys; ++key) {
    for (int64_t window = 0; window < kPerKey / kWindow; ++window) lines.push_back(std::to_string(window * kWindow * kKeys + key));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// Fibers confuse the sanitizers: their builds use a thread per task.
SlotTask::Threading SlotThreading() {
#ifdef WEIR_SANITIZED
  return SlotTask::Threading::kTask;
#else
  return SlotTask::Threading::kSlot;
#endif
}

class EventTimeJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/weir-time-XXXXXX";
    output_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(output_); }
  static HarnessOptions Options(uint32_t parallelism, uint32_t workers = 1) {
    HarnessOptions options;
    options.parallelism = parallelism;
    options.workers = workers;
    options.threading = SlotThreading();
    options.limits.batch_rows_max = 256;
    return options;
  }
  static std::vector<std::string> Lines(const std::string& directory) {
    std::vector<std::string> lines;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (entry.path().filename().string().starts_with(".")) continue;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) lines.push_back(line);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  std::string output_;
};

TEST_F(EventTimeJobTest, TimersAndSideOutputsSurviveKillsAndRestores) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  JobHarness job(Options(2, 2), WindowJob(output_));
  for (int attempt = 0; attempt < 4; ++attempt) {
    job.Start();
    ASSERT_TRUE(job.failure().ok()) << job.failure().ToString();
    for (uint32_t i = random() % 6; i > 0; --i) random() % 3 == 0 ? job.AbortedCheckpoint() : void(job.Checkpoint());
    ASSERT_TRUE(job.failure().ok()) << job.failure().ToString();
    job.Kill();
  }
  job.Start();
  job.RunToEnd();
  EXPECT_EQ(Lines(output_ + "/counts"), ExpectedWindows());
  EXPECT_EQ(Lines(output_ + "/firsts"), ExpectedFirsts());
}

TEST_F(EventTimeJobTest, TimersSurviveOtherParallelisms) {
  std::vector<std::unique_ptr<JobHarness>> jobs;
  for (const uint32_t parallelism : {3u, 1u, 5u, 2u}) {
    auto job = std::make_unique<JobHarness>(Options(parallelism), WindowJob(output_));
    if (!jobs.empty()) job->RestoreFrom(*jobs.back());
    job->Start();
    ASSERT_TRUE(job->failure().ok()) << job->failure().ToString();
    ASSERT_TRUE(job->Checkpoint());
    ASSERT_TRUE(job->Checkpoint());
    job->Kill();
    jobs.push_back(std::move(job));
  }
  JobHarness last(Options(4), WindowJob(output_));
  last.RestoreFrom(*jobs.back());
  last.Start();
  last.RunToEnd();
  EXPECT_EQ(Lines(output_ + "/counts"), ExpectedWindows());
  EXPECT_EQ(Lines(output_ + "/firsts"), ExpectedFirsts());
}

// Both sides of a key meet: each number of the first stream is emitted once its square has come on the second.
class JoinSquares final : public KeyedCoProcessFunction<int64_t, int64_t, int64_t, std::string> {
 public:
  void ProcessElement1(const int64_t& value, Context&, Collector<std::string>& out) override {
    number_.Update(value);
    Emit(out);
  }
  void ProcessElement2(const int64_t& value, Context&, Collector<std::string>& out) override {
    square_.Update(value);
    Emit(out);
  }

 private:
  void Emit(Collector<std::string>& out) {
    if (number_.Peek() == nullptr || square_.Peek() == nullptr) return;
    out.Collect(std::to_string(*number_.Peek()) + "^2=" + std::to_string(*square_.Peek()));
    number_.Clear();
    square_.Clear();
  }
  ValueState<int64_t> number_{"number"};
  ValueState<int64_t> square_{"square"};
};

constexpr int64_t kJoined = 20'000;

TEST_F(EventTimeJobTest, TwoKeyedInputsMeetThroughKills) {
  JobHarness job(Options(3, 2), [this](StreamExecutionEnvironment& env) {
    const auto numbers = env.FromSequence(0, kJoined - 1).Uid("numbers");
    const auto squares = env.FromSequence(0, kJoined - 1).Uid("roots").Map([](const int64_t& root) { return root * root; });
    numbers.Connect(squares)
        .KeyBy([](const int64_t& value) { return value; }, [](const int64_t& square) { return static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(square)))); })
        .Process(JoinSquares()).Uid("join")
        .SinkTo(TextFileSink(output_ + "/joined")).Uid("joined");
  });
  for (int attempt = 0; attempt < 3; ++attempt) {
    job.Start();
    ASSERT_TRUE(job.failure().ok()) << job.failure().ToString();
    job.Checkpoint();
    job.Kill();
  }
  job.Start();
  job.RunToEnd();
  std::vector<std::string> expected;
  for (int64_t i = 0; i < kJoined; ++i) expected.push_back(std::to_string(i) + "^2=" + std::to_string(i * i));
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(Lines(output_ + "/joined"), expected);
}

// ---- Operator state and broadcast state ----

const MapStateDescriptor<int64_t, int64_t> kSeen{"seen"};

// Keeps every broadcast number in broadcast state, and those of its own input in a list, a union list and per key.
class KeepsEverything final : public KeyedBroadcastProcessFunction<int64_t, int64_t, int64_t, std::string>, public CheckpointedFunction {
 public:
  void InitializeState(FunctionInitializationContext& context) override {
    own_ = context.OperatorState().GetListState<int64_t>("own");
    all_ = context.OperatorState().GetUnionListState<int64_t>("all");
    // Of a union list everybody gets everything: one subtask goes on with the sum.
    restored_sum_ = 0;
    for (const int64_t sum : all_.Get()) restored_sum_ += sum;
    all_.Clear();
  }
  void SnapshotState(const FunctionSnapshotContext&) override { all_.Update({sum_ + (first_subtask_ ? restored_sum_ : 0)}); }
  void Open(RuntimeContext& context) override { first_subtask_ = context.SubtaskIndex() == 0; }
  void ProcessElement(const int64_t& value, ReadOnlyContext&, Collector<std::string>&) override {
    sum_ += value;
    own_.Add(value);
    count_.Update(count_.Value().value_or(0) + 1);
  }
  void ProcessBroadcastElement(const int64_t& value, Context& context, Collector<std::string>& out) override {
    context.GetBroadcastState(kSeen).Put(value, value);
    if (value >= 0) return;
    // The last one: what all of it has come to, here.
    int64_t counted = 0;
    context.ApplyToKeyedState(count_, [&](const int64_t&, ValueState<int64_t>& count) { counted += *count.Value(); });
    int64_t own = 0;
    for (const int64_t number : own_.Get()) own += number;
    out.Collect("counted " + std::to_string(counted));
    out.Collect("own " + std::to_string(own));
    out.Collect("sum " + std::to_string(sum_ + (first_subtask_ ? restored_sum_ : 0)));
    out.Collect("broadcast " + std::to_string(context.GetBroadcastState(kSeen).Entries().size()));
  }

 private:
  ValueState<int64_t> count_{"count"};
  OperatorListState<int64_t> own_;
  OperatorListState<int64_t> all_;
  int64_t restored_sum_ = 0;
  int64_t sum_ = 0;
  bool first_subtask_ = false;
};

// Emits 1, 2, ... `count`, and -1 once it is told to.
class NumbersThenEnd final : public SourceFunction<int64_t>, public CheckpointedFunction {
 public:
  NumbersThenEnd(int64_t count, std::shared_ptr<std::atomic<bool>> end, bool says_end) : count_(count), end_(std::move(end)), says_end_(says_end) {}
  void InitializeState(FunctionInitializationContext& context) override {
    offset_state_ = context.OperatorState().GetListState<int64_t>("offset");
    for (const int64_t offset : offset_state_.Get()) offset_ = offset;
  }
  void SnapshotState(const FunctionSnapshotContext&) override { offset_state_.Update({offset_}); }
  bool Next(SourceContext<int64_t>& out) override {
    if (offset_ < count_) return out.Collect(++offset_), true;
    if (!end_->load()) return true;
    if (says_end_) out.Collect(-1);
    return false;
  }

 private:
  const int64_t count_;
  std::shared_ptr<std::atomic<bool>> end_;
  const bool says_end_;
  int64_t offset_ = 0;
  OperatorListState<int64_t> offset_state_;
};

int64_t Total(const std::vector<std::string>& lines, const std::string& what) {
  int64_t total = 0;
  for (const std::string& line : lines) {
    if (line.starts_with(what + " ")) total += std::stoll(line.substr(what.size() + 1));
  }
  return total;
}

TEST_F(EventTimeJobTest, OperatorAndBroadcastStateSurviveOtherParallelisms) {
  constexpr int64_t kElements = 3'000;
  constexpr int64_t kBroadcast = 50;
  const auto end = std::make_shared<std::atomic<bool>>(false);
  const JobHarness::Build build = [&](StreamExecutionEnvironment& env) {
    const auto at_once = std::make_shared<std::atomic<bool>>(true);
    const auto broadcast = env.AddSource(NumbersThenEnd(kBroadcast, end, true)).SetParallelism(1).Uid("broadcast").Broadcast(kSeen);
    env.AddSource(NumbersThenEnd(kElements, at_once, false)).SetParallelism(1).Uid("elements")
        .KeyBy([](const int64_t& value) { return value % 17; })
        .Connect(broadcast)
        .Process(KeepsEverything()).Uid("keeps")
        .SinkTo(TextFileSink(output_ + "/kept")).Uid("kept");
  };
  std::vector<std::unique_ptr<JobHarness>> jobs;
  for (const uint32_t parallelism : {3u, 1u, 5u, 2u}) {
    auto job = std::make_unique<JobHarness>(Options(parallelism), build);
    if (!jobs.empty()) job->RestoreFrom(*jobs.back());
    job->Start();
    ASSERT_TRUE(job->failure().ok()) << job->failure().ToString();
    // The first one sees everything; what the others have is what was dealt out to them.
    while (jobs.empty() && job->RecordsIn("Co-Process-Broadcast-Keyed") < kElements + 3 * kBroadcast) ASSERT_TRUE(job->Checkpoint());
    ASSERT_TRUE(job->Checkpoint());
    ASSERT_TRUE(job->Checkpoint());
    job->Kill();
    jobs.push_back(std::move(job));
  }
  JobHarness last(Options(4), build);
  last.RestoreFrom(*jobs.back());
  last.Start();
  *end = true;
  last.RunToEnd();
  const std::vector<std::string> lines = Lines(output_ + "/kept");
  EXPECT_EQ(Total(lines, "broadcast"), 4 * (kBroadcast + 1)) << "each subtask has all of it";
  EXPECT_EQ(Total(lines, "own"), kElements * (kElements + 1) / 2);
  EXPECT_EQ(Total(lines, "sum"), kElements * (kElements + 1) / 2);
  EXPECT_EQ(Total(lines, "counted"), kElements);
}

// Lets its source end when a timer of the wall clock has fired.
class RingsOnce final : public KeyedProcessFunction<int64_t, int64_t, int64_t> {
 public:
  explicit RingsOnce(std::shared_ptr<std::atomic<bool>> rang) : rang_(std::move(rang)) {}
  void ProcessElement(const int64_t&, Context& context, Collector<int64_t>&) override {
    if (seen_.Value().value_or(false)) return;
    seen_.Update(true);
    context.Timers().RegisterProcessingTimeTimer(context.Timers().CurrentProcessingTime() + 20);
  }
  void OnTimer(int64_t, OnTimerContext&, Collector<int64_t>&) override { *rang_ = true; }

 private:
  ValueState<bool> seen_{"seen"};
  std::shared_ptr<std::atomic<bool>> rang_;
};

class RunsUntil final : public SourceFunction<int64_t> {
 public:
  explicit RunsUntil(std::shared_ptr<std::atomic<bool>> end) : end_(std::move(end)) {}
  bool Next(SourceContext<int64_t>& out) override {
    for (int64_t i = 0; i < 100; ++i) out.Collect(i);
    return !end_->load();
  }

 private:
  std::shared_ptr<std::atomic<bool>> end_;
};

TEST_F(EventTimeJobTest, ATaskThatNeverLacksInputFiresItsProcessingTimers) {
  const auto rang = std::make_shared<std::atomic<bool>>(false);
  JobHarness job(Options(1), [&](StreamExecutionEnvironment& env) {
    env.AddSource(RunsUntil(rang)).Uid("numbers").KeyBy([](const int64_t& value) { return value; })
        .Process(RingsOnce(rang)).Uid("rings").SinkTo(TextFileSink(output_ + "/out")).Uid("out");
  });
  job.Start();
  job.RunToEnd();
  EXPECT_TRUE(*rang);
}

class FailsToListen final : public MapFunction<int64_t, int64_t>, public CheckpointListener {
 public:
  int64_t Map(const int64_t& value) override { return value; }
  void NotifyCheckpointComplete(uint64_t id) override { throw std::runtime_error("cannot listen to " + std::to_string(id)); }
};

TEST_F(EventTimeJobTest, AListenerThatThrowsFailsTheJobAndNotTheCheckpoint) {
  JobHarness job(Options(1), [this](StreamExecutionEnvironment& env) {
    env.AddSource(NumbersThenEnd(10, std::make_shared<std::atomic<bool>>(false), false)).Uid("numbers").Map(FailsToListen())
        .SinkTo(TextFileSink(output_ + "/out")).Uid("out");
  });
  job.Start();
  EXPECT_TRUE(job.Checkpoint());
  job.WaitForState(TaskState::kFailed);
  EXPECT_NE(job.failure().ToString().find("cannot listen to 1"), std::string::npos) << job.failure().ToString();
  job.Kill();
}

}  // namespace
}  // namespace weir::testing
