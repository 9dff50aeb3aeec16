#include "state/checkpoint/delta_merge.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

using testing::FileFault;
using testing::FileOperation;
using testing::MemoryFileSystem;

constexpr KeyGroupRange kGroups{3, 6};
constexpr SnapshotRecordKind kValue = SnapshotRecordKind::kValue;
constexpr SnapshotRecordKind kGone = SnapshotRecordKind::kTombstone;
constexpr SnapshotRecordKind kRangeGone = SnapshotRecordKind::kRangeTombstone;

struct Written {
  uint32_t group;
  SnapshotRecordKind kind;
  std::string key;
  std::string name_space;
  std::string value;
  uint32_t state = 0;
};

using Unit = std::tuple<uint32_t, uint32_t, std::string, std::string>;  // Key group, state, key, namespace.
using State = std::map<Unit, std::string>;

void Apply(uint32_t key_group, const SnapshotRecord& record, State& state) {
  const Unit unit{key_group, record.state_index, record.key, record.name_space};
  switch (record.kind) {
    case kValue:
      state[unit] = record.value;
      break;
    case kGone:
      state.erase(unit);
      break;
    case kRangeGone:
      std::erase_if(state, [&](const auto& entry) {
        const auto& [group, index, key, name_space] = entry.first;
        return group == key_group && index == record.state_index && (record.key.empty() || key == record.key) && name_space.starts_with(record.name_space);
      });
      break;
  }
}

class DeltaMergeTest : public ::testing::Test {
 protected:
  SnapshotReader FileOf(std::vector<SnapshotBlock> blocks, const std::string& key_schema = "string") {
    SnapshotHeader header;
    header.key_groups = kGroups;
    header.key_schema = key_schema;
    header.states = {{"count", "value", "string", ""}, {"seen", "map", "string", ""}};
    SnapshotFileWriter writer(files_, {"/file-" + std::to_string(file_count_++), 0}, header);
    for (SnapshotBlock& block : blocks) EXPECT_TRUE(writer.AddBlock(std::move(block)).ok());
    StatusOr<StateBytes> bytes = writer.Finish();
    EXPECT_TRUE(bytes.ok());
    StatusOr<SnapshotReader> reader = SnapshotReader::Open(files_, *bytes);
    EXPECT_TRUE(reader.ok()) << reader.status().ToString();
    return std::move(*reader);
  }

  // A block for each record.
  SnapshotReader Delta(const std::vector<Written>& records) {
    std::vector<SnapshotBlock> blocks;
    for (const Written& record : records) {
      BlockBuilder builder;
      builder.Start(record.group);
      builder.Append({record.state, record.kind, record.key, record.name_space, record.value});
      blocks.push_back(builder.Finish());
    }
    return FileOf(std::move(blocks));
  }

  SnapshotReader Merged(const std::vector<SnapshotReader>& deltas) {
    std::vector<SnapshotBlock> blocks;
    EXPECT_TRUE(MergeDeltas(deltas, [&](SnapshotBlock block) { return blocks.push_back(std::move(block)), Status::Ok(); }).ok());
    return FileOf(std::move(blocks));
  }
  SnapshotReader NewBase(const std::vector<SnapshotReader>& base_and_deltas) {
    std::vector<SnapshotBlock> blocks;
    EXPECT_TRUE(MergeIntoBase(base_and_deltas, [&](SnapshotBlock block) { return blocks.push_back(std::move(block)), Status::Ok(); }).ok());
    return FileOf(std::move(blocks));
  }

  // What a restore of the files, one after the other, yields.
  static State Applied(const std::vector<const SnapshotReader*>& files) {
    State state;
    for (const SnapshotReader* const file : files) {
      SnapshotReader::Cursor cursor = file->Records(kGroups);
      while (cursor.Next()) Apply(cursor.key_group(), cursor.record(), state);
      EXPECT_TRUE(cursor.status().ok()) << cursor.status().ToString();
    }
    return state;
  }

  // What ForEachUnit yields; a unit that comes twice fails the test.
  static State Units(const std::vector<SnapshotReader>& base_and_deltas, KeyGroupRange key_groups) {
    State state;
    const Status status = ForEachUnit(base_and_deltas, key_groups, [&](uint32_t key_group, const SnapshotRecord& record) {
      const Unit unit{key_group, record.state_index, std::string(record.key), std::string(record.name_space)};
      EXPECT_TRUE(state.emplace(unit, record.value).second);
      return Status::Ok();
    });
    EXPECT_TRUE(status.ok()) << status.ToString();
    return state;
  }

  // Keys belong to one group each; all kinds, several records of one unit in one delta.
  static std::vector<Written> RandomRecords(std::mt19937& random, bool of_base) {
    std::vector<Written> records;
    for (uint32_t i = random() % 60; i > 0; --i) {
      const uint32_t key = random() % 12;
      Written record{kGroups.start + key % kGroups.count(), kValue,
                     "key" + std::to_string(key),           std::string(random() % 3, 'w'),
                     std::to_string(random() % 1'000),      static_cast<uint32_t>(random() % 2)};
      if (!of_base) record.kind = static_cast<SnapshotRecordKind>(random() % 3);
      if (record.kind == kRangeGone && random() % 4 == 0) record.key.clear();
      records.push_back(record);
    }
    return records;
  }

  MemoryFileSystem files_;
  int file_count_ = 0;
};

TEST_F(DeltaMergeTest, TheMergedDeltaDoesWhatItsPartsDo) {
  const SnapshotReader base =
      Delta({{3, kValue, "a", "", "0"}, {3, kValue, "b", "", "0"}, {4, kValue, "c", "w1", "0"}, {4, kValue, "c", "w2", "0"}, {4, kValue, "d", "w1", "0"}});
  std::vector<SnapshotReader> deltas;
  deltas.push_back(Delta({{3, kValue, "a", "", "1"}, {3, kGone, "b", "", ""}, {4, kValue, "e", "w1", "1"}}));
  deltas.push_back(Delta({{3, kGone, "a", "", ""}, {3, kValue, "b", "", "2"}, {4, kRangeGone, "c", "w", ""}, {4, kValue, "c", "w2", "2"}}));
  deltas.push_back(Delta({{3, kValue, "a", "", "3"}, {4, kGone, "e", "w1", ""}, {4, kGone, "d", "w1", ""}}));
  const SnapshotReader merged = Merged(deltas);
  const State expected = Applied({&base, &deltas[0], &deltas[1], &deltas[2]});
  EXPECT_EQ(expected.size(), 3u);  // a, b, c/w2
  EXPECT_EQ(Applied({&base, &merged}), expected);
  EXPECT_EQ(merged.record_count(), 6u) << "one per unit, and the range";
}

TEST_F(DeltaMergeTest, OneDeltaMergesToItself) {
  std::vector<SnapshotReader> deltas;
  deltas.push_back(Delta({{3, kValue, "a", "", "1"}, {4, kGone, "b", "", ""}}));
  const SnapshotReader merged = Merged(deltas);
  EXPECT_EQ(merged.record_count(), 2u);
  EXPECT_EQ(Applied({&merged}), Applied({&deltas[0]}));
}

TEST_F(DeltaMergeTest, BothMergesDoWhatTheirPartsDoUnderRandomRecords) {
  const uint32_t seed = std::random_device()();
  std::printf("first seed %u\n", seed);
  for (uint32_t round = 0; round < 500; ++round) {
    std::mt19937 random(seed + round);
    std::vector<SnapshotReader> all;
    std::vector<SnapshotReader> deltas;
    State model;
    all.push_back(Delta(RandomRecords(random, true)));
    for (uint32_t i = 1 + random() % 4; i > 0; --i) {
      const std::vector<Written> records = RandomRecords(random, false);
      all.push_back(Delta(records));
      deltas.push_back(Delta(records));
    }
    std::vector<const SnapshotReader*> files;
    for (const SnapshotReader& file : all) files.push_back(&file);
    State expected = Applied(files);

    const SnapshotReader merged = Merged(deltas);
    ASSERT_EQ(Applied({&all.front(), &merged}), expected) << "seed " << seed + round;
    const SnapshotReader base = NewBase(all);
    ASSERT_EQ(Applied({&base}), expected) << "seed " << seed + round;
    ASSERT_EQ(base.record_count(), expected.size()) << "values only, each once; seed " << seed + round;

    std::vector<SnapshotReader> of_units;
    std::vector<SnapshotReader> bare;
    bare.push_back(std::move(all.front()));
    of_units.push_back(NewBase(bare));
    for (SnapshotReader& delta : deltas) of_units.push_back(std::move(delta));
    ASSERT_EQ(Units(of_units, kGroups), expected) << "seed " << seed + round;
    std::erase_if(expected, [](const auto& entry) { return std::get<0>(entry.first) != 4; });
    ASSERT_EQ(Units(of_units, {4, 4}), expected) << "seed " << seed + round;
  }
}

TEST_F(DeltaMergeTest, UnitsEndWithTheFirstError) {
  std::vector<SnapshotReader> files;
  files.push_back(Delta({{3, kValue, "a", "", "1"}, {4, kValue, "b", "", "1"}}));
  files.push_back(Delta({{4, kValue, "c", "", "2"}}));
  int seen = 0;
  const auto refuse = [&](uint32_t, const SnapshotRecord&) { return ++seen, ResourceExhausted("enough"); };
  EXPECT_EQ(ForEachUnit(files, kGroups, refuse).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(seen, 1);
  const auto take = [](uint32_t, const SnapshotRecord&) { return Status::Ok(); };
  files_.SetFaultHook([](FileOperation, const std::string& path) { return path == "/file-1" ? FileFault::kFail : FileFault::kNone; });
  EXPECT_EQ(ForEachUnit(files, kGroups, take).code(), StatusCode::kUnavailable);
  files_.SetFaultHook({});
  files.push_back(FileOf({}, "i64"));
  EXPECT_EQ(ForEachUnit(files, kGroups, take).code(), StatusCode::kCorruption);
}

TEST_F(DeltaMergeTest, ANewBaseDoesNotDependOnWhatItWasMadeOf) {
  std::vector<SnapshotReader> one;
  one.push_back(Delta({{3, kValue, "b", "", "2", 1}, {3, kValue, "a", "", "1"}, {3, kValue, "b", "", "3", 0}, {5, kValue, "c", "w", "4"}}));
  std::vector<SnapshotReader> several;
  several.push_back(Delta({{3, kValue, "x", "", "0"}, {5, kValue, "c", "w", "0"}, {3, kValue, "b", "", "3"}}));
  several.push_back(Delta({{3, kGone, "x", "", ""}, {5, kRangeGone, "", "", ""}, {3, kValue, "a", "", "1"}}));
  several.push_back(Delta({{5, kValue, "c", "w", "4"}, {3, kValue, "b", "", "2", 1}}));
  NewBase(one);
  const std::string first = files_.files()["/file-" + std::to_string(file_count_ - 1)];
  NewBase(several);
  EXPECT_EQ(files_.files()["/file-" + std::to_string(file_count_ - 1)], first);
}

TEST_F(DeltaMergeTest, AKeyGroupIsWrittenBeforeTheNextIsRead) {
  std::vector<SnapshotReader> deltas;
  deltas.push_back(Delta({{3, kValue, "a", "", "1"}, {4, kValue, "b", "", "1"}, {6, kValue, "c", "", "1"}}));
  deltas.push_back(Delta({{3, kValue, "a", "", "2"}, {4, kValue, "b", "", "2"}, {6, kValue, "c", "", "2"}}));
  int reads = 0;
  files_.SetFaultHook([&reads](FileOperation op, const std::string&) {
    reads += op == FileOperation::kRead ? 1 : 0;
    return FileFault::kNone;
  });
  std::vector<std::pair<uint32_t, int>> written;  // Key group, and how many blocks were read until then.
  ASSERT_TRUE(MergeDeltas(deltas, [&](const SnapshotBlock& block) { return written.emplace_back(block.key_group, reads), Status::Ok(); }).ok());
  EXPECT_EQ(written, (std::vector<std::pair<uint32_t, int>>{{3, 2}, {4, 4}, {6, 6}}));
}

TEST_F(DeltaMergeTest, EveryErrorEndsTheMerge) {
  std::vector<SnapshotReader> deltas;
  deltas.push_back(Delta({{3, kValue, "a", "", "1"}, {4, kValue, "b", "", "1"}}));
  deltas.push_back(Delta({{4, kValue, "b", "", "2"}}));
  int consumed = 0;
  EXPECT_EQ(MergeDeltas(deltas, [&](const SnapshotBlock&) { return ++consumed, ResourceExhausted("disk full"); }).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(consumed, 1);

  files_.SetFaultHook([](FileOperation, const std::string& path) { return path == "/file-1" ? FileFault::kFail : FileFault::kNone; });
  EXPECT_EQ(MergeDeltas(deltas, [](const SnapshotBlock&) { return Status::Ok(); }).code(), StatusCode::kUnavailable);
  files_.SetFaultHook({});

  deltas.push_back(FileOf({}, "i64"));
  EXPECT_EQ(MergeDeltas(deltas, [](const SnapshotBlock&) { return Status::Ok(); }).code(), StatusCode::kCorruption);
}

}  // namespace
}  // namespace weir
