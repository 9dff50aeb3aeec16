// Snapshots of rows that are their own encoding: written as they lie in memory, read back like any others.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include <weir/state/keyed_state_store.h>
#include <weir/state/value_state.h>

#include "state/checkpoint/delta_merge.h"
#include "state/checkpoint/snapshot_reader.h"
#include "tests/unit/testing/fuzz.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

constexpr KeyGroupRange kGroups{1, 6};
constexpr uint32_t kMaxParallelism = 8;
using Model = std::map<uint64_t, uint32_t>;

SnapshotHeader Header() {
  SnapshotHeader header;
  header.max_parallelism = kMaxParallelism;
  header.key_groups = kGroups;
  header.key_schema = "u64";
  header.states = {{"count", "value", "u32", ""}};
  return header;
}

class PackingSink final : public SnapshotRecordSink {
 public:
  explicit PackingSink(uint32_t record_bytes) : shape_{0, sizeof(uint64_t), record_bytes - static_cast<uint32_t>(sizeof(uint64_t))} {}
  void Cleared(StateTombstones tombstones) override {
    std::map<uint32_t, BlockBuilder> builders;
    for (const StateTombstone& entry : tombstones.entries) {
      BlockBuilder& builder = builders[entry.key_group];
      if (!builder.started()) builder.Start(entry.key_group);
      builder.Append({entry.column, SnapshotRecordKind::kTombstone, tombstones.KeyOf(entry), {}, {}});
    }
    for (auto& [group, builder] : builders) blocks_.push_back(builder.Finish());
  }
  void Value(uint32_t, uint32_t, std::string_view, std::string_view, std::string_view) override { FAIL() << "this row should have been packed"; }
  PackedRun* Packed(uint32_t key_group) override {
    BlockBuilder& builder = builders_[key_group];
    if (builder.started() && builder.full()) blocks_.push_back(builder.Finish());
    if (!builder.started()) builder.StartPacked(key_group, shape_);
    return &builder.run();
  }
  StateBytes Finish() {
    for (auto& [group, builder] : builders_) {
      if (builder.started()) blocks_.push_back(builder.Finish());
    }
    testing::MemoryFileSystem no_files;
    SnapshotFileWriter writer(no_files, {"inline", SIZE_MAX}, Header());
    for (SnapshotBlock& block : blocks_) EXPECT_TRUE(writer.AddBlock(std::move(block)).ok());
    StatusOr<StateBytes> bytes = writer.Finish();
    EXPECT_TRUE(bytes.ok());
    return *bytes;
  }

 private:
  const PackedShape shape_;
  std::map<uint32_t, BlockBuilder> builders_;
  std::vector<SnapshotBlock> blocks_;
};

struct Counts {
  Counts() : store(kGroups.start, kGroups.end, kMaxParallelism) {
    store.SetLayout(KeyOpsOf<uint64_t>(), {{"count", &TypeOf<uint32_t>()}});
    store.TrackChanges();
    count.Bind(store, 0);
  }
  void Mutate(std::mt19937& random, uint32_t changes) {
    while (changes > 0) {
      const uint64_t key = random() % 30'000;
      if (!kGroups.Contains(static_cast<uint32_t>(HashKey(key) % kMaxParallelism))) continue;
      --changes;
      store.SetCurrentKey(key, HashKey(key));
      if (random() % 5 == 0) {
        count.Clear();
        model.erase(key);
      } else {
        count.Update(model[key] = static_cast<uint32_t>(random()));
      }
    }
  }
  Model Content() {
    Model content;
    store.ForEachKey([&](const void* key) { content[*static_cast<const uint64_t*>(key)] = *count.Peek(); });
    return content;
  }
  KeyedStateStore store;
  ValueState<uint32_t> count{"count"};
  Model model;
};

Model Restored(const std::vector<StateBytes>& files) {
  testing::MemoryFileSystem no_files;
  Counts counts;
  for (const StateBytes& file : files) {
    const StatusOr<SnapshotReader> reader = SnapshotReader::Open(no_files, file);
    EXPECT_TRUE(reader.ok()) << reader.status().ToString();
    SnapshotReader::Cursor cursor = reader->Records(kGroups);
    while (cursor.Next()) {
      const SnapshotRecord& record = cursor.record();
      EXPECT_TRUE((record.kind == SnapshotRecordKind::kValue ? counts.store.Restore(0, record.key, {}, record.value) : counts.store.RestoreCleared(0, record.key, {}, false)).ok());
    }
    EXPECT_TRUE(cursor.status().ok()) << cursor.status().ToString();
  }
  return counts.Content();
}

TEST(PackedSnapshotTest, BaseAndDeltasRestoreEachBarrier) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int run = 0; run < 20; ++run) {
    Counts counts;
    ASSERT_EQ(counts.store.layout().packed_bytes, 12u);
    counts.Mutate(random, random() % 40'000);
    std::vector<StateBytes> files;
    for (int snapshot = 0; snapshot < 4; ++snapshot) {
      const Model at_barrier = counts.model;
      PackingSink sink(counts.store.layout().packed_bytes);
      counts.store.BeginSnapshot(snapshot == 0 ? KeyedStateStore::SnapshotKind::kFull : KeyedStateStore::SnapshotKind::kDelta, sink);
      while (!counts.store.WriteSlice(1 + random() % 20'000)) counts.Mutate(random, random() % 200);
      files.push_back(sink.Finish());
      EXPECT_EQ(Restored(files), at_barrier);
      counts.Mutate(random, random() % 3'000);
    }
  }
}

// Its rows may have expired: they are not written unseen.
TEST(PackedSnapshotTest, RowsWithATimeToLiveAreNotPacked) {
  ValueState<uint64_t> forever{"count"};
  ValueState<uint64_t> for_an_hour{"count", StateTtlConfig(std::chrono::hours(1))};
  EXPECT_NE(RowLayout::For(KeyOpsOf<uint64_t>(), {forever.declaration()}).packed_bytes, 0u);
  EXPECT_EQ(RowLayout::For(KeyOpsOf<uint64_t>(), {for_an_hour.declaration()}).packed_bytes, 0u);
}

TEST(PackedSnapshotTest, DamageIsRefused) {
  std::mt19937 random(7);
  Counts counts;
  counts.Mutate(random, 300);
  PackingSink sink(counts.store.layout().packed_bytes);
  counts.store.BeginSnapshot(KeyedStateStore::SnapshotKind::kFull, sink);
  ASSERT_TRUE(counts.store.WriteSlice(SIZE_MAX));
  const StateBytes valid = sink.Finish();
  testing::Fuzz(valid.inline_bytes, 20'000, [&](const std::string& damaged) {
    testing::MemoryFileSystem no_files;
    StateBytes bytes = valid;
    bytes.inline_bytes = damaged;
    const StatusOr<SnapshotReader> reader = SnapshotReader::Open(no_files, bytes);
    if (!reader.ok()) return;
    SnapshotReader::Cursor cursor = reader->Records(kGroups);
    while (cursor.Next()) {
    }
    EXPECT_FALSE(cursor.status().ok());
  });
}

// The sums that a writer computes are right, the content is not.
TEST(PackedSnapshotTest, ShapesThatLieAreRefused) {
  for (const PackedShape& shape : {PackedShape{1, 8, 4}, PackedShape{0, 8, 5}, PackedShape{0, 0, 0}, PackedShape{0, UINT32_MAX, 1}}) {
    std::string bytes(kSnapshotBlockHeaderBytes, '\0');
    const uint32_t fields[3] = {shape.state_index, shape.key_bytes, shape.value_bytes};
    bytes.append(reinterpret_cast<const char*>(fields), sizeof(fields)).append(24, 'x');
    const uint32_t header[4] = {kSnapshotPackedMagic, 2, 2, static_cast<uint32_t>(bytes.size() - kSnapshotBlockHeaderBytes)};
    std::memcpy(bytes.data(), header, sizeof(header));
    testing::MemoryFileSystem no_files;
    SnapshotFileWriter writer(no_files, {"inline", SIZE_MAX}, Header());
    ASSERT_TRUE(writer.AddBlock({2, 2, bytes}).ok());
    const StatusOr<StateBytes> file = writer.Finish();
    const StatusOr<SnapshotReader> reader = SnapshotReader::Open(no_files, *file);
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    SnapshotReader::Cursor cursor = reader->Records(kGroups);
    while (cursor.Next()) {
    }
    EXPECT_EQ(cursor.status().code(), StatusCode::kCorruption) << shape.state_index << " " << shape.key_bytes;
  }
}

}  // namespace
}  // namespace weir
