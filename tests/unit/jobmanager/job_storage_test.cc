// The durable side of a job on an I/O pool that has no room.
#include "jobmanager/job_storage.h"

#include <gtest/gtest.h>

#include <future>
#include <set>

#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

class JobStorageTest : public ::testing::Test {
 protected:
  ~JobStorageTest() override {
    loop_.Stop();
    loop_.Join();
    pool_.Stop();
    pool_.Join();
  }
  // Occupies the only thread until Release, and the only place in the queue.
  void FillPool() {
    std::promise<void> occupied;
    ASSERT_TRUE(pool_.Submit([&] {
      occupied.set_value();
      release_.get_future().wait();
    }));
    occupied.get_future().wait();
    ASSERT_TRUE(pool_.Submit([] {}));
    ASSERT_FALSE(pool_.Submit([] {}));
  }
  void Release() { release_.set_value(); }
  // On the loop, as the JobMaster does; returns when it was called.
  void OnLoop(const std::function<void()>& call) {
    std::promise<void> called;
    loop_.Post([&] {
      call();
      called.set_value();
    });
    called.get_future().wait();
  }

  testing::MemoryFileSystem files_;  // Used by one piece of work at a time.
  SystemClock clock_;
  EventLoop loop_{"test"};
  ThreadPool pool_{{.name = "io", .thread_count = 1, .queue_count_max = 1}};
  std::promise<void> release_;
  // What a process that was killed had not published yet.
  std::string LeaveUnpublished(uint64_t checkpoint, AttemptId attempt) {
    std::string path = CheckpointLayout("/checkpoints", job_).StateFilePath({{checkpoint}, attempt, {}, 0, 0});
    path.insert(path.rfind('/') + 1, ".");
    path += ".0123456789abcdef";
    files_.files()[path] = "half a file";
    return path;
  }
  std::string LeaveFile(uint64_t checkpoint, AttemptId attempt) {
    std::string path = CheckpointLayout("/checkpoints", job_).StateFilePath({{checkpoint}, attempt, {}, 0, 0});
    files_.files()[path] = "a file";
    return path;
  }
  std::set<std::string> CheckpointFiles() {
    std::set<std::string> paths;
    for (const auto& [path, content] : files_.files()) {
      if (path.find("/chk-") != std::string::npos) paths.insert(path);
    }
    return paths;
  }
  // All storage work that was begun is done after it.
  void Settle() {
    std::promise<void> settled;
    OnLoop([&] { storage_->Open("", false, [&](const StatusOr<JobStorage::Opened>&) { settled.set_value(); }); });
    settled.get_future().wait();
  }

  const JobId job_ = JobId::Random();
  std::shared_ptr<JobStorage> storage_ =
      std::make_shared<JobStorage>(JobStorage::Options{"/checkpoints", job_, LeaderEpoch{1}, 1, 0}, files_, pool_, loop_, clock_);
};

TEST_F(JobStorageTest, R18UnpublishedFilesOfAttemptsThatAreOverAreDeleted) {
  const std::string old = LeaveUnpublished(3, {LeaderEpoch{1}, 0});
  const std::string running = LeaveUnpublished(3, {LeaderEpoch{1}, 1});
  Settle();
  OnLoop([&] { storage_->Prune({LeaderEpoch{1}, 1}, {4}); });
  Settle();
  EXPECT_FALSE(files_.files().contains(old));
  EXPECT_TRUE(files_.files().contains(running));
}

TEST_F(JobStorageTest, R18WithoutAnyCompletedCheckpointFilesOfEarlierAttemptsGoAllTheSame) {
  Settle();
  const std::string old = LeaveFile(1, {LeaderEpoch{1}, 1});
  const std::string running = LeaveFile(2, {LeaderEpoch{1}, 2});
  OnLoop([&] { storage_->Prune({LeaderEpoch{1}, 2}, {2}); });
  Settle();
  EXPECT_FALSE(files_.files().contains(old));
  EXPECT_TRUE(files_.files().contains(running));
}

TEST_F(JobStorageTest, R18OfAJobThatHasEndedExactlyTheFilesOfItsRetainedCheckpointsStay) {
  const AttemptId attempt{LeaderEpoch{1}, 1};
  const std::string base = LeaveFile(1, attempt);
  const std::string used = LeaveFile(3, attempt);
  const CheckpointLayout layout("/checkpoints", job_);
  std::promise<void> published;
  OnLoop([&] {
    storage_->Open("", false, [](const StatusOr<JobStorage::Opened>&) {});
    CheckpointMetadata own;
    own.job_id = job_;
    own.id = {3};
    own.attempt = attempt;
    OperatorSubtaskState& state = own.vertices.emplace_back().subtasks.emplace_back().snapshot.operators.emplace_back();
    for (const std::string& file : {base, used}) state.keyed.push_back({.key_groups = {}, .bytes = {.path = file, .inline_bytes = {}, .size_bytes = 1, .checksum = 1}});
    storage_->Publish(own, [&](CheckpointPublication::Outcome outcome, const Status&, uint64_t) {
      EXPECT_EQ(outcome, CheckpointPublication::Outcome::kPublished);
      published.set_value();
    });
  });
  published.get_future().wait();
  const std::set<std::string> kept = {base, used, layout.MetadataPath({3})};
  LeaveFile(2, attempt);
  LeaveFile(4, attempt);  // Of a checkpoint that was aborted, or pending at the end.
  LeaveUnpublished(4, attempt);
  OnLoop([&] { storage_->Prune(attempt, {1}); });
  Settle();
  EXPECT_EQ(CheckpointFiles().size(), 5u);  // A later snapshot could name what lies in 4.
  OnLoop([&] { storage_->DeleteAllButRetained(attempt); });
  Settle();
  EXPECT_EQ(CheckpointFiles(), kept);
}

TEST_F(JobStorageTest, R7AChainThatIsDamagedWhereTheTerminalRecordBelongsIsNotWrittenToForEver) {
  Settle();
  const CheckpointLayout layout("/checkpoints", job_);
  files_.files()[layout.ChainRecordPath({2})] = "damaged";
  std::promise<Status> answer;
  OnLoop([&] { storage_->WriteTerminal(TerminalEntry::State::kFailed, "why", [&](const Status& written) { answer.set_value(written); }); });
  const Status written = answer.get_future().get();
  EXPECT_EQ(written.code(), StatusCode::kCorruption);
  EXPECT_NE(written.message().find(layout.ChainRecordPath({2})), std::string::npos) << written.ToString();
}

// A savepoint of another job, without files but its metadata.
std::string LeaveSavepoint(testing::MemoryFileSystem& files) {
  CheckpointMetadata metadata;
  metadata.id = {7};
  metadata.savepoint = SavepointFormat::kCanonical;
  files.files()["/savepoints/old/_metadata"] = metadata.Encode();
  return "/savepoints/old";
}

TEST_F(JobStorageTest, R18OnlyAClaimedSnapshotIsDeletedAndNotBeforeOwnCheckpointsReplaceIt) {
  for (const bool claims : {false, true}) {
    const std::string path = LeaveSavepoint(files_);
    storage_ = std::make_shared<JobStorage>(JobStorage::Options{"/checkpoints", JobId::Random(), LeaderEpoch{1}, 1, 0}, files_, pool_, loop_, clock_);
    std::promise<void> opened;
    OnLoop([&] {
      storage_->Open(path, claims, [&](const StatusOr<JobStorage::Opened>& answer) {
        EXPECT_TRUE(answer.ok() && answer->restored.has_value() && answer->highest_used == CheckpointId{7});
        opened.set_value();
      });
    });
    opened.get_future().wait();
    OnLoop([&] { storage_->Prune({LeaderEpoch{1}, 1}, {1}); });
    Settle();
    EXPECT_TRUE(files_.files().contains(path + "/_metadata")) << claims;
    std::promise<void> published;
    OnLoop([&] {
      CheckpointMetadata own;
      own.id = {8};
      own.attempt = {LeaderEpoch{1}, 1};
      storage_->Publish(own, [&](CheckpointPublication::Outcome outcome, const Status&, uint64_t) {
        EXPECT_EQ(outcome, CheckpointPublication::Outcome::kPublished);
        storage_->Prune({LeaderEpoch{1}, 1}, {1});
        published.set_value();
      });
    });
    published.get_future().wait();
    Settle();
    EXPECT_EQ(files_.files().contains(path + "/_metadata"), !claims);
  }
}

TEST_F(JobStorageTest, R18AClaimThatWasGivenUpDeletesNothing) {
  for (const bool gives_up : {false, true}) {
    const std::string path = LeaveSavepoint(files_);
    storage_ = std::make_shared<JobStorage>(JobStorage::Options{"/checkpoints", JobId::Random(), LeaderEpoch{1}, 1, 0}, files_, pool_, loop_, clock_);
    OnLoop([&] {
      storage_->Open(path, true, [](const StatusOr<JobStorage::Opened>&) {});
      if (gives_up) storage_->GiveUpClaim();
      storage_->DeleteCheckpoints();
    });
    Settle();
    EXPECT_EQ(files_.files().contains(path + "/_metadata"), gives_up);
  }
}

TEST_F(JobStorageTest, ASavepointThatStopsIsInTheChainAndAnotherIsNot) {
  CheckpointMetadata metadata;
  metadata.id = {3};
  metadata.savepoint = SavepointFormat::kCanonical;
  metadata.attempt = {LeaderEpoch{1}, 1};
  std::promise<void> done;
  OnLoop([&] {
    storage_->Open("", false, [](const StatusOr<JobStorage::Opened>&) {});
    storage_->WriteSavepoint(metadata, "/savepoints/plain", [](const StatusOr<uint64_t>& bytes) { EXPECT_TRUE(bytes.ok()); });
    storage_->PublishSavepoint(metadata, "/savepoints/stop", [&](CheckpointPublication::Outcome outcome, const Status&, uint64_t bytes) {
      EXPECT_EQ(outcome, CheckpointPublication::Outcome::kPublished);
      EXPECT_GT(bytes, 0u);
      done.set_value();
    });
  });
  done.get_future().wait();
  EXPECT_TRUE(LoadCheckpoint(files_, "/savepoints/plain").ok());
  Chain chain(files_, CheckpointLayout("/checkpoints", job_), LeaderEpoch{2});
  ASSERT_TRUE(chain.Load().ok());
  ASSERT_TRUE(chain.NewestCheckpoint().has_value());
  EXPECT_EQ(chain.NewestCheckpoint()->metadata_path, "/savepoints/stop/_metadata");
  EXPECT_TRUE(LoadCheckpoint(files_, *chain.NewestCheckpoint()).ok());
}

TEST_F(JobStorageTest, ASavepointWhoseMetadataCannotBeWrittenIsNoneAndLeavesNoRecord) {
  CheckpointMetadata metadata;
  metadata.id = {3};
  metadata.savepoint = SavepointFormat::kCanonical;
  std::promise<void> opened;
  OnLoop([&] { storage_->Open("", false, [&](const StatusOr<JobStorage::Opened>&) { opened.set_value(); }); });
  opened.get_future().wait();
  files_.SetFaultHook([](testing::FileOperation, const std::string& path) { return path.starts_with("/savepoints") ? testing::FileFault::kFail : testing::FileFault::kNone; });
  std::promise<void> done;
  OnLoop([&] {
    storage_->PublishSavepoint(metadata, "/savepoints/stop", [&](CheckpointPublication::Outcome outcome, const Status& error, uint64_t) {
      EXPECT_EQ(outcome, CheckpointPublication::Outcome::kBurned);
      EXPECT_EQ(error.code(), StatusCode::kUnavailable);
      done.set_value();
    });
  });
  done.get_future().wait();
  Chain chain(files_, CheckpointLayout("/checkpoints", job_), LeaderEpoch{2});
  ASSERT_TRUE(chain.Load().ok());
  EXPECT_FALSE(chain.NewestCheckpoint().has_value());
}

TEST_F(JobStorageTest, WorkThatAFullPoolRefusesIsDoneLaterAndInItsOrder) {
  FillPool();
  std::vector<std::string> answers;  // On the loop.
  std::promise<void> last;
  OnLoop([&] {
    storage_->Open("", false, [&](const StatusOr<JobStorage::Opened>& opened) { answers.push_back(opened.ok() ? "opened" : opened.status().ToString()); });
    storage_->WriteTerminal(TerminalEntry::State::kFinished, "", [&](const Status& written) {
      answers.push_back(written.ok() ? "ended" : "fenced");
      last.set_value();
    });
  });
  Release();
  last.get_future().wait();
  EXPECT_EQ(answers, (std::vector<std::string>{"opened", "ended"}));
}

TEST_F(JobStorageTest, WorkThatWaitsOutlivesTheOwner) {
  FillPool();
  std::promise<void> answered;
  OnLoop([&] { storage_->Open("", false, [&](const StatusOr<JobStorage::Opened>&) { answered.set_value(); }); });
  storage_.reset();
  Release();
  answered.get_future().wait();
}

}  // namespace
}  // namespace weir
