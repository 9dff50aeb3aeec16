#include "state/checkpoint/delta_merge.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

constexpr KeyGroupRange kGroups{3, 4};

struct Written {
  uint32_t group;
  SnapshotRecordKind kind;
  std::string key;
  std::string name_space;
  std::string value;
};

SnapshotReader FileOf(const std::vector<SnapshotBlock>& blocks) {
  SnapshotHeader header;
  header.key_groups = kGroups;
  header.states.push_back({"count", "value", "string", ""});
  testing::MemoryFileSystem files;
  SnapshotFileWriter writer(files, {"inline", SIZE_MAX}, header);
  for (const SnapshotBlock& block : blocks) EXPECT_TRUE(writer.AddBlock(block).ok());
  StatusOr<StateBytes> bytes = writer.Finish();
  EXPECT_TRUE(bytes.ok());
  StatusOr<SnapshotReader> reader = SnapshotReader::Open(bytes->inline_bytes);
  EXPECT_TRUE(reader.ok()) << reader.status().ToString();
  return std::move(*reader);
}

SnapshotReader Delta(const std::vector<Written>& records) {
  std::vector<SnapshotBlock> blocks;
  for (const Written& record : records) {
    BlockBuilder builder;
    builder.Start(record.group);
    builder.Append({0, record.kind, record.key, record.name_space, record.value});
    blocks.push_back(builder.Finish());
  }
  return FileOf(blocks);
}

// What a restore of `base` and then `delta` yields: by (key, namespace).
std::map<std::pair<std::string, std::string>, std::string> Applied(const std::vector<const SnapshotReader*>& files) {
  std::map<std::pair<std::string, std::string>, std::string> state;
  for (const SnapshotReader* const file : files) {
    SnapshotReader::Cursor cursor = file->Records(kGroups);
    while (cursor.Next()) {
      const SnapshotRecord& record = cursor.record();
      const std::pair<std::string, std::string> unit{record.key, record.name_space};
      switch (record.kind) {
        case SnapshotRecordKind::kValue: state[unit] = record.value; break;
        case SnapshotRecordKind::kTombstone: state.erase(unit); break;
        case SnapshotRecordKind::kRangeTombstone:
          std::erase_if(state, [&](const auto& entry) { return (record.key.empty() || entry.first.first == record.key) && entry.first.second.starts_with(record.name_space); });
          break;
      }
    }
  }
  return state;
}

constexpr SnapshotRecordKind kValue = SnapshotRecordKind::kValue;
constexpr SnapshotRecordKind kGone = SnapshotRecordKind::kTombstone;
constexpr SnapshotRecordKind kRangeGone = SnapshotRecordKind::kRangeTombstone;

TEST(DeltaMergeTest, TheMergedDeltaDoesWhatItsPartsDo) {
  const SnapshotReader base = Delta({{3, kValue, "a", "", "0"}, {3, kValue, "b", "", "0"}, {4, kValue, "c", "w1", "0"}, {4, kValue, "c", "w2", "0"}, {4, kValue, "d", "w1", "0"}});
  std::vector<SnapshotReader> deltas;
  deltas.push_back(Delta({{3, kValue, "a", "", "1"}, {3, kGone, "b", "", ""}, {4, kValue, "e", "w1", "1"}}));
  deltas.push_back(Delta({{3, kGone, "a", "", ""}, {3, kValue, "b", "", "2"}, {4, kRangeGone, "c", "w", ""}, {4, kValue, "c", "w2", "2"}}));
  deltas.push_back(Delta({{3, kValue, "a", "", "3"}, {4, kGone, "e", "w1", ""}, {4, kGone, "d", "w1", ""}}));
  const SnapshotReader merged = FileOf(MergeDeltas(deltas));
  const auto expected = Applied({&base, &deltas[0], &deltas[1], &deltas[2]});
  EXPECT_EQ(expected.size(), 3u);  // a, b, c/w2
  EXPECT_EQ(Applied({&base, &merged}), expected);
  EXPECT_EQ(merged.record_count(), 6u) << "one per unit, and the range";
}

TEST(DeltaMergeTest, OneDeltaMergesToItself) {
  std::vector<SnapshotReader> deltas;
  deltas.push_back(Delta({{3, kValue, "a", "", "1"}, {4, kGone, "b", "", ""}}));
  const SnapshotReader merged = FileOf(MergeDeltas(deltas));
  EXPECT_EQ(merged.record_count(), 2u);
  EXPECT_EQ(Applied({&merged}), Applied({&deltas[0]}));
}

}  // namespace
}  // namespace weir
