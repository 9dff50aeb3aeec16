// Every kind of keyed state with full and incremental snapshots against a plain model: random operations, growth, aborted,
// failed and overlapping snapshots, merges, and restores into other ranges of key groups. Mutants of the protocol must be
// caught.
#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <map>
#include <random>

#include <weir/functions.h>
#include <weir/operators/keyed.h>

#include "state/checkpoint/delta_merge.h"
#include "state/checkpoint/snapshot_chain.h"
#include "tests/unit/backend/keyed_state_store_peer.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

// Large in memory, so that tables of few entries are split, and small in a snapshot.
class Padded {
 public:
  Padded() = default;
  explicit Padded(uint64_t number) : value(number) {}
  uint64_t value = 0;

 private:
  [[maybe_unused]] char unused_[1'000] = {};
};

}  // namespace

template <>
struct Serde<Padded> {
  static void Encode(const Padded& padded, ByteWriter& out) { out.PutVarint(padded.value); }
  static bool Decode(ByteReader& in, Padded& padded) {
    padded.value = in.GetVarint();
    return in.ok();
  }
  static void Describe(std::string& schema) { schema += "padded"; }
};

namespace {

enum class Mutant {
  kNone,
  kDropAbortedDelta,
  kDropDetachedCells,
  kForgetWalkBits,
  kForgetDirtyUnits,
  kForgetDirtyCells,
  kDropRangeTombstones,
  kCloseOpenCells,
};

constexpr KeyGroupRange kGroups{2, 5};
constexpr uint32_t kMaxParallelism = 8;

struct Sums {
  int64_t count = 0;
  int64_t sum = 0;
  bool operator==(const Sums&) const = default;
};

class SumUp final : public AggregateFunction<int64_t, Sums, Sums> {
 public:
  Sums CreateAccumulator() override { return {}; }
  void Add(const int64_t& value, Sums& sums) override {
    ++sums.count;
    sums.sum += value;
  }
  Sums GetResult(const Sums& sums) override { return sums; }
};

// What one key has.
struct KeyContent {
  std::optional<std::string> value;
  std::vector<std::string> list;
  std::vector<uint32_t> numbers;
  std::map<std::string, std::string> map;
  std::map<uint32_t, uint64_t> padded;
  std::optional<int64_t> sum;
  std::optional<Sums> sums;
  bool operator==(const KeyContent&) const = default;
};
using Content = std::map<uint64_t, KeyContent>;

// A function with a choice of states.
struct States {
  static constexpr uint32_t kCount = 7;

  explicit States(KeyedStateStore& store, uint32_t chosen) {
    std::vector<StateHandle*> handles;
    StateHandle* const all[kCount] = {&value, &list, &numbers, &map, &padded, &sum, &sums};
    for (uint32_t i = 0; i < kCount; ++i) {
      if ((chosen >> i) & 1) handles.push_back(all[i]);
    }
    internal::DeclareColumns<uint64_t>(store, handles);
  }
  KeyContent Read(uint32_t chosen) const {
    KeyContent content;
    if (chosen & 1) content.value = value.Value();
    if (chosen & 2) {
      for (const std::string& element : list.Get()) content.list.push_back(element);
    }
    if (chosen & 4) {
      for (const uint32_t& element : numbers.Get()) content.numbers.push_back(element);
    }
    if (chosen & 8) {
      for (const auto& [key, text] : map) content.map.emplace(key, text);
    }
    if (chosen & 16) {
      for (const auto& [key, number] : padded) content.padded.emplace(key, number.value);
    }
    if (chosen & 32) content.sum = sum.Get();
    if (chosen & 64) content.sums = sums.Get();
    return content;
  }

  ValueState<std::string> value{"value"};
  ListState<std::string> list{"list"};
  ListState<uint32_t> numbers{"numbers"};
  MapState<std::string, std::string> map{"map"};
  MapState<uint32_t, Padded> padded{"padded"};
  ReducingState<int64_t> sum{"sum", std::plus<>()};
  AggregatingState<SumUp> sums{"sums"};
};

struct Subtask {
  Subtask(KeyGroupRange range, uint32_t chosen) : store(range.start, range.end, kMaxParallelism), states(store, chosen) { store.TrackChanges(); }
  KeyedStateStore store;
  States states;
};

// Collects a snapshot as its file content would be.
class FileSink final : public SnapshotRecordSink {
 public:
  explicit FileSink(const RowLayout& layout) {
    header_.max_parallelism = kMaxParallelism;
    header_.key_groups = kGroups;
    for (const StateColumn& column : layout.columns) header_.states.push_back({column.name, column.kind, column.Schema(), ""});
  }
  void Cleared(StateTombstones tombstones) override {
    for (const StateTombstone& entry : tombstones.entries) {
      const SnapshotRecordKind kind = entry.range ? SnapshotRecordKind::kRangeTombstone : SnapshotRecordKind::kTombstone;
      Append(entry.key_group, {entry.column, kind, tombstones.KeyOf(entry), tombstones.NameSpaceOf(entry), {}});
    }
  }
  void Value(uint32_t key_group, uint32_t column, std::string_view key, std::string_view name_space, std::string_view value) override {
    const auto unit = std::tuple(column, std::string(key), std::string(name_space));
    written_twice_ = written_twice_ || !units_.insert(unit).second;
    Append(key_group, {column, SnapshotRecordKind::kValue, key, name_space, value});
  }
  bool written_twice() const { return written_twice_; }
  KeyedStateHandle Finish() {
    for (auto& [group, builder] : builders_) {
      if (builder.started()) blocks_.push_back(builder.Finish());
    }
    return Write(std::move(blocks_));
  }
  KeyedStateHandle Write(std::vector<SnapshotBlock> blocks) const {
    SnapshotFileWriter writer(no_files_, {"inline", SIZE_MAX}, header_);
    for (SnapshotBlock& block : blocks) EXPECT_TRUE(writer.AddBlock(std::move(block)).ok());
    StatusOr<StateBytes> bytes = writer.Finish();
    EXPECT_TRUE(bytes.ok());
    return {kGroups, *bytes};
  }

 private:
  void Append(uint32_t group, const SnapshotRecord& record) {
    BlockBuilder& builder = builders_[group];
    if (!builder.started()) builder.Start(group);
    builder.Append(record);
    if (builder.full()) blocks_.push_back(builder.Finish());
  }

  mutable testing::MemoryFileSystem no_files_;  // Everything is inline.
  SnapshotHeader header_;
  std::map<uint32_t, BlockBuilder> builders_;
  std::vector<SnapshotBlock> blocks_;
  std::set<std::tuple<uint32_t, std::string, std::string>> units_;
  bool written_twice_ = false;
};

class RandomRun {
 public:
  RandomRun(uint32_t seed, Mutant mutant) : mutant_(mutant), random_(seed), chosen_(1 + random_() % 127), key_count_(1 + random_() % 12) {
    if (random_() % 10 == 0) key_count_ = 300;
    subtask_ = std::make_unique<Subtask>(kGroups, chosen_);
    if (random_() % 2 == 0) KeyedStateStorePeer::SplitSegmentsAt(subtask_->store, 16);
    NewChain();
    Mutate();
    KeyedStateStorePeer::RandomizeDirty(subtask_->store, random_);
  }

  // False: what was restored is not what the model was.
  bool Execute() {
    for (int step = 0; step < 60 && ok_; ++step) {
      switch (random_() % 8) {
        case 0: Begin(); break;
        case 1:
        case 2: Walk(1 + random_() % (random_() % 4 == 0 ? 20'000 : 600)); break;
        case 3: Report(); break;
        case 4: Merge(); break;
        case 5: if (random_() % 4 == 0) Restart(); break;
        default: Mutate(); break;
      }
    }
    ok_ = ok_ && ContentOf(*subtask_) == model_;
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

  void NewChain() {
    chain_ = std::make_unique<SnapshotChain>(
        SnapshotChain::Limits{.delta_bytes_max = 500 + random_() % 50'000, .merge_deltas_min = static_cast<uint32_t>(2 + random_() % 3)});
  }

  uint64_t RandomKey() {
    while (true) {
      const uint64_t key = random_() % key_count_;
      if (kGroups.Contains(static_cast<uint32_t>(HashKey(key) % kMaxParallelism))) return key;
      if (key_count_ < 8) ++key_count_;
    }
  }
  std::string RandomText(size_t size_max) { return std::string(random_() % size_max, static_cast<char>('a' + random_() % 26)); }

  // ---- Operations on the current key ----
  void MutateValue(KeyContent& content) {
    if (random_() % 3 == 0) {
      subtask_->states.value.Clear();
      content.value.reset();
    } else {
      content.value = RandomText(20);
      subtask_->states.value.Update(*content.value);
    }
  }
  std::vector<std::string> RandomElements() {
    std::vector<std::string> elements;
    for (uint32_t i = random_() % 6; i > 0; --i) elements.push_back(RandomText(random_() % 30 == 0 ? 40'000 : 20));
    return elements;
  }
  void MutateList(KeyContent& content) {
    ListState<std::string>& list = subtask_->states.list;
    const std::vector<std::string> elements = RandomElements();
    switch (random_() % 8) {
      case 0:
        list.Clear();
        content.list.clear();
        break;
      case 1:
        list.Update(elements);
        content.list = elements;
        break;
      default:
        list.AddAll(elements);
        content.list.insert(content.list.end(), elements.begin(), elements.end());
    }
  }
  void MutateNumbers(KeyContent& content) {
    ListState<uint32_t>& numbers = subtask_->states.numbers;
    if (random_() % 6 == 0) {
      numbers.Clear();
      content.numbers.clear();
      return;
    }
    for (uint32_t i = random_() % 20 == 0 ? 20'000 : random_() % 10; i > 0; --i) {
      content.numbers.push_back(random_());
      numbers.Add(content.numbers.back());
    }
  }
  void MutateMap(KeyContent& content) {
    MapState<std::string, std::string>& map = subtask_->states.map;
    const std::string key = "key" + std::to_string(random_() % 25);
    switch (random_() % 20) {
      case 0:
        map.Clear();
        content.map.clear();
        break;
      case 1:
        for (const std::string& visited : map.Keys()) {
          if (random_() % 2 == 0) continue;
          content.map.erase(visited);
          map.Remove(visited);
        }
        break;
      case 2:
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
        map.Remove(key);
        content.map.erase(key);
        break;
      default:
        content.map[key] = RandomText(10);
        map.Put(key, content.map[key]);
    }
  }
  void MutatePadded(KeyContent& content) {
    MapState<uint32_t, Padded>& padded = subtask_->states.padded;
    if (random_() % 12 == 0) {
      padded.Clear();
      content.padded.clear();
      return;
    }
    const bool burst = key_count_ < 100 && random_() % 4 == 0;
    const uint32_t first = random_() % 400;
    for (uint32_t key = first; key < first + (burst ? 150 : 3); ++key) {
      if (random_() % 3 == 0) {
        padded.Remove(key);
        content.padded.erase(key);
      } else {
        content.padded[key] = random_();
        padded.Put(key, Padded(content.padded[key]));
      }
    }
  }
  void MutateFolded(KeyContent& content, bool reducing) {
    States& states = subtask_->states;
    if (random_() % 3 == 0) {
      reducing ? states.sum.Clear() : states.sums.Clear();
      reducing ? content.sum.reset() : content.sums.reset();
      return;
    }
    const int64_t value = static_cast<int64_t>(random_() % 100);
    if (reducing) {
      states.sum.Add(value);
      content.sum = content.sum.value_or(0) + value;
    } else {
      states.sums.Add(value);
      const Sums old = content.sums.value_or(Sums());
      content.sums = Sums{old.count + 1, old.sum + value};
    }
  }

  void MutateOne() {
    const uint64_t key = RandomKey();
    subtask_->store.SetCurrentKey(key, HashKey(key));
    KeyContent& content = model_[key];
    uint32_t state = random_() % States::kCount;
    while (((chosen_ >> state) & 1) == 0) state = (state + 1) % States::kCount;
    switch (state) {
      case 0: MutateValue(content); break;
      case 1: MutateList(content); break;
      case 2: MutateNumbers(content); break;
      case 3: MutateMap(content); break;
      case 4: MutatePadded(content); break;
      default: MutateFolded(content, state == 5); break;
    }
    if (content == KeyContent()) model_.erase(key);
    subtask_->store.ForgetKey();
  }

  void Mutate() {
    for (uint32_t i = random_() % (key_count_ > 100 ? 200 : 12); i > 0; --i) {
      MutateOne();
      Break();
    }
  }
  void Break() {
    KeyedStateStore& store = subtask_->store;
    switch (mutant_) {
      case Mutant::kDropDetachedCells: KeyedStateStorePeer::DropDetachedCells(store); break;
      case Mutant::kForgetWalkBits: KeyedStateStorePeer::ForgetWalkBits(store); break;
      case Mutant::kForgetDirtyUnits: KeyedStateStorePeer::ForgetDirtyUnits(store); break;
      case Mutant::kForgetDirtyCells: KeyedStateStorePeer::ForgetDirtyCells(store); break;
      case Mutant::kDropRangeTombstones: KeyedStateStorePeer::DropRangeTombstones(store); break;
      case Mutant::kCloseOpenCells: KeyedStateStorePeer::CloseOpenCells(store); break;
      case Mutant::kDropAbortedDelta:
      case Mutant::kNone: break;
    }
  }

  void Begin() {
    while (sink_ != nullptr) Walk(SIZE_MAX);
    const SnapshotChain::Begun begun = chain_->Begin();
    walking_ = begun.number;
    at_barrier_[begun.number] = model_;
    sink_ = std::make_unique<FileSink>(subtask_->store.layout());
    subtask_->store.BeginSnapshot(begun.is_base ? KeyedStateStore::SnapshotKind::kFull : KeyedStateStore::SnapshotKind::kDelta, *sink_);
  }

  void Walk(size_t bytes) {
    if (sink_ == nullptr || !subtask_->store.WriteSlice(bytes)) return;
    EXPECT_TRUE(mutant_ != Mutant::kNone || !sink_->written_twice());
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
    if (aborted && mutant_ == Mutant::kDropAbortedDelta) handle = FileSink(subtask_->store.layout()).Write({});
    chain_->OnDurable(written.number, std::move(handle));
    if (aborted) return;
    StatusOr<std::vector<KeyedStateHandle>> handles = chain_->HandlesOf(written.number);
    if (!handles.ok()) return;
    completed_ = {written.number, *handles};
    if (random_() % 4 == 0) handles = std::vector<KeyedStateHandle>{Merged(*handles, &MergeIntoBase)};
    if (random_() % 2 == 0) ok_ = ok_ && RescaledContent(*handles) == at_barrier_[written.number];
  }

  void Merge() {
    const std::optional<SnapshotChain::Merge> merge = chain_->PlanMerge();
    if (!merge.has_value()) return;
    std::optional<KeyedStateHandle> merged;
    if (random_() % 5 != 0) merged = Merged(merge->parts, &MergeDeltas);
    chain_->EndMerge(*merge, std::move(merged));
  }

  KeyedStateHandle Merged(const std::vector<KeyedStateHandle>& parts, Status (*merge)(const std::vector<SnapshotReader>&, const SnapshotBlockConsumer&)) {
    std::vector<SnapshotReader> readers;
    for (const KeyedStateHandle& part : parts) {
      StatusOr<SnapshotReader> reader = SnapshotReader::Open(no_files_, part.bytes);
      EXPECT_TRUE(reader.ok()) << reader.status().ToString();
      readers.push_back(std::move(*reader));
    }
    std::vector<SnapshotBlock> blocks;
    EXPECT_TRUE(merge(readers, [&](SnapshotBlock block) { return blocks.push_back(std::move(block)), Status::Ok(); }).ok());
    return FileSink(subtask_->store.layout()).Write(std::move(blocks));
  }

  // The process died: the state is what the newest completed checkpoint holds.
  void Restart() {
    if (!completed_.has_value()) return;
    const auto [number, handles] = *completed_;
    while (sink_ != nullptr) Walk(SIZE_MAX);
    subtask_ = Restored(handles, kGroups);
    model_ = at_barrier_[number];
    ok_ = ok_ && ContentOf(*subtask_) == model_;
    NewChain();
    written_.clear();
    at_barrier_.clear();
    completed_.reset();
  }

  std::unique_ptr<Subtask> Restored(const std::vector<KeyedStateHandle>& handles, KeyGroupRange range) {
    auto restored = std::make_unique<Subtask>(range, chosen_);
    Status status;
    for (const KeyedStateHandle& handle : handles) {
      StatusOr<SnapshotReader> reader = SnapshotReader::Open(no_files_, handle.bytes);
      EXPECT_TRUE(reader.ok()) << reader.status().ToString();
      SnapshotReader::Cursor cursor = reader->Records(range);
      while (status.ok() && cursor.Next()) {
        const SnapshotRecord& record = cursor.record();
        status = record.kind == SnapshotRecordKind::kValue
                     ? restored->store.Restore(record.state_index, record.key, record.name_space, record.value)
                     : restored->store.RestoreCleared(record.state_index, record.key, record.name_space,
                                                      record.kind == SnapshotRecordKind::kRangeTombstone);
      }
    }
    if (status.ok()) status = restored->store.FinishRestore();
    // A mutant may have left a hole in a list: that is one way to be caught.
    EXPECT_TRUE(mutant_ != Mutant::kNone || status.ok()) << status.ToString();
    ok_ = ok_ && status.ok();
    return restored;
  }

  // Of all subtasks between which the key groups are dealt out anew.
  Content RescaledContent(const std::vector<KeyedStateHandle>& handles) {
    Content content;
    for (uint32_t start = kGroups.start; start <= kGroups.end;) {
      const uint32_t end = start + random_() % (kGroups.end - start + 1);
      content.merge(ContentOf(*Restored(handles, {start, end})));
      start = end + 1;
    }
    return content;
  }

  Content ContentOf(Subtask& subtask) {
    Content content;
    subtask.store.ForEachKey([&](const void* key) { content[*static_cast<const uint64_t*>(key)] = subtask.states.Read(chosen_); });
    return content;
  }

  const Mutant mutant_;
  testing::MemoryFileSystem no_files_;  // Everything is inline.
  std::mt19937 random_;
  const uint32_t chosen_;  // One bit per state.
  uint64_t key_count_;
  std::unique_ptr<Subtask> subtask_;
  std::unique_ptr<SnapshotChain> chain_;
  Content model_;
  std::map<uint64_t, Content> at_barrier_;  // By snapshot number.
  std::unique_ptr<FileSink> sink_;          // Of the running walk.
  uint64_t walking_ = 0;
  std::deque<Written> written_;             // Not reported to the chain yet, in order.
  std::optional<std::pair<uint64_t, std::vector<KeyedStateHandle>>> completed_;
  bool ok_ = true;
};

// How many runs it takes to see the mutant; 0 = not within `runs`.
int RunsToCatch(Mutant mutant) {
  constexpr int kRuns = 2'000;
  for (int i = 0; i < kRuns; ++i) {
    if (!RandomRun(1 + static_cast<uint32_t>(i), mutant).Execute()) return i + 1;
  }
  return 0;
}

TEST(StateKindsSnapshotTest, RestoresTheModelOfEveryBarrier) {
  const uint32_t seed = std::random_device()();
  std::printf("first seed %u\n", seed);
#ifdef WEIR_SANITIZED
  const uint32_t runs = 1'000;
#else
  const uint32_t runs = 20'000;
#endif
  for (uint32_t i = 0; i < runs; ++i) {
    ASSERT_TRUE(RandomRun(seed + i, Mutant::kNone).Execute()) << "replay with RandomRun(" << seed + i << "u, Mutant::kNone)";
    ASSERT_FALSE(HasFailure()) << "replay with RandomRun(" << seed + i << "u, Mutant::kNone)";
  }
}

TEST(StateKindsSnapshotTest, CatchesADroppedDeltaOfAnAbortedCheckpoint) { EXPECT_GT(RunsToCatch(Mutant::kDropAbortedDelta), 0); }
TEST(StateKindsSnapshotTest, CatchesDroppedDetachedCells) { EXPECT_GT(RunsToCatch(Mutant::kDropDetachedCells), 0); }
TEST(StateKindsSnapshotTest, CatchesUnitsThatForgetThatTheyWereBorn) { EXPECT_GT(RunsToCatch(Mutant::kForgetWalkBits), 0); }
TEST(StateKindsSnapshotTest, CatchesUnitsThatForgetThatTheyWereWritten) { EXPECT_GT(RunsToCatch(Mutant::kForgetDirtyUnits), 0); }
TEST(StateKindsSnapshotTest, CatchesCellsThatForgetThatTheyWereWritten) { EXPECT_GT(RunsToCatch(Mutant::kForgetDirtyCells), 0); }
TEST(StateKindsSnapshotTest, CatchesDroppedRangeTombstones) { EXPECT_GT(RunsToCatch(Mutant::kDropRangeTombstones), 0); }
TEST(StateKindsSnapshotTest, CatchesWalksThatSkipLargeCells) { EXPECT_GT(RunsToCatch(Mutant::kCloseOpenCells), 0); }

}  // namespace
}  // namespace weir
