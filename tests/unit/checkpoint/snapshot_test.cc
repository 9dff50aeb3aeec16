#include <gtest/gtest.h>

#include <algorithm>
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

StatusOr<StateBytes> WriteSnapshot(FileSystem& fs, const std::vector<std::pair<uint32_t, OwnedRecord>>& records, uint64_t inline_max) {
  SnapshotFileWriter writer(fs, {.path = "/s/file", .placement = {.inline_size_bytes_max = inline_max}}, Header());
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

StatusOr<Groups> ReadAll(const SnapshotReader& reader, KeyGroupRange range) {
  Groups groups;
  auto cursor = reader.Records(range);
  while (cursor.Next()) {
    const SnapshotRecord& r = cursor.record();
    groups[cursor.key_group()].push_back({r.state_index, r.kind, std::string(r.key), std::string(r.name_space), std::string(r.value)});
  }
  if (!cursor.status().ok()) return cursor.status();
  return groups;
}

// Opens and reads all.
Status ReadWhole(FileSystem& fs, const StateBytes& bytes) {
  const StatusOr<SnapshotReader> reader = SnapshotReader::Open(fs, bytes);
  return reader.ok() ? ReadAll(*reader, {0, 127}).status() : reader.status();
}

std::vector<std::pair<uint32_t, OwnedRecord>> RandomRecords(uint32_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::pair<uint32_t, OwnedRecord>> records;
  for (uint32_t i = 0; i < count; ++i) {
    OwnedRecord record{static_cast<uint32_t>(random() % 2), static_cast<SnapshotRecordKind>(random() % 3),
                       std::string(random() % 40, 'k') + std::to_string(random() % 9), std::string(random() % 9, 'n'), std::string(random() % 300, 'v')};
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
  const StatusOr<SnapshotReader> reader = SnapshotReader::Open(fs, *bytes);
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  EXPECT_EQ(reader->header(), Header());
  EXPECT_EQ(reader->record_count(), records.size());
  for (const KeyGroupRange range : {KeyGroupRange{0, 127}, KeyGroupRange{10, 20}, KeyGroupRange{63, 63}, KeyGroupRange{}}) {
    const StatusOr<Groups> read = ReadAll(*reader, range);
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(*read, Expected(records, range));
  }
}

TEST(SnapshotTest, AKeyGroupReadAtOnceIsWhatACursorYields) {
  MemoryFileSystem fs;
  const auto records = RandomRecords(5'000, 7);
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, records, 0);
  const StatusOr<SnapshotReader> reader = SnapshotReader::Open(fs, *bytes);
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  for (const uint32_t key_group : {0u, 17u, 63u}) {
    KeyGroupRecords group;
    ASSERT_TRUE(reader->ReadKeyGroup(key_group, group).ok());
    std::vector<OwnedRecord> read;
    for (const SnapshotRecord& r : group.records) read.push_back({r.state_index, r.kind, std::string(r.key), std::string(r.name_space), std::string(r.value)});
    EXPECT_EQ(read, Expected(records, {key_group, key_group})[key_group]);
    EXPECT_EQ(reader->SizeOf(key_group).record_count, read.size());
  }
}

// One block for each of 64 key groups.
StatusOr<StateBytes> WriteOneBlockEach(FileSystem& fs) {
  auto records = RandomRecords(2'000, 8);
  std::stable_sort(records.begin(), records.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return WriteSnapshot(fs, records, 0);
}

TEST(SnapshotTest, ARangeReadsItsOwnBlocksOnly) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteOneBlockEach(fs);
  ASSERT_TRUE(bytes.ok());
  uint32_t reads = 0;
  fs.SetFaultHook([&reads](FileOperation op, const std::string&) {
    reads += op == FileOperation::kRead ? 1 : 0;
    return FileFault::kNone;
  });
  const StatusOr<SnapshotReader> reader = SnapshotReader::Open(fs, *bytes);
  ASSERT_TRUE(reader.ok());
  const uint32_t reads_to_open = reads;
  EXPECT_LT(reads_to_open, 10u);
  ASSERT_TRUE(ReadAll(*reader, {20, 29}).ok());
  EXPECT_EQ(reads - reads_to_open, 10u);
}

TEST(SnapshotTest, R6DamageIsSeenByWhoReadsIt) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteOneBlockEach(fs);
  ASSERT_TRUE(bytes.ok());
  std::string& content = fs.files()["/s/file"];
  content[content.size() / 2] ^= 1;  // Somewhere around key group 32.
  const StatusOr<SnapshotReader> reader = SnapshotReader::Open(fs, *bytes);
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  EXPECT_TRUE(ReadAll(*reader, {0, 9}).ok());
  EXPECT_EQ(ReadAll(*reader, {0, 63}).status().code(), StatusCode::kCorruption);
}

TEST(SnapshotTest, R7AFailedReadEndsTheWalkWithItsError) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteOneBlockEach(fs);
  ASSERT_TRUE(bytes.ok());
  for (int failing = 0; failing < 12; ++failing) {
    int reads = 0;
    fs.SetFaultHook(
        [&](FileOperation op, const std::string&) { return op == FileOperation::kRead && reads++ == failing ? FileFault::kFail : FileFault::kNone; });
    EXPECT_EQ(ReadWhole(fs, *bytes).code(), StatusCode::kUnavailable) << failing;
  }
}

TEST(SnapshotTest, AFileMayGetItsFinalNameAtItsEnd) {
  MemoryFileSystem fs;
  SnapshotFileWriter writer(fs, {.path = "/s/first", .placement = {.inline_size_bytes_max = 0}}, Header());
  const StatusOr<StateBytes> bytes = writer.FinishAs("/t/second");
  ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
  EXPECT_EQ(bytes->path, "/t/second");
  EXPECT_EQ(fs.files().size(), 1u);
  EXPECT_TRUE(ReadWhole(fs, *bytes).ok());
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

TEST(SnapshotTest, WithoutFilesTooMuchIsAnErrorAndNothingIsWritten) {
  MemoryFileSystem fs;
  SnapshotFileWriter writer(fs, {.path = "/s/file", .placement = {.inline_size_bytes_max = 2'000, .files = false}}, Header());
  BlockBuilder builder;
  builder.Start(3);
  builder.Append({0, SnapshotRecordKind::kValue, "key", "", std::string(1'000, 'v')});
  ASSERT_TRUE(writer.AddBlock(builder.Finish()).ok());
  builder.Start(3);
  builder.Append({0, SnapshotRecordKind::kValue, "key", "", std::string(1'000, 'v')});
  EXPECT_EQ(writer.AddBlock(builder.Finish()).code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(fs.files().empty());
}

TEST(SnapshotTest, FewBytesStayInline) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, RandomRecords(3, 2), 20'480);
  ASSERT_TRUE(bytes.ok());
  EXPECT_TRUE(bytes->path.empty());
  EXPECT_EQ(bytes->inline_bytes.size(), bytes->size_bytes);
  EXPECT_TRUE(fs.files().empty());
  EXPECT_TRUE(ReadWhole(fs, *bytes).ok());
}

TEST(SnapshotTest, AnEmptySnapshotIsLegal) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, {}, 1'000);
  ASSERT_TRUE(bytes.ok());
  const StatusOr<SnapshotReader> reader = SnapshotReader::Open(fs, *bytes);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->record_count(), 0u);
}

TEST(SnapshotTest, R6NothingIsVisibleBeforeFinishAndACrashLeavesNothing) {
  MemoryFileSystem fs;
  {
    SnapshotFileWriter writer(fs, {.path = "/s/file", .placement = {.inline_size_bytes_max = 0}}, Header());
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
  std::string& content = fs.files()["/s/file"];
  const std::string whole = content;
  content[77] ^= 1;
  EXPECT_EQ(ReadWhole(fs, *bytes).code(), StatusCode::kCorruption);
  content = whole + "x";
  EXPECT_EQ(ReadWhole(fs, *bytes).code(), StatusCode::kCorruption);
  // A whole snapshot of the same length, but not the one that was meant.
  content = whole;
  StateBytes other = *bytes;
  other.checksum ^= 1;
  EXPECT_EQ(ReadWhole(fs, other).code(), StatusCode::kCorruption);
  fs.files().erase("/s/file");
  EXPECT_EQ(ReadWhole(fs, *bytes).code(), StatusCode::kNotFound);
}

TEST(SnapshotTest, DamagedBytesAreNeverReadToTheirEnd) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, RandomRecords(60, 5), 0);
  ASSERT_TRUE(bytes.ok());
  std::string& content = fs.files()["/s/file"];
  testing::Fuzz(std::string(content), 20'000, [&](const std::string& damaged) {
    content = damaged;
    EXPECT_FALSE(ReadWhole(fs, *bytes).ok());
    // The same with a handle of the wrong length, as after a truncation that nobody noticed.
    StateBytes handle = *bytes;
    handle.size_bytes = damaged.size();
    EXPECT_FALSE(ReadWhole(fs, handle).ok());
  });
}

// Makes the checksum right of the bytes [begin, end) that stand before it.
void Seal(std::string& content, uint64_t begin, uint64_t end) {
  const uint64_t checksum = Checksum64(std::string_view(content).substr(begin, end - begin));
  std::memcpy(content.data() + end, &checksum, sizeof(checksum));
}

// All checksums right, the fields wrong: only the structural checks are left.
TEST(SnapshotTest, HostileFieldsWithRightChecksumsNeverCrash) {
  MemoryFileSystem fs;
  const StatusOr<StateBytes> bytes = WriteSnapshot(fs, RandomRecords(40, 6), 0);
  ASSERT_TRUE(bytes.ok());
  std::string& content = fs.files()["/s/file"];
  const std::string whole = content;
  // Sections that a checksum follows: header, blocks, index. And the footer, which has none of its own.
  const uint64_t footer = whole.size() - kSnapshotFooterBytes;
  const uint64_t index = ByteReader(std::string_view(whole).substr(footer)).Get<uint64_t>();
  const uint64_t header_end = Header().Encode().size();
  std::vector<std::pair<uint64_t, uint64_t>> sections = {{0, header_end - 8}, {index, footer - 8}};
  for (uint64_t offset = header_end; offset < index;) {
    const uint32_t records_bytes = ByteReader(std::string_view(whole).substr(offset + 12)).Get<uint32_t>();
    sections.emplace_back(offset, offset + kSnapshotBlockHeaderBytes + records_bytes);
    offset = sections.back().second + 8;
  }
  std::mt19937_64 random(9);
  uint32_t refused = 0;
  for (uint32_t round = 0; round < 40'000; ++round) {
    content = whole;
    StateBytes handle = *bytes;
    if (round % 8 == 0) {
      content[footer + random() % kSnapshotFooterBytes] = static_cast<char>(random());
      handle.checksum = ByteReader(std::string_view(content).substr(footer + 24)).Get<uint64_t>();
    } else {
      const auto& [begin, end] = sections[random() % sections.size()];
      content[begin + random() % (end - begin)] = static_cast<char>(random());
      Seal(content, begin, end);
    }
    refused += ReadWhole(fs, handle).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 10'000u) << "most fields are checked against others";
}

}  // namespace
}  // namespace weir
