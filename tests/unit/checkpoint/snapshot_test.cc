#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/checksum.h"
#include "state/checkpoint/snapshot_reader.h"
#include "state/checkpoint/snapshot_writer.h"
#include "state/checkpoint/state_bytes.h"
#include "tests/unit/testing/fuzz.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

using testing::FileFault;
using testing::FileOperation;
using testing::MemoryFileSystem;

SnapshotHeader Header() {
  SnapshotHeader header;
  header.max_parallelism = 128;
  header.key_groups = {0, 63};
  header.key_schema = "string";
  header.states = {{.name = "count", .kind = "value", .schema = "i64", .options = {}},
                   {.name = "seen", .kind = "map", .schema = "map<i64,bool>", .options = "ttl"}};
  return header;
}

struct OwnedRecord {
  uint32_t state_index;
  SnapshotRecordKind kind;
  std::string key, name_space, value;
  bool operator==(const OwnedRecord&) const = default;
};
using Groups = std::map<uint32_t, std::vector<OwnedRecord>>;

StatusOr<StateBytes> WriteSnapshot(FileSystem& fs, const std::vector<std::pair<uint32_t, OwnedRecord>>& records,
                                   uint64_t inline_max) {
  SnapshotFileWriter writer(fs, {.path = "/s/file", .inline_size_bytes_max = inline_max}, Header());
  BlockBuilder builder;
  for (const auto& [group, record] : records) {
    if (builder.started() && (builder.key_group() != group || builder.full())) {
      if (const Status status = writer.AddBlock(builder.Finish()); !status.ok()) return status;
    }
    if (!builder.started()) builder.Start(group);
    builder.Append({record.state_index, record.kind, record.key, record.name_space, record.value});
  }
  if (builder.started()) {
    if (const Status status = writer.AddBlock(builder.Finish()); !status.ok()) return status;
  }
  return writer.Finish();
}

Groups ReadAll(const SnapshotReader& reader, KeyGroupRange range) {
  Groups groups;
  auto cursor = reader.Records(range);
  while (cursor.Next()) {
    const SnapshotRecord& r = cursor.record();
    groups[cursor.key_group()].push_back(
        {r.state_index, r.kind, std::string(r.key), std::string(r.name_space), std::string(r.value)});
  }
  return groups;
}

std::vector<std::pair<uint32_t, OwnedRecord>> RandomRecords(uint32_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::pair<uint32_t, OwnedRecord>> records;
  for (uint32_t i = 0; i < count; ++i) {
    OwnedRecord record{static_cast<uint32_t>(random() % 2), static_cast<SnapshotRecordKind>(random() % 3),
                       std::string(random() % 40, 'k') + std::to_string(random() % 9), std::string(random() % 9, 'n'),
                       std::string(random() % 300, 'v')};
    if (record.kind != SnapshotRecordKind::kValue) record.value.clear();
    records.push_back({static_cast<uint32_t>(random() % 64), record});
  }
  return records;
}

Groups Expected(const std::vector<std::pair<uint32_t, OwnedRecord>>& records, KeyGroupRange range) {
  Groups groups;
  for (const auto& [group, record] : records) {
    if (range.Contains(group)) groups[group].push_back(record);
  }
  return groups;
}

TEST(SnapshotTest, RecordsOfARangeComeBackByKeyGroupInWritingOrder) {
  MemoryFileSystem fs;
  const auto records = RandomRecords(5'000, 1);
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, records, 0);
  ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
  EXPECT_EQ(bytes->path, "/s/file");
  const StatusOr<std::string> content = ReadStateBytes(fs, *bytes);
  ASSERT_TRUE(content.ok());
  const StatusOr<SnapshotReader> reader = SnapshotReader::Open(*content);
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  EXPECT_EQ(reader->header(), Header());
  EXPECT_EQ(reader->record_count(), records.size());
  for (const KeyGroupRange range : {KeyGroupRange{0, 127}, KeyGroupRange{10, 20}, KeyGroupRange{63, 63}, KeyGroupRange{}}) {
    EXPECT_EQ(ReadAll(*reader, range), Expected(records, range));
  }
}

TEST(SnapshotTest, ALargeBlockOfOneKeyGroupIsCutNearTheTarget) {
  BlockBuilder builder;
  builder.Start(3);
  while (!builder.full()) builder.Append({0, SnapshotRecordKind::kValue, "key", "", std::string(1'000, 'v')});
  EXPECT_LT(builder.size_bytes(), kSnapshotBlockBytesTarget + 2'000);
  const SnapshotBlock block = builder.Finish();
  EXPECT_EQ(block.key_group, 3u);
  EXPECT_FALSE(builder.started());
}

TEST(SnapshotTest, FewBytesStayInline) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, RandomRecords(3, 2), 20'480);
  ASSERT_TRUE(bytes.ok());
  EXPECT_TRUE(bytes->path.empty());
  EXPECT_EQ(bytes->inline_bytes.size(), bytes->size_bytes);
  EXPECT_TRUE(fs.files().empty());
  EXPECT_TRUE(SnapshotReader::Open(bytes->inline_bytes).ok());
}

TEST(SnapshotTest, AnEmptySnapshotIsLegal) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, {}, 1'000);
  ASSERT_TRUE(bytes.ok());
  const StatusOr<SnapshotReader> reader = SnapshotReader::Open(bytes->inline_bytes);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->record_count(), 0u);
}

TEST(SnapshotTest, R6NothingIsVisibleBeforeFinishAndACrashLeavesNothing) {
  MemoryFileSystem fs;
  {
    SnapshotFileWriter writer(fs, {.path = "/s/file", .inline_size_bytes_max = 0}, Header());
    BlockBuilder builder;
    builder.Start(1);
    builder.Append({0, SnapshotRecordKind::kValue, "k", "", "v"});
    ASSERT_TRUE(writer.AddBlock(builder.Finish()).ok());
    EXPECT_TRUE(fs.files().empty());
    fs.Crash();
    EXPECT_FALSE(writer.Finish().ok());
  }
  EXPECT_TRUE(fs.files().empty());
}

TEST(SnapshotTest, R33EveryWriteErrorFailsTheSnapshot) {
  for (const FileOperation failing : {FileOperation::kAppend, FileOperation::kPublish}) {
    for (const FileFault fault : {FileFault::kFail, FileFault::kFailAfter}) {
      MemoryFileSystem fs;
      fs.SetFaultHook([&](FileOperation op, const std::string&) { return op == failing ? fault : FileFault::kNone; });
      EXPECT_EQ(WriteSnapshot(fs, RandomRecords(100, 3), 0).status().code(), StatusCode::kUnavailable);
    }
  }
}

TEST(SnapshotTest, R6ContentThatDiffersFromItsHandleIsCorruption) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, RandomRecords(100, 4), 0);
  ASSERT_TRUE(bytes.ok());
  fs.files()["/s/file"][77] ^= 1;
  EXPECT_EQ(ReadStateBytes(fs, *bytes).status().code(), StatusCode::kCorruption);
  fs.files().erase("/s/file");
  EXPECT_EQ(ReadStateBytes(fs, *bytes).status().code(), StatusCode::kNotFound);
}

TEST(SnapshotTest, DamagedBytesNeverOpen) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, RandomRecords(60, 5), 1 << 20);
  ASSERT_TRUE(bytes.ok());
  testing::Fuzz(bytes->inline_bytes, 20'000, [](const std::string& damaged) { EXPECT_FALSE(SnapshotReader::Open(damaged).ok()); });
}

// All checksums right, the fields wrong: only the structural checks are left.
TEST(SnapshotTest, HostileFieldsWithRightChecksumsNeverCrash) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, RandomRecords(40, 6), 1 << 20);
  ASSERT_TRUE(bytes.ok());
  std::mt19937_64 random(9);
  for (uint32_t round = 0; round < 20'000; ++round) {
    std::string damaged = bytes->inline_bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    const uint64_t whole = Checksum64(std::string_view(damaged).substr(0, damaged.size() - 16));
    std::memcpy(damaged.data() + damaged.size() - 16, &whole, sizeof(whole));
    const StatusOr<SnapshotReader> reader = SnapshotReader::Open(damaged);
    if (reader.ok()) ReadAll(*reader, {0, 127});
  }
}

}  // namespace
}  // namespace weir
