// Savepoints of whole jobs: what they consist of, what starts from them, and what tasks do behind their barrier.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "state/checkpoint/snapshot_reader.h"
#include "tests/unit/task/held_sequence.h"
#include "tests/unit/task/job_harness.h"

namespace weir::testing {
namespace {

constexpr int64_t kRecords = 400'000;
constexpr int64_t kKeys = 2'000;
constexpr int64_t kCycle = 50;

struct Numbered {
  int64_t key;
  int64_t number;
  int64_t value;
};

// Numbers the records of a key from 1 to kCycle, again and again: at the end of a cycle the state is cleared.
class Number final : public KeyedProcessFunction<int64_t, int64_t, Numbered> {
 public:
  void ProcessElement(const int64_t& value, Context& context, Collector<Numbered>& out) override {
    const int64_t* const last = last_.Peek();
    const int64_t number = last == nullptr ? 1 : *last + 1;
    number == kCycle ? last_.Clear() : last_.Update(number);
    out.Collect({context.CurrentKey(), number, value});
  }

 private:
  ValueState<int64_t> last_{"last"};
};

class SavepointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/weir-savepoint-XXXXXX";
    directory_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  JobHarness::Build Job() const {
    return [output = directory_ + "/out", hold = hold_](StreamExecutionEnvironment& env) {
      env.FromSource(HeldSequence(kRecords, hold), "numbers")
          .Uid("numbers")
          .KeyBy([](const int64_t& value) { return value % kKeys; })
          .Process(Number())
          .Uid("number")
          .SinkTo(TextFileSink(output))
          .Uid("out");
    };
  }
  static HarnessOptions Options(uint32_t parallelism, uint32_t workers = 2) {
    HarnessOptions options;
    options.workers = workers;
    options.parallelism = parallelism;
    options.threading = SlotTask::Threading::kTask;
    options.limits.batch_rows_max = 256;
    return options;
  }
  SavepointOrder Order(SavepointFormat format, bool stops = false) const { return {format, directory_ + "/savepoint", stops}; }

  // Every value once, and the numbers of each key as if nothing had happened.
  void ExpectEveryRecordOnce() const {
    std::set<int64_t> values;
    std::map<std::pair<int64_t, int64_t>, int64_t> counts;  // By key and number.
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/out")) {
      if (entry.path().filename().string().starts_with(".")) continue;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) {
        Numbered row{};
        ASSERT_EQ(std::sscanf(line.c_str(), "(%ld,%ld,%ld)", &row.key, &row.number, &row.value), 3) << line;
        ASSERT_TRUE(values.insert(row.value).second) << "twice: " << line;
        ++counts[{row.key, row.number}];
      }
    }
    EXPECT_EQ(values.size(), static_cast<size_t>(kRecords));
    for (const auto& [key, count] : counts) ASSERT_EQ(count, kRecords / kKeys / kCycle) << key.first << " " << key.second;
  }
  int64_t CommittedLines() const {
    int64_t lines = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/out")) {
      if (entry.path().filename().string().starts_with(".")) continue;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) ++lines;
    }
    return lines;
  }
  static std::vector<KeyedStateHandle> KeyedHandles(const JobHarness& job) {
    std::vector<KeyedStateHandle> handles;
    for (const auto& [subtask, snapshot] : job.completed()) {
      for (const OperatorSubtaskState& state : snapshot.operators) handles.insert(handles.end(), state.keyed.begin(), state.keyed.end());
    }
    return handles;
  }

  std::string directory_;
  std::shared_ptr<SequenceHold> hold_ = std::make_shared<SequenceHold>();  // Jobs that are to be disturbed do not end before.
};

TEST_F(SavepointTest, CanonicalIsOneFilePerSubtaskWithEachValueOnceAndNoTombstones) {
  JobHarness job(Options(3), Job());
  job.Start();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(job.Checkpoint());  // It stands on deltas.
  ASSERT_TRUE(job.Savepoint(Order(SavepointFormat::kCanonical)));
  const std::vector<KeyedStateHandle> handles = KeyedHandles(job);
  ASSERT_EQ(handles.size(), 3u);
  const std::unique_ptr<FileSystem> files = NewPosixFileSystem();
  for (const KeyedStateHandle& handle : handles) {
    const bool elsewhere = !handle.bytes.path.empty() && !handle.bytes.path.starts_with(directory_ + "/savepoint/");
    EXPECT_FALSE(elsewhere) << handle.bytes.path;
    StatusOr<SnapshotReader> reader = SnapshotReader::Open(*files, handle.bytes);
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    std::set<std::string> keys;
    uint32_t last_group = 0;
    SnapshotReader::Cursor cursor = reader->Records(handle.key_groups);
    while (cursor.Next()) {
      EXPECT_EQ(cursor.record().kind, SnapshotRecordKind::kValue);
      EXPECT_TRUE(keys.insert(std::string(cursor.record().key)).second);
      EXPECT_GE(cursor.key_group(), last_group);
      last_group = cursor.key_group();
    }
    EXPECT_TRUE(cursor.status().ok()) << cursor.status().ToString();
  }
  job.Kill();
}

// Of every file that a savepoint names.
void ExpectSelfContained(const JobHarness& job, const std::string& directory) {
  for (const auto& [subtask, snapshot] : job.completed()) {
    for (const OperatorSubtaskState& state : snapshot.operators) {
      for (const KeyedStateHandle& handle : state.keyed)
        EXPECT_TRUE(handle.bytes.path.empty() || handle.bytes.path.starts_with(directory)) << handle.bytes.path;
      for (const OperatorStateHandle& handle : state.operator_state)
        EXPECT_TRUE(handle.bytes.path.empty() || handle.bytes.path.starts_with(directory)) << handle.bytes.path;
    }
  }
}

TEST_F(SavepointTest, EitherFormatStartsAJobWithAnyParallelismAndNeedsNoFileOfTheOldOne) {
  for (const SavepointFormat format : {SavepointFormat::kCanonical, SavepointFormat::kNative}) {
    for (const uint32_t parallelism : {1u, 2u, 5u}) {
      SCOPED_TRACE(std::string(SavepointFormatName(format)) + " " + std::to_string(parallelism));
      JobHarness job(Options(2), Job());
      job.Start();
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(job.Checkpoint());
      ASSERT_TRUE(job.Savepoint(Order(format)));
      ExpectSelfContained(job, directory_ + "/savepoint/");
      job.Kill();
      std::filesystem::remove_all(job.directory() + "/checkpoints");
      JobHarness next(Options(parallelism), Job());
      next.RestoreFrom(job);
      next.Start();
      hold_->LetGo();
      next.RunToEnd();
      ExpectEveryRecordOnce();
      hold_ = std::make_shared<SequenceHold>();
      std::filesystem::remove_all(directory_ + "/out");
      std::filesystem::remove_all(directory_ + "/savepoint");
    }
  }
}

// With another job's savepoint, or an operator of its own that the old job lacked: either way it has no state.
TEST_F(SavepointTest, ASourceThatIsNewStartsFromItsBeginning) {
  JobHarness job(Options(2), Job());
  job.Start();
  ASSERT_TRUE(job.Checkpoint());
  ASSERT_TRUE(job.Savepoint(Order(SavepointFormat::kCanonical)));
  job.Kill();
  constexpr int64_t kMore = 1'000;
  JobHarness next(Options(3), [output = directory_ + "/out", hold = hold_](StreamExecutionEnvironment& env) {
    env.FromSource(HeldSequence(kRecords, hold), "numbers")
        .Uid("numbers")
        .Union(env.FromSequence(kRecords, kRecords + kMore - 1).Uid("more"))
        .KeyBy([](const int64_t& value) { return value % kKeys; })
        .Process(Number())
        .Uid("number")
        .SinkTo(TextFileSink(output))
        .Uid("out");
  });
  next.RestoreFrom(job);
  next.Start();
  hold_->LetGo();
  next.RunToEnd();
  EXPECT_EQ(CommittedLines(), kRecords + kMore);
}

TEST_F(SavepointTest, TheJobGoesOnAndItsCheckpointsStandOnWhatTheSavepointWrote) {
  JobHarness job(Options(2), Job());
  job.Start();
  ASSERT_TRUE(job.Checkpoint());
  ASSERT_TRUE(job.Savepoint(Order(SavepointFormat::kCanonical)));
  ASSERT_TRUE(job.Checkpoint());  // Its deltas are those since the savepoint, and the one before.
  std::filesystem::remove_all(directory_ + "/savepoint");
  job.Kill();
  job.Start();
  hold_->LetGo();
  job.RunToEnd();
  ExpectEveryRecordOnce();
}

TEST_F(SavepointTest, BehindAStopNothingIsEmittedAndAllTasksEnd) {
  JobHarness job(Options(2), Job());
  job.Start();
  ASSERT_TRUE(job.Checkpoint());
  ASSERT_TRUE(job.Savepoint(Order(SavepointFormat::kCanonical, /*stops=*/true)));
  job.EndSavepoint(/*completed=*/true);
  job.WaitForState(TaskState::kFinished);
  // All that was emitted is committed, and the savepoint knows of no more: the next job emits the rest.
  JobHarness next(Options(3), Job());
  next.RestoreFrom(job);
  next.Start();
  hold_->LetGo();
  next.RunToEnd();
  ExpectEveryRecordOnce();
}

TEST_F(SavepointTest, AnAbortedStopGoesOn) {
  JobHarness job(Options(2), Job());
  job.Start();
  ASSERT_TRUE(job.Checkpoint());
  ASSERT_TRUE(job.Savepoint(Order(SavepointFormat::kCanonical, /*stops=*/true)));
  job.EndSavepoint(/*completed=*/false);
  hold_->LetGo();
  job.RunToEnd();
  ExpectEveryRecordOnce();
}

TEST_F(SavepointTest, DrainedSourcesEndTheDataOfAllTasksAndResumeFromTheirSavepoint) {
  JobHarness job(Options(2), Job());
  job.Start();
  ASSERT_TRUE(job.Checkpoint());
  job.DrainSources();
  job.WaitForState(TaskState::kDrained);
  ASSERT_TRUE(job.Savepoint(Order(SavepointFormat::kCanonical, /*stops=*/true)));
  job.EndSavepoint(/*completed=*/true);
  job.WaitForState(TaskState::kFinished);
  JobHarness next(Options(3), Job());
  next.RestoreFrom(job, /*ended=*/false);
  next.Start();
  hold_->LetGo();
  next.RunToEnd();
  ExpectEveryRecordOnce();
}

}  // namespace
}  // namespace weir::testing
