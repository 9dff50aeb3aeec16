// The heap backend with full and incremental snapshots against a plain map: random writes, clears, re-inserts, growth,
// aborted, failed and overlapping snapshots, merges and restores. Mutants of the protocol must be caught.
#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <map>
#include <random>

#include <weir/state/keyed_state_store.h>

#include "state/checkpoint/delta_merge.h"
#include "state/checkpoint/snapshot_chain.h"
#include "tests/unit/backend/keyed_state_store_peer.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

enum class Mutant { kNone, kDropAbortedDelta, kSwapBitsOnFull, kTombstoneAfterReinsert };

using Model = std::map<std::pair<uint64_t, uint32_t>, std::string>;  // (key, column) -> value
constexpr KeyGroupRange kGroups{2, 5};
constexpr uint32_t kMaxParallelism = 8;

// Collects a snapshot as its file content would be.
class FileSink final : public SnapshotRecordSink {
 public:
  FileSink(uint32_t columns, bool tombstones_last) : tombstones_last_(tombstones_last) {
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
  KeyedStateHandle Finish() {
    if (tombstones_last_) AppendTombstones();
    std::vector<SnapshotBlock> blocks;
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

  mutable testing::MemoryFileSystem no_files_;  // Everything is inline.
  const bool tombstones_last_;
  SnapshotHeader header_;
  StateTombstones tombstones_;
  std::map<uint32_t, BlockBuilder> builders_;
};

class RandomRun {
 public:
  RandomRun(uint32_t seed, Mutant mutant)
      : mutant_(mutant), random_(seed), columns_(1 + random_() % 2), key_count_(random_() % 10 == 0 ? 4'000 : 1 + random_() % 60) {
    NewStore();
    Mutate();
    KeyedStateStorePeer::RandomizeDirty(*store_, random_);
  }

  // False: what was restored is not what the map was.
  bool Execute() {
    for (int step = 0; step < 60 && ok_; ++step) {
      switch (random_() % 8) {
        case 0: Begin(); break;
        case 1:
        case 2: Walk(1 + random_() % 600); break;
        case 3: Report(); break;
        case 4: Merge(); break;
        case 5: if (random_() % 4 == 0) Restart(); break;
        default: Mutate(); break;
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
    // Small segments: splits in the middle of walks.
    if (random_() % 2 == 0) KeyedStateStorePeer::SplitSegmentsAt(*store_, 16);
    chain_ = std::make_unique<SnapshotChain>(SnapshotChain::Limits{.delta_bytes_max = 500 + random_() % 5'000, .merge_deltas_min = static_cast<uint32_t>(2 + random_() % 3)});
  }

  uint64_t RandomKey() {
    while (true) {
      const uint64_t key = random_() % key_count_;
      if (kGroups.Contains(static_cast<uint32_t>(HashKey(key) % kMaxParallelism))) return key;
      if (key_count_ < 8) ++key_count_;
    }
  }

  void Mutate() {
    for (uint32_t i = random_() % (key_count_ > 100 ? 700 : 12); i > 0; --i) {
      const uint64_t key = RandomKey();
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
    }
  }

  void Begin() {
    while (sink_ != nullptr) Walk(SIZE_MAX);
    const SnapshotChain::Begun begun = chain_->Begin();
    walking_ = begun.number;
    at_barrier_[begun.number] = model_;
    sink_ = std::make_unique<FileSink>(columns_, mutant_ == Mutant::kTombstoneAfterReinsert);
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
    if (aborted && mutant_ == Mutant::kDropAbortedDelta) handle = FileSink(columns_, false).Write({});
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
      merged = FileSink(columns_, false).Write(std::move(blocks));
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
    NewStore();
    std::unique_ptr<KeyedStateStore> restored = std::move(store_);
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
    Model content;
    restored->ForEachKey([&](const void* key) {
      for (uint32_t column = 0; column < columns_; ++column) {
        if (!restored->HasValue(column)) continue;
        content[{*static_cast<const uint64_t*>(key), column}] =
            *reinterpret_cast<const std::string*>(restored->CurrentRow() + restored->layout().columns[column].offset);
      }
    });
    return content == expected ? std::move(restored) : nullptr;
  }

  const Mutant mutant_;
  testing::MemoryFileSystem no_files_;  // Everything is inline.
  std::mt19937 random_;
  const uint32_t columns_;
  uint64_t key_count_;
  std::unique_ptr<KeyedStateStore> store_;
  std::unique_ptr<SnapshotChain> chain_;
  Model model_;
  std::map<uint64_t, Model> at_barrier_;  // By snapshot number.
  std::unique_ptr<FileSink> sink_;        // Of the running walk.
  uint64_t walking_ = 0;
  std::deque<Written> written_;           // Not reported to the chain yet, in order.
  std::optional<std::pair<uint64_t, std::vector<KeyedStateHandle>>> completed_;
  bool ok_ = true;
};

// How many runs it takes to see the mutant; 0 = not within `runs`.
int RunsToCatch(Mutant mutant, uint32_t first_seed, int runs) {
  for (int i = 0; i < runs; ++i) {
    if (!RandomRun(first_seed + static_cast<uint32_t>(i), mutant).Execute()) return i + 1;
  }
  return 0;
}

TEST(IncrementalSnapshotTest, RestoresTheMapOfEveryBarrier) {
  const uint32_t seed = std::random_device()();
  std::printf("first seed %u\n", seed);
#ifdef WEIR_SANITIZED
  const uint32_t runs = 2'000;
#else
  const uint32_t runs = 20'000;
#endif
  for (uint32_t i = 0; i < runs; ++i) ASSERT_TRUE(RandomRun(seed + i, Mutant::kNone).Execute()) << "replay with RandomRun(" << seed + i << "u, Mutant::kNone)";
}

TEST(IncrementalSnapshotTest, CatchesADroppedDeltaOfAnAbortedCheckpoint) { EXPECT_GT(RunsToCatch(Mutant::kDropAbortedDelta, 1, 2'000), 0); }
TEST(IncrementalSnapshotTest, CatchesBitsSwappedOnAFullSnapshot) { EXPECT_GT(RunsToCatch(Mutant::kSwapBitsOnFull, 1, 2'000), 0); }
TEST(IncrementalSnapshotTest, CatchesATombstoneAppliedAfterAReinsert) { EXPECT_GT(RunsToCatch(Mutant::kTombstoneAfterReinsert, 1, 2'000), 0); }

}  // namespace
}  // namespace weir
