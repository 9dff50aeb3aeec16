#include "state/checkpoint/savepoint_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state/checkpoint/state_bytes.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

using testing::FileFault;
using testing::FileOperation;

class SavepointDirectoryTest : public ::testing::Test {
 protected:
  // One keyed file and one inline state.
  CheckpointMetadata MetadataIn(const std::string& directory) {
    CheckpointMetadata metadata;
    metadata.id = {5};
    metadata.savepoint = SavepointFormat::kCanonical;
    VertexCheckpoint vertex{.operators = {{OperatorIdFromUid("count"), "count"}}, .parallelism = 1, .max_parallelism = 128, .subtasks = {}};
    OperatorSubtaskState state{.operator_id = OperatorIdFromUid("count"), .keyed = {}, .operator_state = {}};
    const auto bytes = WriteStateBytes(fs_, directory + "/1.1-v0-s0-o0-0", "keyed content", {.inline_size_bytes_max = 0});
    EXPECT_TRUE(bytes.ok());
    state.keyed = {{.key_groups = {0, 127}, .bytes = *bytes}};
    vertex.subtasks = {{.finished = false, .snapshot = {.operators = {state}}}};
    metadata.vertices = {vertex};
    return metadata;
  }
  std::string Take() {
    const StatusOr<std::string> directory = CreateSavepointDirectory(fs_, "/sp", job_);
    EXPECT_TRUE(directory.ok());
    EXPECT_TRUE(WriteSavepointMetadata(fs_, MetadataIn(*directory), *directory).ok());
    return *directory;
  }

  testing::MemoryFileSystem fs_;
  JobId job_ = *JobId::FromHex("0123456789abcdef0123456789abcdef");
};

TEST_F(SavepointDirectoryTest, IsNamedAfterTheJobAndEachTimeAnew) {
  const StatusOr<std::string> first = CreateSavepointDirectory(fs_, "/sp/", job_);
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(*first, ::testing::MatchesRegex("/sp/savepoint-012345-[0-9a-f]{12}"));
  EXPECT_NE(*first, *CreateSavepointDirectory(fs_, "/sp", job_));
  EXPECT_EQ(CreateSavepointDirectory(fs_, "sp", job_).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(CreateSavepointDirectory(fs_, "/" + std::string(5'000, 'x'), job_).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(SavepointDirectoryTest, ReadsTheSameWhereverItWasMoved) {
  const std::string directory = Take();
  std::map<std::string, std::string> moved;
  for (const auto& [path, content] : fs_.files()) moved["/elsewhere/deep" + path.substr(directory.size())] = content;
  fs_.files() = moved;
  for (const std::string path : {"/elsewhere/deep", "/elsewhere/deep/", "/elsewhere/deep/_metadata"}) {
    const auto loaded = LoadCheckpoint(fs_, path);
    ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
    EXPECT_THAT(loaded->metadata.ReferencedFiles(), ::testing::ElementsAre("/elsewhere/deep/1.1-v0-s0-o0-0"));
    const auto content = ReadStateBytes(fs_, loaded->metadata.vertices[0].subtasks[0].snapshot.operators[0].keyed[0].bytes);
    ASSERT_TRUE(content.ok());
    EXPECT_EQ(*content, "keyed content");
  }
}

TEST_F(SavepointDirectoryTest, AnUncertainWriteIsTriedAgain) {
  for (const FileFault fault : {FileFault::kFail, FileFault::kFailAfter}) {
    const CheckpointMetadata metadata = MetadataIn("/sp/" + std::to_string(static_cast<int>(fault)));
    int faults = 2;
    fs_.SetFaultHook(
        [&](FileOperation operation, const std::string&) { return operation == FileOperation::kCreateExclusive && faults-- > 0 ? fault : FileFault::kNone; });
    EXPECT_TRUE(WriteSavepointMetadata(fs_, metadata, "/sp/" + std::to_string(static_cast<int>(fault))).ok());
    fs_.SetFaultHook({});
  }
}

TEST_F(SavepointDirectoryTest, AStorageThatStaysAwayFailsTheSavepoint) {
  const CheckpointMetadata metadata = MetadataIn("/sp/x");
  fs_.SetFaultHook(
      [](FileOperation operation, const std::string&) { return operation == FileOperation::kCreateExclusive ? FileFault::kFail : FileFault::kNone; });
  EXPECT_EQ(WriteSavepointMetadata(fs_, metadata, "/sp/x").status().code(), StatusCode::kUnavailable);
}

TEST_F(SavepointDirectoryTest, DisposingDeletesWhatItConsistsOfAndNothingElse) {
  const std::string directory = Take();
  fs_.files()["/sp/another"] = "stays";
  ASSERT_TRUE(DisposeSavepoint(fs_, directory).ok());
  EXPECT_THAT(fs_.files(), ::testing::ElementsAre(::testing::Key("/sp/another")));
  EXPECT_EQ(DisposeSavepoint(fs_, directory).code(), StatusCode::kNotFound);
}

TEST_F(SavepointDirectoryTest, DisposingLeavesFilesThatAreNotTheSavepoints) {
  const std::string directory = Take();
  fs_.files()[directory + "/notes.txt"] = "mine";
  ASSERT_TRUE(DisposeSavepoint(fs_, directory + "/_metadata").ok());
  EXPECT_THAT(fs_.files(), ::testing::ElementsAre(::testing::Key(directory + "/notes.txt")));
}

TEST_F(SavepointDirectoryTest, DisposingGoesOnWhereItWasInterrupted) {
  const std::string directory = Take();
  const auto loaded = LoadCheckpoint(fs_, directory);
  ASSERT_TRUE(loaded.ok());
  int removals = 0;
  fs_.SetFaultHook([&](FileOperation operation, const std::string&) {
    return operation == FileOperation::kRemove && ++removals == 2 ? FileFault::kFail : FileFault::kNone;
  });
  EXPECT_EQ(DeleteSnapshot(fs_, *loaded).code(), StatusCode::kUnavailable);
  EXPECT_FALSE(fs_.files().contains(directory + "/_metadata"));  // What is left is no savepoint any more.
  EXPECT_TRUE(DeleteSnapshot(fs_, *loaded).ok());
  EXPECT_TRUE(fs_.files().empty());
}

TEST_F(SavepointDirectoryTest, CheckpointsAreNotDisposedOf) {
  CheckpointMetadata metadata = MetadataIn("/chk");
  metadata.savepoint.reset();
  fs_.files()["/chk/_metadata"] = metadata.Encode();
  EXPECT_EQ(DisposeSavepoint(fs_, "/chk").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_.files().size(), 2u);
}

}  // namespace
}  // namespace weir
