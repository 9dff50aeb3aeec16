// How the driver reads runs and sums them up.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "benchmarks/driver/figure.h"
#include "benchmarks/driver/run_files.h"
#include "benchmarks/driver/timeline.h"
#include "benchmarks/driver/workload.h"

namespace weir::bench {
namespace {

class RunFilesTest : public testing::Test {
 protected:
  RunFilesTest() {
    char pattern[] = "/tmp/weir-bench-test-XXXXXX";
    directory_ = ::mkdtemp(pattern);
  }
  ~RunFilesTest() override { std::filesystem::remove_all(directory_); }
  void Write(const std::string& name, const std::string& line) { std::ofstream(directory_ + "/" + name) << line << "\n"; }

  std::string directory_;
};

TEST_F(RunFilesTest, PartsOfTwoWorkersAddUp) {
  Write("start-0", "1000000000 500 11 60");
  Write("start-1", "1500000000 700 12 40");
  Write("part-0-3", "5 10 2400000000 2500000000 1000000500 11 7000");
  Write("part-1-3", "6 20 2300000000 3000000000 2000000700 12 8000");
  Write(".part-1-4-99", "not published");
  const StatusOr<RunResult> run = ReadRun(directory_);
  ASSERT_TRUE(run.ok()) << run.status().ToString();
  EXPECT_EQ(run->digest, (Digest{11, 30}));
  EXPECT_EQ(run->measured_events, 100u);
  EXPECT_DOUBLE_EQ(run->seconds, 2.0);
  EXPECT_DOUBLE_EQ(run->cpu_seconds, 3.0);
  EXPECT_EQ(run->rss_bytes, 15'000);
  ASSERT_EQ(run->checkpoints.size(), 1u);
  EXPECT_EQ(run->checkpoints.at(3).barrier_ns, 2'300'000'000);
  EXPECT_EQ(run->checkpoints.at(3).committed_ns, 3'000'000'000);
}

TEST_F(RunFilesTest, ARunWithoutResultOrWithADamagedFileIsAnError) {
  Write("start-0", "1000000000 500 11 60");
  EXPECT_EQ(ReadRun(directory_).status().code(), StatusCode::kFailedPrecondition);
  Write("part-0-3", "5 ten");
  EXPECT_EQ(ReadRun(directory_).status().code(), StatusCode::kCorruption);
}

TaskProgress Task(int64_t begin_s, std::vector<uint64_t> buckets) {
  constexpr int64_t kSecond = 1'000'000'000;
  TaskProgress task;
  task.begin_ns = begin_s * kSecond;
  task.bucket_ns = kSecond / 2;
  task.last_ns = task.begin_ns + static_cast<int64_t>(buckets.size()) * task.bucket_ns;
  task.buckets = std::move(buckets);
  return task;
}

TEST(TimelineTest, TasksAreAddedOnOneClock) {
  constexpr int64_t kSecond = 1'000'000'000;
  std::vector<TaskProgress> tasks = {Task(10, {5, 5, 5, 1, 1, 5, 5, 5}), Task(11, {5, 0, 0, 5, 5, 5})};
  tasks[1].stops.push_back({11 * kSecond + kSecond / 2, kSecond});
  const Timeline timeline(tasks);
  EXPECT_EQ(timeline.end_ns(), 14 * kSecond);
  EXPECT_DOUBLE_EQ(timeline.MeanRate(13 * kSecond, 14 * kSecond), 20);
  EXPECT_DOUBLE_EQ(timeline.LowestSecond(11 * kSecond, 12 * kSecond, 10 * kSecond), 2);
  EXPECT_EQ(timeline.LongestStopNs(12 * kSecond, 13 * kSecond), kSecond);
  EXPECT_EQ(timeline.LongestStopNs(13 * kSecond, 14 * kSecond), 0);
}

TEST(SpreadTest, TheMedianOfAnEvenNumberLiesBetweenTheMiddleOnes) {
  const Spread spread = Spread::Of({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(spread.median, 2.5);
  EXPECT_DOUBLE_EQ(spread.min, 1);
  EXPECT_DOUBLE_EQ(spread.max, 4);
}

TEST(WorkloadTest, EachOneSaysWhatItIs) {
  for (const Workload& workload : AllWorkloads()) {
    EXPECT_EQ(workload.job.empty(), workload.kind == WorkloadKind::kStateAccess) << workload.name;  // The only one without a cluster.
    EXPECT_FALSE(workload.loop_arguments.empty()) << workload.name;
    EXPECT_FALSE(workload.about.empty()) << workload.name;
  }
  EXPECT_EQ(FindWorkload("no-such"), nullptr);
}

}  // namespace
}  // namespace weir::bench
