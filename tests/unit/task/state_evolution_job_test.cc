// Whole jobs restored by a program whose state has changed: every kind of state, what was renamed, what is refused.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/task/held_sequence.h"
#include "tests/unit/task/job_harness.h"

namespace weir::testing {
namespace {

constexpr int64_t kRecords = 20'000;
constexpr int64_t kKeys = 100;

SlotTask::Threading SlotThreading() {
#ifdef WEIR_SANITIZED
  return SlotTask::Threading::kTask;
#else
  return SlotTask::Threading::kSlot;
#endif
}

HarnessOptions Options(uint32_t parallelism) {
  HarnessOptions options;
  options.parallelism = parallelism;
  options.threading = SlotThreading();
  return options;
}

const StateTtlConfig kHour(std::chrono::hours(1));

// What a counter was, with state of each kind.
namespace before {

struct Visit {
  std::string place;
  int32_t count;
  std::vector<int16_t> gone;
};
struct Sums {
  int32_t count = 0;
  int64_t sum = 0;
};
class Average final : public AggregateFunction<int64_t, Sums, int64_t> {
 public:
  Sums CreateAccumulator() override { return {}; }
  void Add(const int64_t& value, Sums& sums) override { sums = {sums.count + 1, sums.sum + value}; }
  int64_t GetResult(const Sums& sums) override { return sums.sum / sums.count; }
};

class Function final : public KeyedProcessFunction<int64_t, int64_t, std::string> {
 public:
  void ProcessElement(const int64_t& value, Context& context, Collector<std::string>&) override {
    const int32_t number = static_cast<int32_t>(value / kKeys);
    last_.Update({"p" + std::to_string(number), number, {1, 2, 3}});
    numbers_.Add(number);
    visits_.Add({"v" + std::to_string(number), number, {}});
    by_name_.Put("n" + std::to_string(number % 20), {"m", number, {4}});
    largest_.Add(number);
    average_.Add(number);
    timed_.Update(number);
    timed_numbers_.Add(number);
    timed_map_.Put(number % 20, number);
    left_.Update(context.CurrentKey());
  }

 private:
  ValueState<Visit> last_{"last"};
  ListState<int32_t> numbers_{"numbers"};
  ListState<Visit> visits_{"visits"};
  MapState<std::string, Visit> by_name_{"by-name"};
  ReducingState<int32_t> largest_{"largest", [](const int32_t& a, const int32_t& b) { return std::max(a, b); }};
  AggregatingState<Average> average_{"average"};
  ValueState<int32_t> timed_{"timed", kHour};
  ListState<int32_t> timed_numbers_{"timed-numbers", kHour};
  MapState<int32_t, int32_t> timed_map_{"timed-map", kHour};
  ValueState<int64_t> left_{"left"};
};

}  // namespace before

namespace after {

struct Visit {
  int64_t count;
  std::string note = "none";
  std::string place;
};
struct Sums {
  double weight = 0.5;
  int64_t sum = 0;
  int64_t count = 0;
};
class Average final : public AggregateFunction<int64_t, Sums, std::string> {
 public:
  Sums CreateAccumulator() override { return {}; }
  void Add(const int64_t&, Sums&) override {}
  std::string GetResult(const Sums& sums) override { return std::to_string(sums.sum / sums.count) + (sums.weight == 0.5 ? "" : "!"); }
};

std::string Text(const Visit& visit) { return visit.place + "/" + std::to_string(visit.count) + "/" + visit.note; }

class Function final : public KeyedProcessFunction<int64_t, int64_t, std::string> {
 public:
  void ProcessElement(const int64_t&, Context&, Collector<std::string>&) override {}
  void Finish(Context& context, Collector<std::string>& out) override {
    int64_t sum = 0;
    for (const int64_t number : numbers_.Get()) sum += number;
    int64_t visits = 0;
    for (const Visit& visit : visits_.Get()) visits += Text(visit) == "v" + std::to_string(visit.count) + "/" + std::to_string(visit.count) + "/none" ? 1 : 1'000;
    int64_t by_name = 0;
    for (const auto& [name, visit] : by_name_) by_name += Text(visit) == "m/" + std::to_string(visit.count) + "/none" ? visit.count : 1'000'000;
    int64_t timed = 0;
    for (const int64_t number : timed_numbers_.Get()) timed += number;
    int64_t timed_map = 0;
    for (const int64_t number : timed_map_.Values()) timed_map += number;
    out.Collect(std::to_string(context.CurrentKey()) + " " + Text(*last_.Value()) + " " + std::to_string(sum) + " " + std::to_string(visits) + " " +
                std::to_string(by_name) + " " + std::to_string(*largest_.Get()) + " " + *average_.Get() + " " + std::to_string(*timed_.Value()) + " " +
                std::to_string(timed) + " " + std::to_string(timed_map) + " " + std::to_string(fresh_.Value().value_or(-1)));
  }

 private:
  ValueState<int64_t> fresh_{"fresh"};
  MapState<int32_t, int64_t> timed_map_{"timed-map", kHour};
  ListState<int64_t> timed_numbers_{"timed-numbers", kHour};
  ValueState<int64_t> timed_{"timed", kHour};
  AggregatingState<Average> average_{"average"};
  ReducingState<int64_t> largest_{"largest", [](const int64_t& a, const int64_t& b) { return std::max(a, b); }};
  MapState<std::string, Visit> by_name_{"by-name"};
  ListState<Visit> visits_{"visits"};
  ListState<int64_t> numbers_{StateName("all-numbers").Formerly("wrong").Formerly("numbers")};
  ValueState<Visit> last_{"last"};
};

}  // namespace after

using Hold = std::shared_ptr<SequenceHold>;

template <class F>
JobHarness::Build Job(const std::string& output, const Hold& hold, const std::string& uid, const std::string& former_uid) {
  return [=](StreamExecutionEnvironment& env) {
    env.FromSource(HeldSequence(kRecords, hold), "Numbers").Uid("numbers").SetParallelism(1)
        .KeyBy([](const int64_t& value) { return value % kKeys; })
        .Process(F()).Uid(uid).FormerUid(former_uid)
        .SinkTo(TextFileSink(output)).Uid("out");
  };
}

class StateEvolutionJobTest : public ::testing::Test {
 protected:
  StateEvolutionJobTest() {
    char pattern[] = "/tmp/weir-evolution-XXXXXX";
    output_ = ::mkdtemp(pattern);
  }
  ~StateEvolutionJobTest() override { std::filesystem::remove_all(output_); }

  std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(output_)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) lines.push_back(line);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  // Takes in everything; its state is in a base and a delta then.
  void RunToTheLastRecord(JobHarness& job) {
    job.Start();
    ASSERT_TRUE(job.Checkpoint());
    hold_->LetGo();
    job.WaitForState(TaskState::kDrained);
    ASSERT_TRUE(job.Checkpoint());
    ASSERT_TRUE(job.failure().ok()) << job.failure().ToString();
  }

  std::string output_;
  const Hold hold_ = std::make_shared<SequenceHold>();
};

TEST_F(StateEvolutionJobTest, EveryKindOfStateIsMigratedAndFoundUnderItsFormerName) {
  JobHarness old(Options(2), Job<before::Function>(output_, hold_, "count", "unused"));
  RunToTheLastRecord(old);
  JobHarness job(Options(3), Job<after::Function>(output_, hold_, "counter", "count"));
  job.RestoreFrom(old, /*ended=*/false);
  job.Start();
  job.RunToEnd();
  std::vector<std::string> expected;
  constexpr int64_t kPerKey = kRecords / kKeys;
  constexpr int64_t kSum = kPerKey * (kPerKey - 1) / 2;
  const std::string last = std::to_string(kPerKey - 1);
  const std::string last_twenty = std::to_string(20 * (kPerKey - 20) + 190);
  for (int64_t key = 0; key < kKeys; ++key) {
    expected.push_back(std::to_string(key) + " p" + last + "/" + last + "/none " + std::to_string(kSum) + " " + std::to_string(kPerKey) + " " + last_twenty + " " +
                       last + " " + std::to_string(kSum / kPerKey) + " " + last + " " + std::to_string(kSum) + " " + last_twenty + " -1");
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(Lines(), expected);
}

// ---- A single flat value: packed blocks ----

template <class T>
class Holder final : public KeyedProcessFunction<int64_t, int64_t, std::string> {
 public:
  explicit Holder(ValueState<T> state) : state_(std::move(state)) {}
  void ProcessElement(const int64_t& value, Context&, Collector<std::string>&) override {
    if constexpr (requires(T& one) { one.count; }) state_.Update({static_cast<int32_t>(value), 7});
  }
  void Finish(Context& context, Collector<std::string>& out) override {
    if constexpr (requires(T& one) { one.total; }) {
      const T held = state_.Value().value();
      out.Collect(std::to_string(context.CurrentKey()) + " " + std::to_string(held.total) + " " + std::to_string(held.size) + " " + std::to_string(held.extra));
    }
  }

 private:
  ValueState<T> state_;
};

struct FlatBefore {
  int32_t count;
  int32_t size;
};
struct FlatAfter {
  int64_t size;
  int32_t extra = 9;
  uint32_t total = 11;
};
struct FlatWrong {
  int16_t size;
};

template <class T>
JobHarness::Build HolderJob(ValueState<T> state, const std::string& output, const Hold& hold) {
  return [=](StreamExecutionEnvironment& env) {
    env.FromSource(HeldSequence(kRecords, hold), "Numbers").Uid("numbers").SetParallelism(1)
        .KeyBy([](const int64_t& value) { return value % kKeys; })
        .Process(Holder<T>(state)).Uid("holder").SinkTo(TextFileSink(output)).Uid("out");
  };
}

TEST_F(StateEvolutionJobTest, FlatRowsInPackedBlocksAreMigrated) {
  JobHarness old(Options(2), HolderJob<FlatBefore>(ValueState<FlatBefore>("held"), output_, hold_));
  RunToTheLastRecord(old);
  JobHarness job(Options(2), HolderJob<FlatAfter>(ValueState<FlatAfter>("held"), output_, hold_));
  job.RestoreFrom(old, /*ended=*/false);
  job.Start();
  job.RunToEnd();
  std::vector<std::string> expected;
  for (int64_t key = 0; key < kKeys; ++key) expected.push_back(std::to_string(key) + " 11 7 9");
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(Lines(), expected);
}

TEST_F(StateEvolutionJobTest, AnIncompatibleFieldFailsTheTaskByName) {
  JobHarness old(Options(1), HolderJob<FlatBefore>(ValueState<FlatBefore>("held"), output_, hold_));
  RunToTheLastRecord(old);
  JobHarness job(Options(1), HolderJob<FlatWrong>(ValueState<FlatWrong>("held"), output_, hold_));
  job.RestoreFrom(old, /*ended=*/false);
  job.Start();
  EXPECT_EQ(job.failure().code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(job.failure().message().find("state \"held\" of operator \"KeyedProcess\": field \"size\" was i32, now it is i16"), std::string::npos)
      << job.failure().ToString();
  job.Kill();
}

}  // namespace
}  // namespace weir::testing
