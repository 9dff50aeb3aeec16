// Whole jobs with the state backend rocksdb and room for a few rows in memory: through kills, restores, other parallelisms and
// savepoints that go on in memory.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "state/rocksdb/rocks_backend.h"
#include "tests/unit/task/held_sequence.h"
#include "tests/unit/task/job_harness.h"

namespace weir::testing {
namespace {

constexpr int64_t kRecords = 40'000;
constexpr int64_t kKeys = 4'000;
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

// Keeps the numbers 0, 1, 2, ... of a key in all kinds of state that RocksDB holds, and says at the end what it makes of them.
class Folded final : public KeyedProcessFunction<int64_t, int64_t, std::string> {
 public:
  void ProcessElement(const int64_t& value, Context&, Collector<std::string>&) override {
    const int64_t number = value / kKeys;
    const int64_t count = *count_.Value() + 1;
    count_.Update(count);
    std::string text = text_.Value().value_or("") + static_cast<char>('a' + number);
    std::sort(text.begin(), text.end());
    text_.Update(text);
    // There at every third record of a key only.
    if (count % 3 == 1) {
      third_.Update(count);
    } else {
      third_.Clear();
    }
    largest_.Add(number);
    average_.Add(number);
  }
  void Finish(Context& context, Collector<std::string>& out) override {
    out.Collect(std::to_string(context.CurrentKey()) + " " + std::to_string(*count_.Value()) + " " + *text_.Value() + " " +
                std::to_string(third_.Value().value_or(-1)) + " " + std::to_string(*largest_.Get()) + " " + std::to_string(*average_.Get()));
  }

 private:
  ValueState<int64_t> count_{"count", 0};
  ValueState<std::string> text_{"text"};
  ValueState<int64_t> third_{"third"};
  ReducingState<int64_t> largest_{"largest", [](const int64_t& a, const int64_t& b) { return std::max(a, b); }};
  AggregatingState<Average> average_{"average"};
};

std::vector<std::string> ExpectedLines() {
  std::vector<std::string> lines;
  for (int64_t key = 0; key < kKeys; ++key) {
    lines.push_back(std::to_string(key) + " " + std::to_string(kPerKey) + " abcdefghij 10 9 4");
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

class RocksJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/weir-rocks-XXXXXX";
    output_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(output_); }

  // The last record waits for the test.
  JobHarness::Build Job() {
    return [output = output_, hold = hold_](StreamExecutionEnvironment& env) {
      env.FromSource(HeldSequence(kRecords, hold), "numbers")
          .Uid("numbers")
          .SetParallelism(1)
          .KeyBy([](const int64_t& value) { return value % kKeys; })
          .Process(Folded())
          .Uid("folded")
          .SinkTo(TextFileSink(output))
          .Uid("out");
    };
  }
  static HarnessOptions InMemory(uint32_t parallelism) {
    HarnessOptions options;
    options.parallelism = parallelism;
#ifdef WEIR_SANITIZED
    options.threading = SlotTask::Threading::kTask;
#endif
    options.limits.batch_rows_max = 256;
    return options;
  }
  static HarnessOptions OnRocksDb(uint32_t parallelism) {
    HarnessOptions options = InMemory(parallelism);
    options.state_backend = [](const std::string& directory) {
      // Rows in memory: some hundred of the 4000.
      return std::make_shared<RocksBackend>(
          RocksBackend::Settings{.directory = directory + "/state", .slot_bytes = 2 << 20, .cache_ratio = 0.02, .memory = {}, .options = {}});
    };
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
  void RunToEnd(JobHarness& job) {
    hold_->LetGo();
    job.RunToEnd();
  }

  std::string output_;
  std::shared_ptr<SequenceHold> hold_ = std::make_shared<SequenceHold>();
};

TEST_F(RocksJobTest, StateSurvivesKillsAndRestores) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  JobHarness job(OnRocksDb(2), Job());
  for (int attempt = 0; attempt < 4; ++attempt) {
    job.Start();
    ASSERT_TRUE(job.failure().ok()) << job.failure().ToString();
    for (uint32_t i = 1 + random() % 6; i > 0; --i) random() % 3 == 0 ? job.AbortedCheckpoint() : void(job.Checkpoint());
    ASSERT_TRUE(job.failure().ok()) << job.failure().ToString();
    job.Kill();
  }
  job.Start();
  RunToEnd(job);
  EXPECT_EQ(Lines(), ExpectedLines());
}

TEST_F(RocksJobTest, StateSurvivesOtherParallelismsAndOtherBackends) {
  std::vector<std::unique_ptr<JobHarness>> jobs;
  const std::vector<HarnessOptions> all{OnRocksDb(2), OnRocksDb(3), InMemory(3), InMemory(1), OnRocksDb(1)};
  for (const HarnessOptions& options : all) {
    auto job = std::make_unique<JobHarness>(options, Job());
    if (!jobs.empty()) job->RestoreFrom(*jobs.back());
    job->Start();
    ASSERT_TRUE(job->failure().ok()) << job->failure().ToString();
    ASSERT_TRUE(job->Checkpoint());
    ASSERT_TRUE(job->Checkpoint());
    job->Kill();
    jobs.push_back(std::move(job));
  }
  JobHarness last(OnRocksDb(2), Job());
  last.RestoreFrom(*jobs.back());
  last.Start();
  RunToEnd(last);
  EXPECT_EQ(Lines(), ExpectedLines());
}

TEST_F(RocksJobTest, SavepointsGoOnInMemoryAndBack) {
  for (const SavepointFormat format : {SavepointFormat::kCanonical, SavepointFormat::kNative}) {
    SetUp();
    hold_ = std::make_shared<SequenceHold>();
    JobHarness before(OnRocksDb(2), Job());
    before.Start();
    ASSERT_TRUE(before.Checkpoint());
    std::filesystem::create_directories(output_ + "/.first");
    ASSERT_TRUE(before.Savepoint({format, output_ + "/.first", /*stops=*/false}));
    before.Kill();
    JobHarness between(InMemory(3), Job());
    between.RestoreFrom(before);
    between.Start();
    std::filesystem::create_directories(output_ + "/.second");
    ASSERT_TRUE(between.Savepoint({format, output_ + "/.second", /*stops=*/false}));
    between.Kill();
    JobHarness after(OnRocksDb(1), Job());
    after.RestoreFrom(between);
    after.Start();
    RunToEnd(after);
    EXPECT_EQ(Lines(), ExpectedLines());
    TearDown();
  }
  SetUp();
}

class Listing final : public KeyedProcessFunction<int64_t, int64_t, int64_t> {
 public:
  void ProcessElement(const int64_t& value, Context&, Collector<int64_t>&) override { all_.Add(value); }

 private:
  ListState<int64_t> all_{"all"};
};

TEST_F(RocksJobTest, AStateThatIsNotSupportedIsNamed) {
  JobHarness job(OnRocksDb(1), [this](StreamExecutionEnvironment& env) {
    env.FromSequence(0, 9)
        .Uid("numbers")
        .KeyBy([](const int64_t& value) { return value; })
        .Process(Listing())
        .Uid("listing")
        .SinkTo(TextFileSink(output_))
        .Uid("out");
  });
  job.Start();
  job.WaitFor("a failure", [&] { return !job.failure().ok(); });
  EXPECT_NE(job.failure().message().find("does not hold list states yet"), std::string::npos) << job.failure().ToString();
  EXPECT_NE(job.failure().message().find("state=all"), std::string::npos) << job.failure().ToString();
  job.Kill();
}

TEST_F(RocksJobTest, NothingIsLeftOnDisk) {
  std::string directory;
  {
    JobHarness job(OnRocksDb(2), Job());
    job.Start();
    ASSERT_TRUE(job.Checkpoint());
    directory = job.directory() + "/state";
    EXPECT_FALSE(std::filesystem::is_empty(directory));
    job.Kill();
    job.Start();
    RunToEnd(job);
    job.StopWorkers();
    EXPECT_TRUE(std::filesystem::is_empty(directory));
  }
}

}  // namespace
}  // namespace weir::testing
