// Whole jobs on worker runtimes: exactly once through chains, shuffles, checkpoints, kills and the end of input.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/unit/task/job_harness.h"

namespace weir::testing {
namespace {

std::vector<std::string> CommittedLines(const std::string& directory) {
  std::vector<std::string> lines;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with(".")) continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

struct Keyed {
  int64_t key;
  int64_t count;
};

class CountPerKey final : public KeyedProcessFunction<int64_t, int64_t, Keyed> {
 public:
  void ProcessElement(const int64_t&, Context&, Collector<Keyed>&) override {
    const int64_t* const count = count_.Peek();
    count_.Update(count == nullptr ? 1 : *count + 1);
  }
  void Finish(Context& context, Collector<Keyed>& out) override { out.Collect({context.CurrentKey(), *count_.Peek()}); }

 private:
  ValueState<int64_t> count_{"count"};
};

constexpr int64_t kRecords = 200'000;
constexpr int64_t kKeys = 1'000;

// FromSequence -> key by value mod 1000 -> count -> text files; every key occurs kRecords / kKeys times.
JobHarness::Build CountJob(const std::string& output) {
  return [output](StreamExecutionEnvironment& env) {
    env.FromSequence(0, kRecords - 1).Uid("numbers")
        .KeyBy([](const int64_t& value) { return value % kKeys; })
        .Process(CountPerKey()).Uid("count")
        .SinkTo(TextFileSink(output)).Uid("out");
  };
}

std::vector<std::string> ExpectedCounts() {
  std::vector<std::string> lines;
  for (int64_t key = 0; key < kKeys; ++key) lines.push_back("(" + std::to_string(key) + "," + std::to_string(kRecords / kKeys) + ")");
  std::sort(lines.begin(), lines.end());
  return lines;
}

struct Shape {
  uint32_t workers;
  uint32_t parallelism;
  SlotTask::Threading threading;
  uint32_t batch_rows;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << shape.workers << " workers, parallelism " << shape.parallelism << (shape.threading == SlotTask::Threading::kSlot ? ", slot" : ", task")
             << ", batches of " << shape.batch_rows;
}

// Fibers confuse the sanitizers: their builds use a thread per task.
SlotTask::Threading SlotThreading() {
#ifdef WEIR_SANITIZED
  return SlotTask::Threading::kTask;
#else
  return SlotTask::Threading::kSlot;
#endif
}

class JobTest : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/weir-job-XXXXXX";
    output_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(output_); }
  HarnessOptions Options() const {
    HarnessOptions options;
    options.workers = GetParam().workers;
    options.parallelism = GetParam().parallelism;
    options.threading = GetParam().threading;
    options.limits.batch_rows_max = GetParam().batch_rows;
    return options;
  }
  std::string output_;
};

TEST_P(JobTest, CountsEveryRecordOnceUndisturbed) {
  JobHarness job(Options(), CountJob(output_));
  job.Start();
  job.RunToEnd();
  EXPECT_EQ(CommittedLines(output_), ExpectedCounts());
}

TEST_P(JobTest, CountsEveryRecordOnceThroughKillsAndRestores) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  JobHarness job(Options(), CountJob(output_));
  for (int attempt = 0; attempt < 4; ++attempt) {
    job.Start();
    ASSERT_TRUE(job.failure().ok()) << job.failure().ToString();
    // Completed ones stand on the deltas of aborted ones, too.
    for (uint32_t i = random() % 6; i > 0; --i) random() % 3 == 0 ? job.AbortedCheckpoint() : void(job.Checkpoint());
    ASSERT_TRUE(job.failure().ok()) << job.failure().ToString();
    job.Kill();
  }
  job.Start();
  job.RunToEnd();
  EXPECT_EQ(CommittedLines(output_), ExpectedCounts());
}

class NotesItsAttempt final : public MapFunction<int64_t, int64_t> {
 public:
  explicit NotesItsAttempt(std::atomic<uint32_t>& attempt) : attempt_(attempt) {}
  void Open(RuntimeContext& context) override { attempt_ = context.AttemptNumber(); }
  int64_t Map(const int64_t& value) override { return value; }

 private:
  std::atomic<uint32_t>& attempt_;
};

TEST_P(JobTest, NumbersItsAttemptsFromZero) {
  std::atomic<uint32_t> attempt = 99;
  JobHarness job(Options(), [&](StreamExecutionEnvironment& env) {
    env.FromSequence(0, 9).Uid("numbers").Map(NotesItsAttempt(attempt)).SinkTo(TextFileSink(output_)).Uid("out");
  });
  job.Start();
  job.WaitForState(TaskState::kDrained);
  EXPECT_EQ(attempt, 0u);
  job.Kill();
  job.Start();
  job.RunToEnd();
  EXPECT_EQ(attempt, 1u);
}

class CannotClose final : public MapFunction<int64_t, int64_t> {
 public:
  int64_t Map(const int64_t& value) override { return value; }
  void Close() override { throw std::runtime_error("cannot flush my client"); }
};

TEST_P(JobTest, FailsWithTheWordsOfACloseThatThrows) {
  JobHarness job(Options(), [&](StreamExecutionEnvironment& env) {
    env.FromSequence(0, 9).Uid("numbers").Map(CannotClose()).SinkTo(TextFileSink(output_)).Uid("out");
  });
  job.Start();
  job.WaitForState(TaskState::kDrained);
  job.Checkpoint();
  job.WaitFor("a failure", [&] { return !job.failure().ok(); });
  EXPECT_NE(job.failure().message().find("cannot flush my client"), std::string::npos) << job.failure().ToString();
  job.Kill();
}

INSTANTIATE_TEST_SUITE_P(Shapes, JobTest,
                         ::testing::Values(Shape{1, 1, SlotThreading(), 4096}, Shape{1, 4, SlotThreading(), 64},
                                           Shape{2, 2, SlotThreading(), 4096}, Shape{3, 5, SlotThreading(), 512},
                                           Shape{1, 2, SlotTask::Threading::kTask, 256}, Shape{3, 3, SlotTask::Threading::kTask, 64}));

}  // namespace
}  // namespace weir::testing
