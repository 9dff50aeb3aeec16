// Merges of deltas in the background: the file is made by the pool and gets its name from a later snapshot.
#include "runtime/task/keyed_snapshots.h"

#include <gtest/gtest.h>

#include <future>

#include "state/checkpoint/snapshot_reader.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

using testing::FileFault;
using testing::FileOperation;

class KeyedSnapshotsTest : public ::testing::Test {
 protected:
  KeyedSnapshotsTest() {
    header_.key_groups = {0, 0};
    header_.states = {{"count", "value", "string", ""}};
    snapshots_ = std::make_shared<KeyedSnapshots>(header_, SnapshotChain::Limits{.merge_deltas_min = 2});
    // A base and two deltas.
    for (const char* value : {"0", "1", "2"}) Snapshot("/c/" + std::string(value), value);
  }
  ~KeyedSnapshotsTest() override {
    pool_.Stop();
    pool_.Join();
  }

  void Snapshot(const std::string& path, std::string_view value) {
    last_ = snapshots_->chain().Begin().number;
    SnapshotFileWriter writer(files_, {path, 0}, header_);
    BlockBuilder block;
    block.Start(0);
    block.Append({0, SnapshotRecordKind::kValue, "key", {}, value});
    ASSERT_TRUE(writer.AddBlock(block.Finish()).ok());
    snapshots_->chain().OnDurable(last_, {header_.key_groups, *writer.Finish()});
  }
  void Merge() {
    snapshots_->StartMergeIfDue(files_, pool_, {"/c/when-begun", 0});
    std::promise<void> idle;
    ASSERT_TRUE(pool_.Submit([&] { idle.set_value(); }));
    idle.get_future().wait();
  }
  std::vector<std::string> PathsOfLast() {
    std::vector<std::string> paths;
    const std::vector<KeyedStateHandle> handles = *snapshots_->chain().HandlesOf(last_);
    for (const KeyedStateHandle& handle : handles) paths.push_back(handle.bytes.path);
    return paths;
  }

  testing::MemoryFileSystem files_;  // Used by one piece of work at a time.
  SnapshotHeader header_;
  ThreadPool pool_{{.name = "pool", .thread_count = 1, .queue_count_max = 8}};
  std::shared_ptr<KeyedSnapshots> snapshots_;
  uint64_t last_ = 0;
};

TEST_F(KeyedSnapshotsTest, AMergedFileAppearsUnderTheNameOfTheSnapshotThatFirstStandsOnIt) {
  Merge();
  ASSERT_TRUE(snapshots_->HasMerged());
  EXPECT_EQ(files_.files().size(), 3u) << "nobody could say which checkpoint the file belongs to";
  EXPECT_EQ(PathsOfLast(), (std::vector<std::string>{"/c/0", "/c/1", "/c/2"}));

  snapshots_->PublishMerged("/c/later");
  EXPECT_EQ(PathsOfLast(), (std::vector<std::string>{"/c/0", "/c/later"}));
  EXPECT_FALSE(files_.files().contains("/c/when-begun"));
  const std::vector<KeyedStateHandle> handles = *snapshots_->chain().HandlesOf(last_);
  const StatusOr<SnapshotReader> reader = SnapshotReader::Open(files_, handles.back().bytes);
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  SnapshotReader::Cursor cursor = reader->Records(header_.key_groups);
  ASSERT_TRUE(cursor.Next());
  EXPECT_EQ(cursor.record().value, "2");
  EXPECT_FALSE(cursor.Next());
}

TEST_F(KeyedSnapshotsTest, WhenAMergeFailsItsDeltasServeOn) {
  for (const FileOperation failing : {FileOperation::kRead, FileOperation::kPublish}) {
    files_.SetFaultHook([failing](FileOperation operation, const std::string&) { return operation == failing ? FileFault::kFail : FileFault::kNone; });
    Merge();
    ASSERT_TRUE(snapshots_->HasMerged());
    snapshots_->PublishMerged("/c/later");
    EXPECT_FALSE(snapshots_->HasMerged());
    EXPECT_EQ(PathsOfLast(), (std::vector<std::string>{"/c/0", "/c/1", "/c/2"}));
  }
  files_.SetFaultHook({});
  Merge();
  snapshots_->PublishMerged("/c/later");
  EXPECT_EQ(PathsOfLast(), (std::vector<std::string>{"/c/0", "/c/later"})) << "the next merge takes them again";
}

}  // namespace
}  // namespace weir
