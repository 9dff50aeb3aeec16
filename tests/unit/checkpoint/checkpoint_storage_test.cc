#include "state/checkpoint/checkpoint_storage.h"

#include <gtest/gtest.h>

#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

using testing::FileFault;
using testing::FileOperation;
using testing::MemoryFileSystem;

TEST(CheckpointLayoutTest, NamesCarryAttemptAndSubtask) {
  const CheckpointLayout layout("/ckpt/", JobId{});
  const CheckpointLayout::StateFile file{
      .checkpoint = {7}, .attempt = {.epoch = {2}, .restart = 3}, .subtask = {.vertex = {1}, .subtask = 4}, .operator_index = 5, .sequence = 6};
  const std::string path = layout.StateFilePath(file);
  EXPECT_EQ(path, "/ckpt/00000000000000000000000000000000/chk-7/2.3-v1-s4-o5-6");
  const auto parsed = layout.ParseStateFilePath(path);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, file);
  for (const std::string& bad : {path + "x", path.substr(1), layout.MetadataPath({7}), std::string()}) {
    EXPECT_FALSE(layout.ParseStateFilePath(bad).ok()) << bad;
  }
}

TEST(CheckpointLayoutTest, ChainRecordsSortByName) {
  const CheckpointLayout layout("/ckpt", JobId{});
  EXPECT_LT(layout.ChainRecordPath({9}), layout.ChainRecordPath({10}));
}

TEST(CheckpointStorageTest, R5AnUnknownWriteIsRetriedUntilTheOutcomeIsKnown) {
  MemoryFileSystem fs;
  FileFault fault = FileFault::kFail;
  fs.SetFaultHook([&](FileOperation, const std::string&) { return fault; });
  EXPECT_EQ(TryWriteExclusive(fs, "/a", "x").outcome, ExclusiveWrite::kUnknown);
  fault = FileFault::kFailAfter;
  EXPECT_EQ(TryWriteExclusive(fs, "/a", "x").outcome, ExclusiveWrite::kUnknown);
  fault = FileFault::kNone;
  EXPECT_EQ(TryWriteExclusive(fs, "/a", "x").outcome, ExclusiveWrite::kExistsEqual);
  EXPECT_EQ(TryWriteExclusive(fs, "/a", "y").outcome, ExclusiveWrite::kExistsOther);
  EXPECT_EQ(TryWriteExclusive(fs, "/b", "y").outcome, ExclusiveWrite::kCreated);
  fs.SetFaultHook([](FileOperation op, const std::string&) { return op == FileOperation::kRead ? FileFault::kFail : FileFault::kNone; });
  EXPECT_EQ(TryWriteExclusive(fs, "/a", "y").outcome, ExclusiveWrite::kUnknown);
}

TEST(CheckpointStorageTest, LoadsFromDirectoryOrMetadata) {
  MemoryFileSystem fs;
  CheckpointMetadata metadata;
  metadata.id = {5};
  fs.files()["/j/chk-5/_metadata"] = metadata.Encode();
  for (const char* path : {"/j/chk-5", "/j/chk-5/", "/j/chk-5/_metadata"}) {
    const std::string text = path;
    const auto loaded = LoadCheckpoint(fs, text);
    ASSERT_TRUE(loaded.ok()) << path;
    EXPECT_EQ(loaded->metadata.id, CheckpointId{5});
  }
  EXPECT_EQ(LoadCheckpoint(fs, std::string("/j/chk-6")).status().code(), StatusCode::kNotFound);
}

TEST(CheckpointStorageTest, R7APublishedCheckpointThatIsGoneOrOtherIsCorruption) {
  MemoryFileSystem fs;
  CheckpointMetadata metadata;
  metadata.id = {5};
  fs.files()["/m/_metadata"] = metadata.Encode();
  const auto loaded = LoadCheckpoint(fs, std::string("/m"));
  ASSERT_TRUE(loaded.ok());
  CheckpointEntry entry{.id = {5}, .attempt = {}, .metadata_path = "/m/_metadata", .metadata_checksum = loaded->metadata_checksum};
  EXPECT_TRUE(LoadCheckpoint(fs, entry).ok());
  ++entry.metadata_checksum;
  EXPECT_EQ(LoadCheckpoint(fs, entry).status().code(), StatusCode::kCorruption);
  fs.files().clear();
  EXPECT_EQ(LoadCheckpoint(fs, entry).status().code(), StatusCode::kCorruption);
  fs.SetFaultHook([](FileOperation, const std::string&) { return FileFault::kFail; });
  EXPECT_EQ(LoadCheckpoint(fs, entry).status().code(), StatusCode::kUnavailable);
}

TEST(CheckpointStorageTest, TheHighestDirectoryCountsAlsoWhenItWasNeverPublished) {
  MemoryFileSystem fs;
  const CheckpointLayout layout("/c", JobId{});
  EXPECT_EQ(*HighestCheckpointDirectory(fs, layout), CheckpointId{});
  fs.files()[layout.job_directory() + "/chk-9/1.1-v0-s0-o0-0"] = "";
  fs.files()[layout.job_directory() + "/chk-10/_metadata"] = "";
  fs.files()[layout.job_directory() + "/chk-x/_metadata"] = "";
  EXPECT_EQ(*HighestCheckpointDirectory(fs, layout), CheckpointId{10});
}

}  // namespace
}  // namespace weir
