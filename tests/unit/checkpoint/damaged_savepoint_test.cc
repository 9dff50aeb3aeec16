// Any damaged byte of a savepoint is refused by whoever reads it, and the file and its part are named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_macros.h"
#include "state/checkpoint/operator_state_file.h"
#include "state/checkpoint/savepoint_directory.h"
#include "state/checkpoint/snapshot_reader.h"
#include "state/checkpoint/snapshot_writer.h"
#include "state/checkpoint/state_bytes.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

constexpr uint32_t kKeyGroups = 16;

class DamagedSavepointTest : public ::testing::Test {
 protected:
  // Two key groups of values, and a list, in files of their own.
  void SetUp() override {
    SnapshotHeader header;
    header.max_parallelism = kKeyGroups;
    header.key_groups = {0, kKeyGroups - 1};
    header.key_schema = "i64";
    header.states = {{.name = "count", .kind = "value", .schema = "i64", .options = {}}};
    SnapshotFileWriter keyed(fs_, {.path = "/sp/keyed", .placement = {.inline_size_bytes_max = 0}}, header);
    for (const uint32_t group : {3u, 9u}) {
      BlockBuilder block;
      block.Start(group);
      for (int i = 0; i < 10; ++i) block.Append({0, SnapshotRecordKind::kValue, "key" + std::to_string(i), {}, "value"});
      ASSERT_TRUE(keyed.AddBlock(block.Finish()).ok());
    }
    const StatusOr<StateBytes> keyed_bytes = keyed.Finish();
    ASSERT_TRUE(keyed_bytes.ok());
    OperatorStateWriter list;
    list.Declare("list", RedistributionMode::kEvenSplit, "string");
    for (const std::string_view item : {"one", "two", "three"}) list.AddItem("list", item);
    const StatusOr<OperatorStateHandle> listed = list.Finish(fs_, "/sp/list", {.inline_size_bytes_max = 0});
    ASSERT_TRUE(listed.ok());

    CheckpointMetadata metadata;
    metadata.id = {5};
    metadata.savepoint = SavepointFormat::kCanonical;
    VertexCheckpoint vertex{.operators = {{OperatorIdFromUid("count"), "count"}}, .parallelism = 1, .max_parallelism = kKeyGroups, .subtasks = {}};
    OperatorSubtaskState state{.operator_id = OperatorIdFromUid("count"), .keyed = {}, .operator_state = {*listed}};
    state.keyed = {{.key_groups = header.key_groups, .bytes = *keyed_bytes}};
    vertex.subtasks = {{.finished = false, .snapshot = {.operators = {state}}}};
    metadata.vertices = {vertex};
    ASSERT_TRUE(WriteSavepointMetadata(fs_, metadata, "/sp").ok());
  }

  // As a restore reads it: the metadata, then everything that it names.
  Status ReadAll() {
    ASSIGN_OR_RETURN(const LoadedCheckpoint loaded, LoadCheckpoint(fs_, "/sp"));
    for (const OperatorSubtaskState& state : loaded.metadata.vertices[0].subtasks[0].snapshot.operators) {
      for (const KeyedStateHandle& handle : state.keyed) {
        ASSIGN_OR_RETURN(const SnapshotReader reader, SnapshotReader::Open(fs_, handle.bytes));
        SnapshotReader::Cursor cursor = reader.Records(handle.key_groups);
        while (cursor.Next()) {
        }
        RETURN_IF_ERROR(cursor.status());
      }
      for (const OperatorStateHandle& handle : state.operator_state) {
        ASSIGN_OR_RETURN(std::string content, ReadStateBytes(fs_, handle.bytes));
        RETURN_IF_ERROR(OperatorStateReader::Open(handle, std::move(content)).status());
      }
    }
    return Status::Ok();
  }

  testing::MemoryFileSystem fs_;
};

TEST_F(DamagedSavepointTest, AnyByteOfAnyFileIsMissed) {
  ASSERT_TRUE(ReadAll().ok()) << ReadAll().ToString();
  ASSERT_EQ(fs_.files().size(), 3u);
  for (auto& [path, content] : fs_.files()) {
    ASSERT_GT(content.size(), 50u);
    for (size_t at = 0; at < content.size(); ++at) {
      for (const char flip : {'\x01', '\x80'}) {
        content[at] ^= flip;
        const Status status = ReadAll();
        content[at] ^= flip;
        ASSERT_FALSE(status.ok()) << path << " at " << at;
        // A header that promises a format nobody knows may be a newer release's.
        const bool refused = status.code() == StatusCode::kCorruption || status.code() == StatusCode::kFailedPrecondition;
        ASSERT_TRUE(refused) << status.ToString();
        ASSERT_THAT(status.message(), ::testing::HasSubstr(path)) << at;
        const std::string parts =
            "magic|version|header|section|length|checksum|index|block|footer|records|differs from its handle|lacks a section|does? not decode|bounds";
        ASSERT_THAT(status.message(), ::testing::ContainsRegex(parts)) << path << " at " << at;
      }
    }
  }
}

TEST_F(DamagedSavepointTest, FilesCutShortAreMissed) {
  for (auto& [path, content] : fs_.files()) {
    const std::string whole = content;
    for (size_t size = 0; size < whole.size(); ++size) {
      content = whole.substr(0, size);
      const Status status = ReadAll();
      ASSERT_FALSE(status.ok()) << path << " of " << size;
      ASSERT_THAT(status.message(), ::testing::HasSubstr(path)) << size << " " << status.ToString();
    }
    content = whole;
  }
}

}  // namespace
}  // namespace weir
