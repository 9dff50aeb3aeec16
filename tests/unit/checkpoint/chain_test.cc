#include "state/checkpoint/chain.h"

#include <gtest/gtest.h>

#include "tests/unit/testing/fuzz.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

using testing::FileFault;
using testing::FileOperation;
using testing::MemoryFileSystem;
using Outcome = CheckpointPublication::Outcome;

class ChainTest : public ::testing::Test {
 protected:
  Chain Open(uint64_t epoch) {
    Chain chain(fs_, layout_, {epoch}, /*slots_per_block=*/2);
    EXPECT_TRUE(chain.Load().ok());
    return chain;
  }
  Chain Lead(uint64_t epoch) {
    Chain chain = Open(epoch);
    EXPECT_EQ(chain.TryTakeOver(), ChainAppend::kAppended);
    return chain;
  }
  static CheckpointMetadata Metadata(uint64_t id, uint64_t epoch) {
    CheckpointMetadata metadata;
    metadata.id = {id};
    metadata.attempt = {.epoch = {epoch}, .restart = 1};
    return metadata;
  }
  Outcome Publish(Chain& chain, uint64_t id, uint64_t epoch) {
    return CheckpointPublication(fs_, chain, Metadata(id, epoch)).TryOnce();
  }

  MemoryFileSystem fs_;
  CheckpointLayout layout_{"/c", JobId{}};
};

TEST_F(ChainTest, R1RecordsFollowOneAnotherSlotBySlot) {
  Chain chain = Lead(1);
  EXPECT_EQ(Publish(chain, 1, 1), Outcome::kPublished);
  EXPECT_EQ(Publish(chain, 2, 1), Outcome::kPublished);
  const Chain reader = Open(1);
  ASSERT_EQ(reader.records().size(), 3u);
  EXPECT_EQ(reader.head(), ChainSlot{3});
  EXPECT_EQ(reader.NewestCheckpoint()->id, CheckpointId{2});
  EXPECT_EQ(reader.records(), chain.records());
}

TEST_F(ChainTest, R2R3ADeposedLeaderPublishesNothingMore) {
  Chain old_leader = Lead(1);
  Chain new_leader = Lead(2);
  EXPECT_EQ(Publish(old_leader, 1, 1), Outcome::kFenced);
  EXPECT_FALSE(Open(3).NewestCheckpoint().has_value());
  EXPECT_EQ(Publish(new_leader, 2, 2), Outcome::kPublished);
}

TEST_F(ChainTest, R2ATakeoverAdoptsTheOldLeadersLastRecord) {
  Chain old_leader = Lead(1);
  Chain new_leader = Open(2);
  EXPECT_EQ(Publish(old_leader, 1, 1), Outcome::kPublished);
  EXPECT_EQ(new_leader.TryTakeOver(), ChainAppend::kAppended);
  EXPECT_EQ(new_leader.NewestCheckpoint()->id, CheckpointId{1});
}

// What lies there is neither ours nor a record: another try finds the same.
TEST_F(ChainTest, R7ADamagedRecordInTheSlotIsAnOutcomeOfItsOwnAndNamesItsPath) {
  const std::string foreign = ChainRecord{.slot = {2}, .epoch = {1}, .parent_checksum = 1, .entry = TakeoverEntry{}}.Encode();
  for (const std::string& content : {std::string("damaged"), std::string(), foreign}) {
    Chain chain = Lead(1);
    fs_.files()[layout_.ChainRecordPath({2})] = content;
    CheckpointPublication publication(fs_, chain, Metadata(1, 1));
    EXPECT_EQ(publication.TryOnce(), Outcome::kCorrupt);
    EXPECT_EQ(publication.last_error().code(), StatusCode::kCorruption);
    EXPECT_NE(publication.last_error().message().find(layout_.ChainRecordPath({2})), std::string::npos) << publication.last_error().ToString();
    EXPECT_EQ(chain.TryAppend(TerminalEntry{.state = TerminalEntry::State::kFailed, .reason = "why"}), ChainAppend::kCorrupt);
    EXPECT_EQ(fs_.files()[layout_.ChainRecordPath({2})], content);
    fs_.files().clear();
  }
}

TEST_F(ChainTest, R3ALowerEpochCannotTakeOver) {
  Lead(5);
  Chain late(fs_, layout_, {4});
  ASSERT_TRUE(late.Load().ok());
  EXPECT_EQ(late.TryTakeOver(), ChainAppend::kFenced);
}

// Blocks of two slots: takeovers at 1 and 2, checkpoints behind them.
TEST_F(ChainTest, R3PruningNeverReopensTheSlotOfADeposedLeader) {
  Chain old_leader = Lead(1);
  Chain new_leader = Lead(2);
  for (uint64_t id = 1; id <= 9; ++id) EXPECT_EQ(Publish(new_leader, id, 2), Outcome::kPublished);
  EXPECT_TRUE(new_leader.Prune(1).ok());
  EXPECT_FALSE(fs_.files().contains(layout_.ChainRecordPath({2})));
  EXPECT_EQ(Publish(old_leader, 10, 1), Outcome::kFenced);
  const Chain reader = Open(3);
  EXPECT_EQ(reader.NewestCheckpoint()->id, CheckpointId{9});
  EXPECT_EQ(reader.records().size(), 2u);
}

TEST_F(ChainTest, R2ACandidateWhoseViewWasPrunedLoadsAgain) {
  Chain leader = Lead(1);
  Chain candidate = Open(2);
  for (uint64_t id = 1; id <= 9; ++id) EXPECT_EQ(Publish(leader, id, 1), Outcome::kPublished);
  EXPECT_TRUE(leader.Prune(1).ok());
  EXPECT_EQ(candidate.TryTakeOver(), ChainAppend::kStale);
  ASSERT_TRUE(candidate.Load().ok());
  EXPECT_EQ(candidate.TryTakeOver(), ChainAppend::kAppended);
  EXPECT_EQ(candidate.NewestCheckpoint()->id, CheckpointId{9});
  EXPECT_EQ(Publish(leader, 10, 1), Outcome::kFenced);
}

TEST_F(ChainTest, PruningStoppedHalfwayIsRepeated) {
  Chain leader = Lead(1);
  for (uint64_t id = 1; id <= 9; ++id) EXPECT_EQ(Publish(leader, id, 1), Outcome::kPublished);
  uint32_t allowed = 3;
  fs_.SetFaultHook([&](FileOperation op, const std::string&) {
    return op == FileOperation::kRemove && allowed-- == 0 ? FileFault::kFail : FileFault::kNone;
  });
  EXPECT_EQ(leader.Prune(1).code(), StatusCode::kUnavailable);
  EXPECT_EQ(Open(2).NewestCheckpoint()->id, CheckpointId{9});
  EXPECT_TRUE(leader.Prune(1).ok());
  EXPECT_EQ(Open(2).NewestCheckpoint()->id, CheckpointId{9});
}

TEST_F(ChainTest, R5UnknownOutcomesAreRetriedWithTheSameContent) {
  for (const FileFault fault : {FileFault::kFail, FileFault::kFailAfter, FileFault::kFailLate}) {
    fs_.files().clear();
    Chain chain = Lead(1);
    CheckpointPublication publication(fs_, chain, Metadata(1, 1));
    uint32_t faults_left = 3;
    fs_.SetFaultHook([&](FileOperation op, const std::string&) {
      return op == FileOperation::kCreateExclusive && faults_left > 0 ? (--faults_left, fault) : FileFault::kNone;
    });
    uint32_t unknown_count = 0;
    Outcome outcome = publication.TryOnce();
    while (outcome == Outcome::kUnknown) {
      ++unknown_count;
      outcome = publication.TryOnce();
    }
    fs_.SetFaultHook({});
    fs_.RunLateOperations();
    EXPECT_EQ(outcome, Outcome::kPublished);
    EXPECT_GE(unknown_count, 1u);
    EXPECT_EQ(Open(2).NewestCheckpoint()->id, CheckpointId{1});
  }
}

TEST_F(ChainTest, R5ForeignMetadataBurnsTheId) {
  Chain chain = Lead(1);
  fs_.files()[layout_.MetadataPath({1})] = "somebody else's";
  EXPECT_EQ(Publish(chain, 1, 1), Outcome::kBurned);
  EXPECT_FALSE(Open(1).NewestCheckpoint().has_value());
  EXPECT_EQ(Publish(chain, 2, 1), Outcome::kPublished);
}

TEST_F(ChainTest, R5AWriteInDoubtThatLandsAfterATakeoverIsRefused) {
  Chain old_leader = Lead(1);
  CheckpointPublication publication(fs_, old_leader, Metadata(1, 1));
  fs_.SetFaultHook([&](FileOperation op, const std::string& path) {
    return op == FileOperation::kCreateExclusive && path.starts_with(layout_.ChainDirectory()) ? FileFault::kFailLate : FileFault::kNone;
  });
  EXPECT_EQ(publication.TryOnce(), Outcome::kUnknown);
  fs_.SetFaultHook({});
  Chain new_leader = Lead(2);
  fs_.RunLateOperations();
  EXPECT_EQ(publication.TryOnce(), Outcome::kFenced);
  EXPECT_FALSE(Open(3).NewestCheckpoint().has_value());
}

TEST_F(ChainTest, R8NothingFollowsATerminalRecord) {
  Chain chain = Lead(1);
  EXPECT_EQ(chain.TryAppend(TerminalEntry{.state = TerminalEntry::State::kFailed, .reason = "why"}), ChainAppend::kAppended);
  EXPECT_EQ(chain.Terminal()->reason, "why");
  Chain next = Open(2);
  EXPECT_EQ(next.TryTakeOver(), ChainAppend::kEnded);
}

TEST_F(ChainTest, R7UnreachableIsUnavailableAndDamageIsCorruption) {
  Lead(1);
  Chain chain(fs_, layout_, {2});
  fs_.SetFaultHook([](FileOperation op, const std::string&) { return op == FileOperation::kRead ? FileFault::kFail : FileFault::kNone; });
  EXPECT_EQ(chain.Load().code(), StatusCode::kUnavailable);
  fs_.SetFaultHook({});
  fs_.files()[layout_.ChainRecordPath({1})][30] ^= 1;
  EXPECT_EQ(chain.Load().code(), StatusCode::kCorruption);
}

TEST_F(ChainTest, R1AStaleListingIsOnlyAHint) {
  Chain chain = Lead(1);
  for (uint64_t id = 1; id <= 3; ++id) EXPECT_EQ(Publish(chain, id, 1), Outcome::kPublished);
  class StaleListing final : public FileSystem {
   public:
    explicit StaleListing(FileSystem& target) : target_(target) {}
    StatusOr<std::unique_ptr<DurableFile>> Create(const std::string& path) override { return target_.Create(path); }
    Status CreateExclusive(const std::string& path, std::string_view content) override { return target_.CreateExclusive(path, content); }
    StatusOr<std::string> ReadFile(const std::string& path) override { return target_.ReadFile(path); }
    StatusOr<std::unique_ptr<ReadableFile>> OpenForReading(const std::string& path) override { return target_.OpenForReading(path); }
    StatusOr<uint64_t> FileSize(const std::string& path) override { return target_.FileSize(path); }
    StatusOr<bool> Exists(const std::string& path) override { return target_.Exists(path); }
    StatusOr<std::vector<std::string>> List(const std::string&) override { return std::vector<std::string>{"00000000000000000002", ".tmp", "pruned"}; }
    Status CreateDirectories(const std::string& path) override { return target_.CreateDirectories(path); }
    Status MoveExclusive(const std::string& from, const std::string& to) override { return target_.MoveExclusive(from, to); }
    Status LinkExclusive(const std::string& from, const std::string& to) override { return target_.LinkExclusive(from, to); }
    Status Remove(const std::string& path) override { return target_.Remove(path); }
    Status RemoveDirectory(const std::string& path) override { return target_.RemoveDirectory(path); }

   private:
    FileSystem& target_;
  } stale(fs_);
  Chain reader(stale, layout_, {2});
  ASSERT_TRUE(reader.Load().ok());
  EXPECT_EQ(reader.records(), chain.records());
}

TEST_F(ChainTest, DamagedRecordsNeverDecode) {
  const ChainRecord record{.slot = {3}, .epoch = {2}, .parent_checksum = 9,
                           .entry = CheckpointEntry{.id = {5}, .attempt = {.epoch = {2}, .restart = 1}, .metadata_path = "/m", .metadata_checksum = 4}};
  ASSERT_EQ(*ChainRecord::Decode(record.Encode()), record);
  testing::Fuzz(record.Encode(), 20'000, [](const std::string& bytes) { EXPECT_FALSE(ChainRecord::Decode(bytes).ok()); });
}

}  // namespace
}  // namespace weir
