// Keyed state with full and incremental snapshots against a plain map: random writes, clears, re-inserts, growth, aborted,
// failed and overlapping snapshots, merges and restores; all in memory, and with a cache of a few rows before cold ones.
// Mutants of the protocol must be caught.
#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <map>
#include <random>
#include <set>

#include <weir/state/keyed_state_store.h>

#include "state/checkpoint/delta_merge.h"
#include "state/checkpoint/snapshot_chain.h"
#include "tests/unit/backend/keyed_state_store_peer.h"
#include "tests/unit/backend/new_cold_rows.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

enum class Rows { kInMemory, kCached };
enum class Mutant {
  kNone,
  kDropAbortedDelta,
  kSwapBitsOnFull,
  kTombstoneAfterReinsert,
  // With cached rows only.
  kBaseOfALaterMoment,
  kDropChanges,
  kChangesStay,
  kForgetDiffering,
  kForgetToBeWritten,
};

using Model = std::map<std::pair<uint64_t, uint32_t>, std::string>;  // (key, column) -> value
constexpr KeyGroupRange kGroups{2, 5};
constexpr uint32_t kMaxParallelism = 8;

// Collects a snapshot as its file content would be.
class FileSink final : public SnapshotRecordSink {
 public:
  // `later`: where a mutant reads a base from, when the file is finished.
  FileSink(uint32_t columns, Mutant mutant, ColdRows* later = nullptr)
      : tombstones_last_(mutant == Mutant::kTombstoneAfterReinsert), drops_changes_(mutant == Mutant::kDropChanges), later_(later) {
    header_.max_parallelism = kMaxParallelism;
    header_.key_groups = kGroups;
    for (uint32_t i = 0; i < columns; ++i) header_.states.push_back({"state" + std::to_string(i), "value", "string", ""});
  }
  void Cleared(StateTombstones tombstones) override {
    tombstones_ = std::move(tombstones);
    if (!tombstones_last_) AppendTombstones();
  }
  void Value(uint32_t key_group, uint32_t column, std::string_view key, std::string_view name_space, std::string_view value) override {
    Builder(key_group).Append({column, SnapshotRecordKind::kValue, key, name_space, value});
  }
  void Cold(StatusOr<std::shared_ptr<const ColdCut>> cut, bool all) override {
    ASSERT_TRUE(cut.ok());
    cut_ = *cut;
    all_ = all;
    for (auto& [group, builder] : builders_) cleared_.push_back(builder.Finish());
    builders_.clear();
  }
  // What is cold is read last, as the pool may, and stands before all values.
  KeyedStateHandle Finish() {
    if (tombstones_last_) AppendTombstones();
    std::vector<SnapshotBlock> blocks = std::move(cleared_);
    for (SnapshotBlock& block : ColdBlocks()) blocks.push_back(std::move(block));
    for (auto& [group, builder] : builders_) blocks.push_back(builder.Finish());
    return Write(std::move(blocks));
  }
  KeyedStateHandle Write(std::vector<SnapshotBlock> blocks) const {
    SnapshotFileWriter writer(no_files_, {"inline", SIZE_MAX}, header_);
    for (SnapshotBlock& block : blocks) EXPECT_TRUE(writer.AddBlock(std::move(block)).ok());
    StatusOr<StateBytes> bytes = writer.Finish();
    EXPECT_TRUE(bytes.ok());
    return {kGroups, *bytes};
  }

 private:
  BlockBuilder& Builder(uint32_t group) {
    BlockBuilder& builder = builders_[group];
    if (!builder.started()) builder.Start(group);
    return builder;
  }
  void AppendTombstones() {
    for (const StateTombstone& entry : tombstones_.entries) {
      Builder(entry.key_group).Append({entry.column, SnapshotRecordKind::kTombstone, tombstones_.KeyOf(entry), {}, {}});
    }
  }

  std::vector<SnapshotBlock> ColdBlocks() {
    std::vector<SnapshotBlock> blocks;
    if (cut_ == nullptr || (!all_ && drops_changes_)) return blocks;
    if (all_ && later_ != nullptr) cut_ = *later_->View();
    const std::unique_ptr<ColdCursor> cursor = all_ ? cut_->Values() : cut_->Changes();
    BlockBuilder builder;
    while (cursor->Next()) {
      const ColdPlace& place = cursor->place();
      if (builder.started() && builder.key_group() != place.key_group) blocks.push_back(builder.Finish());
      if (!builder.started()) builder.Start(place.key_group);
      builder.Append({place.column, SnapshotRecordKind::kValue, place.key, {}, cursor->value()});
    }
    EXPECT_TRUE(cursor->status().ok()) << cursor->status().ToString();
    if (builder.started()) blocks.push_back(builder.Finish());
    return blocks;
  }

  mutable testing::MemoryFileSystem no_files_;  // Everything is inline.
  const bool tombstones_last_;
  const bool drops_changes_;
  ColdRows* const later_;
  std::shared_ptr<const ColdCut> cut_;
  bool all_ = false;
  std::vector<SnapshotBlock> cleared_;
  SnapshotHeader header_;
  StateTombstones tombstones_;
  std::map<uint32_t, BlockBuilder> builders_;
};

class RandomRun {
 public:
  RandomRun(uint32_t seed, Rows rows, Mutant mutant)
      : rows_(rows), mutant_(mutant), random_(seed), columns_(1 + random_() % 2), key_count_(random_() % 10 == 0 ? 4'000 : 1 + random_() % 60) {
    NewStore();
    Mutate();
    if (rows_ == Rows::kInMemory) KeyedStateStorePeer::RandomizeDirty(*store_, random_);
  }

  // False: what was restored is not what the map was.
  bool Execute() {
    for (int step = 0; step < 60 && ok_; ++step) {
      switch (random_() % 8) {
        case 0:
          Begin();
          break;
        case 1:
        case 2:
          Walk(1 + random_() % 600);
          break;
        case 3:
          Report();
          break;
        case 4:
          Merge();
          break;
        case 5:
          if (random_() % 4 == 0) Restart();
          break;
        default:
          Mutate();
          break;
      }
    }
    while (ok_ && (sink_ != nullptr || !written_.empty())) {
      Walk(SIZE_MAX);
      Report();
    }
    return ok_;
  }

 private:
  struct Written {
    uint64_t number;
    KeyedStateHandle handle;
  };

  void NewStore() {
    store_ = std::make_unique<KeyedStateStore>(kGroups.start, kGroups.end, kMaxParallelism);
    std::vector<StateColumn> columns;
    for (uint32_t i = 0; i < columns_; ++i) columns.push_back({"state" + std::to_string(i), &TypeOf<std::string>()});
    store_->SetLayout(KeyOpsOf<uint64_t>(), std::move(columns));
    store_->TrackChanges();
    if (rows_ == Rows::kCached) {
      std::unique_ptr<ColdRows> cold = testing::NewColdRows(kGroups.start, kGroups.end, columns_, mutant_ == Mutant::kChangesStay);
      cold_ = cold.get();
      store_->AttachCold(std::move(cold), 100 + random_() % (key_count_ > 100 ? 100'000 : 5'000));
    }
    // Small segments: splits in the middle of walks.
    if (random_() % 2 == 0) KeyedStateStorePeer::SplitSegmentsAt(*store_, 16);
    chain_ = std::make_unique<SnapshotChain>(
        SnapshotChain::Limits{.delta_bytes_max = 500 + random_() % 5'000, .merge_deltas_min = static_cast<uint32_t>(2 + random_() % 3)});
  }

  uint64_t RandomKey() {
    while (true) {
      const uint64_t key = random_() % key_count_;
      if (kGroups.Contains(static_cast<uint32_t>(HashKey(key) % kMaxParallelism))) return key;
      if (key_count_ < 8) ++key_count_;
    }
  }

  void Mutate() {
    std::vector<uint64_t> keys(random_() % (key_count_ > 100 ? 700 : 12));
    for (uint64_t& key : keys) key = RandomKey();
    const bool batched = rows_ == Rows::kCached && random_() % 4 != 0;
    if (batched) {
      for (const uint64_t key : keys) store_->Want(key, HashKey(key));
      store_->FetchWanted();
    }
    for (const uint64_t key : keys) {
      const uint32_t column = random_() % columns_;
      store_->SetCurrentKey(key, HashKey(key));
      if (random_() % 3 == 0) {
        store_->ClearValue(column);
        model_.erase({key, column});
        continue;
      }
      const std::string value(1 + random_() % 20, static_cast<char>('a' + random_() % 26));
      bool constructed = false;
      std::string* const place = static_cast<std::string*>(store_->BeginWrite(column, constructed));
      constructed ? void(*place = value) : void(std::construct_at(place, value));
      model_[{key, column}] = value;
      Break();
    }
    if (batched || random_() % 2 == 0) store_->EndBatch(static_cast<uint32_t>(keys.size()));
  }

  void Break() {
    if (mutant_ == Mutant::kForgetDiffering) KeyedStateStorePeer::ForgetDiffering(*store_);
    if (mutant_ == Mutant::kForgetToBeWritten && random_() % 8 == 0) KeyedStateStorePeer::ForgetToBeWritten(*store_);
  }

  void Begin() {
    while (sink_ != nullptr) Walk(SIZE_MAX);
    const SnapshotChain::Begun begun = chain_->Begin();
    walking_ = begun.number;
    at_barrier_[begun.number] = model_;
    sink_ = std::make_unique<FileSink>(columns_, mutant_, mutant_ == Mutant::kBaseOfALaterMoment ? cold_ : nullptr);
    store_->BeginSnapshot(begun.is_base ? KeyedStateStore::SnapshotKind::kFull : KeyedStateStore::SnapshotKind::kDelta, *sink_);
    if (begun.is_base && mutant_ == Mutant::kSwapBitsOnFull) KeyedStateStorePeer::SwapBits(*store_);
  }

  void Walk(size_t bytes) {
    if (sink_ == nullptr || !store_->WriteSlice(bytes)) return;
    written_.push_back({walking_, sink_->Finish()});
    sink_.reset();
  }

  // The pool is done with the oldest file: it is durable or failed; its checkpoint completes, or was aborted long ago.
  void Report() {
    if (written_.empty()) return;
    const Written written = std::move(written_.front());
    written_.pop_front();
    if (random_() % 12 == 0) return chain_->OnFailed(written.number);
    const bool aborted = random_() % 3 == 0;
    KeyedStateHandle handle = written.handle;
    if (aborted && mutant_ == Mutant::kDropAbortedDelta) handle = FileSink(columns_, Mutant::kNone).Write({});
    chain_->OnDurable(written.number, std::move(handle));
    if (aborted) return;
    StatusOr<std::vector<KeyedStateHandle>> handles = chain_->HandlesOf(written.number);
    if (!handles.ok()) return;
    completed_ = {written.number, *handles};
    if (random_() % 2 == 0) ok_ = ok_ && RestoredFrom(*handles, at_barrier_[written.number]) != nullptr;
  }

  void Merge() {
    const std::optional<SnapshotChain::Merge> merge = chain_->PlanMerge();
    if (!merge.has_value()) return;
    std::vector<SnapshotReader> readers;
    for (const KeyedStateHandle& part : merge->parts) {
      StatusOr<SnapshotReader> reader = SnapshotReader::Open(no_files_, part.bytes);
      ASSERT_TRUE(reader.ok()) << reader.status().ToString();
      readers.push_back(std::move(*reader));
    }
    std::optional<KeyedStateHandle> merged;
    if (random_() % 5 != 0) {
      std::vector<SnapshotBlock> blocks;
      ASSERT_TRUE(MergeDeltas(readers, [&](SnapshotBlock block) { return blocks.push_back(std::move(block)), Status::Ok(); }).ok());
      merged = FileSink(columns_, Mutant::kNone).Write(std::move(blocks));
    }
    chain_->EndMerge(*merge, std::move(merged));
  }

  // The process died: the state is what the newest completed checkpoint holds.
  void Restart() {
    if (!completed_.has_value()) return;
    const auto [number, handles] = *completed_;
    const Model expected = at_barrier_[number];
    while (sink_ != nullptr) Walk(SIZE_MAX);
    NewStore();
    std::unique_ptr<KeyedStateStore> restored = RestoredFrom(handles, expected);
    ok_ = ok_ && restored != nullptr;
    if (!ok_) return;
    store_ = std::move(restored);
    cold_ = restored_cold_;
    model_ = expected;
    written_.clear();
    at_barrier_.clear();
    completed_.reset();
  }

  // Sometimes too little, which must do no harm.
  void Reserve(const SnapshotReader& base, KeyedStateStore& store) {
    for (uint32_t group = kGroups.start; group <= kGroups.end; ++group) {
      if (random_() % 4 != 0) store.Reserve(group, base.SizeOf(group).record_count / (1 + random_() % 2));
    }
  }

  // A store with what the handles hold, null when that is not `expected`.
  std::unique_ptr<KeyedStateStore> RestoredFrom(const std::vector<KeyedStateHandle>& handles, const Model& expected) {
    std::unique_ptr<KeyedStateStore> current = std::move(store_);
    std::unique_ptr<SnapshotChain> chain = std::move(chain_);
    ColdRows* const cold = cold_;
    NewStore();
    std::unique_ptr<KeyedStateStore> restored = std::move(store_);
    restored_cold_ = std::exchange(cold_, cold);
    store_ = std::move(current);
    chain_ = std::move(chain);
    for (const KeyedStateHandle& handle : handles) {
      StatusOr<SnapshotReader> reader = SnapshotReader::Open(no_files_, handle.bytes);
      EXPECT_TRUE(reader.ok()) << reader.status().ToString();
      if (&handle == &handles.front()) Reserve(*reader, *restored);
      SnapshotReader::Cursor cursor = reader->Records(kGroups);
      while (cursor.Next()) {
        const SnapshotRecord& record = cursor.record();
        const Status status = record.kind == SnapshotRecordKind::kValue ? restored->Restore(record.state_index, record.key, record.name_space, record.value)
                                                                        : restored->RestoreCleared(record.state_index, record.key, record.name_space, false);
        EXPECT_TRUE(status.ok()) << status.ToString();
      }
      EXPECT_TRUE(cursor.status().ok()) << cursor.status().ToString();
    }
    EXPECT_TRUE(restored->FinishRestore().ok());
    if (rows_ == Rows::kCached) {
      EXPECT_EQ(restored->row_count(), 0u) << "restored rows come to memory when they are needed";
    }
    Model content;
    uint64_t keys = 0;
    restored->ForEachKey([&](const void* key) {
      ++keys;
      for (uint32_t column = 0; column < columns_; ++column) {
        if (!restored->HasValue(column)) continue;
        content[{*static_cast<const uint64_t*>(key), column}] =
            *reinterpret_cast<const std::string*>(restored->CurrentRow() + restored->layout().columns[column].offset);
      }
    });
    std::set<uint64_t> expected_keys;
    for (const auto& [place, value] : expected) expected_keys.insert(place.first);
    return content == expected && keys == expected_keys.size() ? std::move(restored) : nullptr;
  }

  const Rows rows_;
  const Mutant mutant_;
  testing::MemoryFileSystem no_files_;  // Everything is inline.
  std::mt19937 random_;
  const uint32_t columns_;
  uint64_t key_count_;
  std::unique_ptr<KeyedStateStore> store_;
  ColdRows* cold_ = nullptr;           // Of store_; null when all rows are in memory.
  ColdRows* restored_cold_ = nullptr;  // Of the store that was restored last.
  std::unique_ptr<SnapshotChain> chain_;
  Model model_;
  std::map<uint64_t, Model> at_barrier_;  // By snapshot number.
  std::unique_ptr<FileSink> sink_;        // Of the running walk.
  uint64_t walking_ = 0;
  std::deque<Written> written_;  // Not reported to the chain yet, in order.
  std::optional<std::pair<uint64_t, std::vector<KeyedStateHandle>>> completed_;
  bool ok_ = true;
};

#ifndef WEIR_TEST_ON_ROCKSDB
// How many runs it takes to see the mutant; 0 = too many.
int RunsToCatch(Rows rows, Mutant mutant) {
  constexpr int kRuns = 2'000;
  for (int i = 0; i < kRuns; ++i) {
    if (!RandomRun(1 + static_cast<uint32_t>(i), rows, mutant).Execute()) return i + 1;
  }
  return 0;
}

#endif

void RestoreTheMapOfEveryBarrier(Rows rows, uint32_t runs) {
  const uint32_t seed = std::random_device()();
  std::printf("first seed %u\n", seed);
  for (uint32_t i = 0; i < runs; ++i) {
    const std::string replay =
        "replay with RandomRun(" + std::to_string(seed + i) + "u, Rows::" + (rows == Rows::kCached ? "kCached" : "kInMemory") + ", Mutant::kNone)";
    ASSERT_TRUE(RandomRun(seed + i, rows, Mutant::kNone).Execute()) << replay;
    ASSERT_FALSE(::testing::Test::HasFailure()) << replay;
  }
}

#ifdef WEIR_SANITIZED
constexpr uint32_t kRuns = 2'000;
#else
constexpr uint32_t kRuns = 20'000;
#endif

#ifndef WEIR_TEST_ON_ROCKSDB
TEST(IncrementalSnapshotTest, RestoresTheMapOfEveryBarrier) { RestoreTheMapOfEveryBarrier(Rows::kInMemory, kRuns); }

TEST(IncrementalSnapshotTest, CatchesADroppedDeltaOfAnAbortedCheckpoint) { EXPECT_GT(RunsToCatch(Rows::kInMemory, Mutant::kDropAbortedDelta), 0); }
TEST(IncrementalSnapshotTest, CatchesBitsSwappedOnAFullSnapshot) { EXPECT_GT(RunsToCatch(Rows::kInMemory, Mutant::kSwapBitsOnFull), 0); }
TEST(IncrementalSnapshotTest, CatchesATombstoneAppliedAfterAReinsert) { EXPECT_GT(RunsToCatch(Rows::kInMemory, Mutant::kTombstoneAfterReinsert), 0); }

TEST(CachedSnapshotTest, CatchesADroppedDeltaOfAnAbortedCheckpoint) { EXPECT_GT(RunsToCatch(Rows::kCached, Mutant::kDropAbortedDelta), 0); }
TEST(CachedSnapshotTest, CatchesABaseOfALaterMoment) { EXPECT_GT(RunsToCatch(Rows::kCached, Mutant::kBaseOfALaterMoment), 0); }
TEST(CachedSnapshotTest, CatchesDroppedChangesOfEvictedRows) { EXPECT_GT(RunsToCatch(Rows::kCached, Mutant::kDropChanges), 0); }
TEST(CachedSnapshotTest, CatchesChangesThatStayWhenTheyAreRead) { EXPECT_GT(RunsToCatch(Rows::kCached, Mutant::kChangesStay), 0); }
TEST(CachedSnapshotTest, CatchesRowsThatForgetThatTheyDiffer) { EXPECT_GT(RunsToCatch(Rows::kCached, Mutant::kForgetDiffering), 0); }
TEST(CachedSnapshotTest, CatchesRowsThatForgetThatTheWalkNeedsThem) { EXPECT_GT(RunsToCatch(Rows::kCached, Mutant::kForgetToBeWritten), 0); }
#endif

// Before a map in backend_test, before RocksDB in rocksdb_test.
TEST(CachedSnapshotTest, RestoresTheMapOfEveryBarrier) { RestoreTheMapOfEveryBarrier(Rows::kCached, testing::ColdRuns(kRuns)); }

}  // namespace
}  // namespace weir
