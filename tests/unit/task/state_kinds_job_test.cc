// Whole jobs with every kind of keyed state: through kills, restores and other parallelisms.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/unit/task/job_harness.h"

namespace weir::testing {
namespace {

constexpr int64_t kRecords = 120'000;
constexpr int64_t kKeys = 60;
constexpr int64_t kPerKey = kRecords / kKeys;

struct Sums {
  int64_t count = 0;
  int64_t sum = 0;
};

class Average final : public AggregateFunction<int64_t, Sums, int64_t> {
 public:
  Sums CreateAccumulator() override { return {}; }
  void Add(const int64_t& value, Sums& sums) override {
    ++sums.count;
    sums.sum += value;
  }
  int64_t GetResult(const Sums& sums) override { return sums.sum / sums.count; }
};

// Keeps the numbers 0, 1, 2, ... of a key in every kind of state, and says at the end what it makes of them.
class EveryKind final : public KeyedProcessFunction<int64_t, int64_t, std::string> {
 public:
  void ProcessElement(const int64_t& value, Context&, Collector<std::string>&) override {
    const int64_t number = value / kKeys;
    count_.Update(*count_.Value() + 1);
    all_.Add(std::to_string(number));
    newest_.Update({number});
    squares_.Put(number, number * number);
    // Only the newest number stays, and only while it is odd.
    if (number % 2 == 1) odd_.Put(std::to_string(number), true);
    odd_.Remove(std::to_string(number - 1));
    if (number % 100 == 0) emptied_.Clear();
    emptied_.Put(number % 50, number);
    largest_.Add(number);
    average_.Add(number);
  }
  void Finish(Context& context, Collector<std::string>& out) override {
    int64_t sum_of_all = 0;
    for (const std::string& number : all_.Get()) sum_of_all += std::stoll(number);
    int64_t newest = 0;
    for (const int64_t number : newest_.Get()) newest += number;
    int64_t sum_of_roots = 0;
    for (const auto& [number, square] : squares_) sum_of_roots += square == number * number ? number : 1'000'000;
    int64_t odd = 0;
    for ([[maybe_unused]] const std::string& number : odd_.Keys()) ++odd;
    int64_t kept = 0;
    for (const int64_t number : emptied_.Values()) kept += number >= kPerKey - 50 ? 1 : 1'000'000;
    const std::vector<int64_t> seen{context.CurrentKey(), *count_.Value(), sum_of_all, newest, sum_of_roots, odd, kept, *largest_.Get(), *average_.Get()};
    std::string line;
    for (const int64_t number : seen) line += std::to_string(number) + " ";
    out.Collect(line);
  }

 private:
  ValueState<int64_t> count_{"count", 0};
  ListState<std::string> all_{"all"};
  ListState<int64_t> newest_{"newest"};
  MapState<int64_t, int64_t> squares_{"squares"};
  MapState<std::string, bool> odd_{"odd"};
  MapState<int64_t, int64_t> emptied_{"emptied"};
  ReducingState<int64_t> largest_{"largest", [](const int64_t& a, const int64_t& b) { return std::max(a, b); }};
  AggregatingState<Average> average_{"average"};
};

std::vector<std::string> ExpectedLines() {
  std::vector<std::string> lines;
  constexpr int64_t kSum = kPerKey * (kPerKey - 1) / 2;
  for (int64_t key = 0; key < kKeys; ++key) {
    std::string line;
    for (const int64_t number : {key, kPerKey, kSum, kPerKey - 1, kSum, int64_t{1}, int64_t{50}, kPerKey - 1, kSum / kPerKey}) {
      line += std::to_string(number) + " ";
    }
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// Records of a key come in order: one reader, one channel to each subtask.
JobHarness::Build Job(const std::string& output) {
  return [output](StreamExecutionEnvironment& env) {
    env.FromSequence(0, kRecords - 1).Uid("numbers").SetParallelism(1)
        .KeyBy([](const int64_t& value) { return value % kKeys; })
        .Process(EveryKind()).Uid("every-kind")
        .SinkTo(TextFileSink(output)).Uid("out");
  };
}

// Fibers confuse the sanitizers: their builds use a thread per task.
SlotTask::Threading SlotThreading() {
#ifdef WEIR_SANITIZED
  return SlotTask::Threading::kTask;
#else
  return SlotTask::Threading::kSlot;
#endif
}

class StateKindsJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/weir-kinds-XXXXXX";
    output_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(output_); }
  static HarnessOptions Options(uint32_t parallelism) {
    HarnessOptions options;
    options.parallelism = parallelism;
    options.threading = SlotThreading();
    options.limits.batch_rows_max = 256;
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
  std::string output_;
};

TEST_F(StateKindsJobTest, EveryKindSurvivesKillsAndRestores) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  JobHarness job(Options(2), Job(output_));
  for (int attempt = 0; attempt < 4; ++attempt) {
    job.Start();
    ASSERT_TRUE(job.failure().ok()) << job.failure().ToString();
    for (uint32_t i = random() % 8; i > 0; --i) random() % 3 == 0 ? job.AbortedCheckpoint() : void(job.Checkpoint());
    ASSERT_TRUE(job.failure().ok()) << job.failure().ToString();
    job.Kill();
  }
  job.Start();
  job.RunToEnd();
  EXPECT_EQ(Lines(), ExpectedLines());
}

TEST_F(StateKindsJobTest, EveryKindSurvivesOtherParallelisms) {
  auto before = std::make_unique<JobHarness>(Options(3), Job(output_));
  before->Start();
  ASSERT_TRUE(before->Checkpoint());
  ASSERT_TRUE(before->Checkpoint());
  before->Kill();
  std::vector<std::unique_ptr<JobHarness>> jobs;
  jobs.push_back(std::move(before));
  for (const uint32_t parallelism : {1u, 5u, 2u}) {
    auto after = std::make_unique<JobHarness>(Options(parallelism), Job(output_));
    after->RestoreFrom(*jobs.back());
    after->Start();
    ASSERT_TRUE(after->failure().ok()) << after->failure().ToString();
    ASSERT_TRUE(after->Checkpoint());
    ASSERT_TRUE(after->Checkpoint());
    after->Kill();
    jobs.push_back(std::move(after));
  }
  JobHarness last(Options(4), Job(output_));
  last.RestoreFrom(*jobs.back());
  last.Start();
  last.RunToEnd();
  EXPECT_EQ(Lines(), ExpectedLines());
}

template <class State>
class Holder final : public KeyedProcessFunction<int64_t, int64_t, int64_t> {
 public:
  explicit Holder(State state) : state_(std::move(state)) {}
  void ProcessElement(const int64_t& value, Context&, Collector<int64_t>&) override {
    if constexpr (requires { state_.Update(value); }) {
      state_.Update(value);
    } else {
      state_.Add(value);
    }
  }

 private:
  State state_;
};

template <class State>
JobHarness::Build HolderJob(State state, const std::string& output) {
  return [state, output](StreamExecutionEnvironment& env) {
    env.FromSequence(0, 99).Uid("numbers").KeyBy([](const int64_t& value) { return value % 10; })
        .Process(Holder<State>(state)).Uid("holder").SinkTo(TextFileSink(output)).Uid("out");
  };
}

// What a job that declares `after` is told when it is restored from one that declared `before`.
template <class Before, class After>
std::string RefusalOf(Before before_state, After after_state, const HarnessOptions& options, const std::string& output) {
  JobHarness before(options, HolderJob(std::move(before_state), output));
  before.Start();
  EXPECT_TRUE(before.Checkpoint());
  before.Kill();
  JobHarness after(options, HolderJob(std::move(after_state), output));
  after.RestoreFrom(before);
  after.Start();
  std::string refusal = after.failure().ToString();
  after.Kill();
  return refusal;
}

TEST_F(StateKindsJobTest, AStateOfAnotherKindIsRefusedByName) {
  EXPECT_NE(RefusalOf(ValueState<int64_t>("seen"), ListState<int64_t>("seen"), Options(1), output_)
                .find("state \"seen\" of operator \"KeyedProcess\": it was saved as a value state, now it is a list state"),
            std::string::npos);
  EXPECT_NE(RefusalOf(ListState<int64_t>("seen"), ReducingState<int64_t>("seen", std::plus<>()), Options(1), output_)
                .find("was saved as a list state, now it is a reducing state"),
            std::string::npos);
  EXPECT_EQ(RefusalOf(ListState<int64_t>("seen"), ListState<int64_t>("seen"), Options(1), output_), Status::Ok().ToString());
}

TEST_F(StateKindsJobTest, ATimeToLiveThatComesOrGoesIsRefusedByName) {
  const StateTtlConfig hour(std::chrono::hours(1));
  EXPECT_NE(RefusalOf(ValueState<int64_t>("seen"), ValueState<int64_t>("seen", hour), Options(1), output_)
                .find("state \"seen\" of operator \"KeyedProcess\": it was saved without a time-to-live, now it has one"),
            std::string::npos);
  EXPECT_NE(RefusalOf(ListState<int64_t>("seen", hour), ListState<int64_t>("seen"), Options(1), output_)
                .find("state \"seen\" of operator \"KeyedProcess\": it was saved with a time-to-live, now it has none"),
            std::string::npos);
  const StateTtlConfig day(std::chrono::hours(24));
  EXPECT_EQ(RefusalOf(ListState<int64_t>("seen", hour), ListState<int64_t>("seen", day), Options(1), output_), Status::Ok().ToString());
}

// Running counts, by state that lives longer than the job.
class CountsWithTtl final : public KeyedProcessFunction<int64_t, int64_t, std::string> {
 public:
  void ProcessElement(const int64_t&, Context& context, Collector<std::string>& out) override {
    const int64_t seen = count_.Value().value_or(0) + 1;
    count_.Update(seen);
    out.Collect(std::to_string(context.CurrentKey()) + " " + std::to_string(seen));
  }

 private:
  ValueState<int64_t> count_{"count", StateTtlConfig(std::chrono::hours(1))};
};

TEST_F(StateKindsJobTest, StateWithATimeToLiveIsRestored) {
  const auto build = [this](StreamExecutionEnvironment& env) {
    env.FromSequence(0, 19'999).Uid("numbers").SetParallelism(1).KeyBy([](const int64_t& value) { return value % 10; })
        .Process(CountsWithTtl()).Uid("count").SinkTo(TextFileSink(output_)).Uid("out");
  };
  JobHarness job(Options(2), build);
  for (int attempt = 0; attempt < 3; ++attempt) {
    job.Start();
    ASSERT_TRUE(job.Checkpoint());
    ASSERT_TRUE(job.Checkpoint());
    job.Kill();
  }
  job.Start();
  job.RunToEnd();
  std::vector<std::string> expected;
  for (int64_t key = 0; key < 10; ++key) {
    for (int64_t count = 1; count <= 2'000; ++count) expected.push_back(std::to_string(key) + " " + std::to_string(count));
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(Lines(), expected);
}

TEST_F(StateKindsJobTest, FunctionsOfARecordAndOneState) {
  JobHarness job(Options(2), [this](StreamExecutionEnvironment& env) {
    auto numbers = env.FromSequence(1, 6).Uid("numbers").SetParallelism(1).KeyBy([](const int64_t& value) { return value % 2; });
    auto sums = numbers.MapWithState([](const int64_t& value, std::optional<int64_t>& sum) {
      sum = sum.value_or(0) + value;
      return "sum " + std::to_string(*sum);
    }).Uid("sums");
    auto pairs = numbers.FlatMapWithState([](const int64_t& value, std::optional<int64_t>& last, Collector<std::string>& out) {
      if (last.has_value()) {
        out.Collect("pair " + std::to_string(*last) + " " + std::to_string(value));
        last.reset();
      } else {
        last = value;
      }
    }).Uid("pairs");
    auto firsts = numbers.FilterWithState([](const int64_t&, std::optional<bool>& seen) { return !std::exchange(seen, true).has_value(); }).Uid("firsts")
        .Map([](const int64_t& value) { return "first " + std::to_string(value); });
    sums.Union(pairs, firsts).SinkTo(TextFileSink(output_)).Uid("out");
  });
  job.Start();
  job.RunToEnd();
  EXPECT_EQ(Lines(), (std::vector<std::string>{"first 1", "first 2", "pair 1 3", "pair 2 4", "sum 1", "sum 12", "sum 2", "sum 4", "sum 6", "sum 9"}));
}

class OutsideOfKey final : public MapFunction<int64_t, int64_t> {
 public:
  int64_t Map(const int64_t& value) override {
    seen_.Add(value);
    return value;
  }

 private:
  ListState<int64_t> seen_{"seen"};
};

TEST_F(StateKindsJobTest, StateOutsideOfAKeyedStreamIsAnErrorInWords) {
  JobHarness job(Options(1), [this](StreamExecutionEnvironment& env) {
    env.FromSequence(0, 9).Uid("numbers").Map(OutsideOfKey()).SinkTo(TextFileSink(output_)).Uid("out");
  });
  job.Start();
  job.WaitFor("a failure", [&] { return !job.failure().ok(); });
  EXPECT_NE(job.failure().ToString().find("state \"seen\" is used where no key is current"), std::string::npos) << job.failure().ToString();
  job.Kill();
}

class OpensState final : public KeyedProcessFunction<int64_t, int64_t, int64_t> {
 public:
  void Open(RuntimeContext&) override { seen_.Update(1); }
  void ProcessElement(const int64_t&, Context&, Collector<int64_t>&) override {}

 private:
  ValueState<int64_t> seen_{"seen"};
};

TEST_F(StateKindsJobTest, StateInOpenIsAnErrorInWords) {
  JobHarness job(Options(1), [this](StreamExecutionEnvironment& env) {
    env.FromSequence(0, 9).Uid("numbers").KeyBy([](const int64_t& value) { return value; }).Process(OpensState()).Uid("opens")
        .SinkTo(TextFileSink(output_)).Uid("out");
  });
  job.Start();
  job.WaitFor("a failure", [&] { return !job.failure().ok(); });
  EXPECT_NE(job.failure().ToString().find("state \"seen\" is used where no key is current"), std::string::npos) << job.failure().ToString();
  job.Kill();
}

}  // namespace
}  // namespace weir::testing
