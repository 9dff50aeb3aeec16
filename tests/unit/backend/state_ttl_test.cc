// Time-to-live of every kind of state, by a clock that the test moves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <random>

#include <weir/functions.h>
#include <weir/operators/keyed.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class Total final : public AggregateFunction<int64_t, int64_t, int64_t> {
 public:
  int64_t CreateAccumulator() override { return 0; }
  void Add(const int64_t& value, int64_t& total) override { total += value; }
  int64_t GetResult(const int64_t& total) override { return total; }
};

struct Record {
  uint32_t column;
  std::string key, name_space, value;
};

class RecordSink final : public SnapshotRecordSink {
 public:
  void Cleared(StateTombstones cleared) override { tombstones = std::move(cleared); }
  void Value(uint32_t, uint32_t column, std::string_view key, std::string_view name_space, std::string_view value) override {
    records.push_back({column, std::string(key), std::string(name_space), std::string(value)});
  }
  StateTombstones tombstones;
  std::vector<Record> records;
};

// All kinds, under keys that are numbers.
struct States {
  explicit States(const StateTtlConfig& ttl)
      : value("value", ttl),
        list("list", ttl),
        map("map", ttl),
        sum("sum", std::plus<>(), ttl),
        total("total", Total(), ttl),
        kept("kept") {
    internal::DeclareColumns<uint64_t>(store, {&value, &list, &map, &sum, &total, &kept});
    store.SetProcessingTime([this] { return now_ms; });
    store.TrackChanges();
  }
  void At(uint64_t current) {
    key = current;
    store.SetCurrentKey(key, HashKey(key));
  }
  void WriteAll() {
    value.Update("v");
    list.Add("a");
    map.Put(1, "one");
    sum.Add(5);
    total.Add(6);
  }
  std::vector<std::string> Elements() const {
    std::vector<std::string> elements;
    for (const std::string& element : list.Get()) elements.push_back(element);
    return elements;
  }
  std::map<int64_t, std::string> Entries() const {
    std::map<int64_t, std::string> entries;
    for (const auto& [entry_key, text] : map) entries.emplace(entry_key, text);
    return entries;
  }
  std::vector<Record> FullSnapshot() {
    RecordSink sink;
    store.BeginSnapshot(KeyedStateStore::SnapshotKind::kFull, sink);
    EXPECT_TRUE(store.WriteSlice(SIZE_MAX));
    return sink.records;
  }
  void Restore(const std::vector<Record>& records) {
    for (const Record& record : records) {
      const Status status = store.Restore(record.column, record.key, record.name_space, record.value);
      ASSERT_TRUE(status.ok()) << status.ToString();
    }
    ASSERT_TRUE(store.FinishRestore().ok());
  }

  int64_t now_ms = 1'000'000;
  KeyedStateStore store{0, 0, 1};
  uint64_t key = 0;
  ValueState<std::string> value;
  ListState<std::string> list;
  MapState<int64_t, std::string> map;
  ReducingState<int64_t> sum;
  AggregatingState<Total> total;
  ValueState<int64_t> kept;
};

TEST(StateTtlTest, ATimeToLiveBelowOneMillisecondIsRefused) {
  EXPECT_THROW(StateTtlConfig(0ms), std::invalid_argument);
  EXPECT_THROW(StateTtlConfig(-1h), std::invalid_argument);
}

TEST(StateTtlTest, WritesProlongLifeAndReadsDoNot) {
  States states(StateTtlConfig(100ms));
  states.At(1);
  states.WriteAll();
  states.now_ms += 60;
  EXPECT_EQ(states.value.Value(), "v");
  EXPECT_THAT(states.Elements(), ElementsAre("a"));
  states.map.Put(2, "two");
  states.list.Add("b");
  states.sum.Add(1);
  states.total.Add(1);
  states.now_ms += 39;
  EXPECT_EQ(states.value.Value(), "v");
  EXPECT_THAT(states.Elements(), ElementsAre("a", "b"));
  states.now_ms += 1;  // Last access + ttl = now: expired.
  EXPECT_EQ(states.value.Value(), std::nullopt);
  EXPECT_THAT(states.Elements(), ElementsAre("b"));
  EXPECT_THAT(states.Entries(), UnorderedElementsAre(std::pair(2, "two")));
  EXPECT_EQ(states.map.Get(1), std::nullopt);
  EXPECT_EQ(states.map.Get(2), "two");
  EXPECT_EQ(states.sum.Get(), 6);
  EXPECT_EQ(states.total.Get(), 7);
  states.now_ms += 60;
  EXPECT_THAT(states.Elements(), ElementsAre());
  EXPECT_FALSE(states.map.Contains(2));
  EXPECT_EQ(states.sum.Get(), std::nullopt);
  EXPECT_EQ(states.total.Get(), std::nullopt);
  EXPECT_EQ(states.store.row_count(), 0u) << "what was read has been removed";
}

TEST(StateTtlTest, FoldingIntoSomethingExpiredStartsAnew) {
  States states(StateTtlConfig(100ms));
  states.At(1);
  states.WriteAll();
  states.now_ms += 100;
  states.sum.Add(1);
  states.total.Add(2);
  EXPECT_EQ(states.sum.Get(), 1);
  EXPECT_EQ(states.total.Get(), 2);
}

TEST(StateTtlTest, ReadsProlongLifeWhereTheyAreToldTo) {
  States states(StateTtlConfig(100ms).UpdateOnReadAndWrite());
  states.At(1);
  states.WriteAll();
  states.map.Put(2, "two");
  states.now_ms += 60;
  EXPECT_EQ(states.value.Value(), "v");
  states.list.Add("b");
  EXPECT_EQ(states.map.Get(1), "one");
  EXPECT_EQ(states.sum.Get(), 5);
  EXPECT_EQ(states.total.Get(), 6);
  EXPECT_THAT(states.Elements(), ElementsAre("a", "b"));
  states.now_ms += 60;
  EXPECT_EQ(states.value.Value(), "v");
  EXPECT_THAT(states.Elements(), ElementsAre("a", "b"));
  EXPECT_EQ(states.sum.Get(), 5);
  EXPECT_EQ(states.total.Get(), 6);
  EXPECT_THAT(states.Entries(), UnorderedElementsAre(std::pair(1, "one")));  // And that read counts, too.
  states.now_ms += 60;
  EXPECT_EQ(states.map.Get(1), "one");
}

TEST(StateTtlTest, ExpiredStateIsSeenOnceMoreWhereThatIsAllowed) {
  States states(StateTtlConfig(100ms).ReturnExpiredIfNotCleanedUp().DisableCleanupInBackground());
  states.At(1);
  states.WriteAll();
  states.now_ms += 1'000;
  EXPECT_EQ(states.value.Value(), "v");
  EXPECT_EQ(states.value.Value(), std::nullopt);
  EXPECT_EQ(states.map.Get(1), "one");
  EXPECT_EQ(states.map.Get(1), std::nullopt);
  EXPECT_THAT(states.Elements(), ElementsAre("a"));
  EXPECT_THAT(states.Elements(), ElementsAre());
  states.sum.Add(1);
  states.total.Add(2);
  EXPECT_EQ(states.sum.Get(), 6) << "folded into the expired value";
  EXPECT_EQ(states.total.Get(), 8);
}

TEST(StateTtlTest, TheLongestTimeToLiveDoesNotOverflow) {
  States states(StateTtlConfig(std::chrono::milliseconds(INT64_MAX)));
  states.At(1);
  states.WriteAll();
  states.now_ms = INT64_MAX - 1;
  EXPECT_EQ(states.value.Value(), "v");
  EXPECT_THAT(states.Elements(), ElementsAre("a"));
  EXPECT_EQ(states.map.Get(1), "one");
}

TEST(StateTtlTest, FullSnapshotsLeaveOutWhatHasExpired) {
  States states(StateTtlConfig(100ms).DisableCleanupInBackground());
  states.At(1);
  states.WriteAll();
  states.kept.Update(7);
  for (int i = 0; i < 3'000; ++i) states.list.Add(std::string(50, 'x'));
  for (int64_t i = 0; i < 100; ++i) states.map.Put(i, "old");
  states.now_ms += 50;
  states.list.Add("young");
  states.map.Put(5, "young");
  states.At(2);
  states.WriteAll();
  states.now_ms += 50;
  const std::vector<Record> records = states.FullSnapshot();

  States restored(StateTtlConfig(100ms));
  restored.now_ms = states.now_ms;
  restored.Restore(records);
  restored.At(1);
  EXPECT_EQ(restored.kept.Value(), 7);
  EXPECT_FALSE(restored.store.HasValue(0));
  EXPECT_THAT(restored.Elements(), ElementsAre("young"));
  EXPECT_THAT(restored.Entries(), UnorderedElementsAre(std::pair(5, "young")));
  restored.At(2);
  EXPECT_EQ(restored.value.Value(), "v");
  EXPECT_EQ(restored.sum.Get(), 5);
  restored.now_ms += 50;
  EXPECT_EQ(restored.value.Value(), std::nullopt) << "the time of last access was restored";
  size_t bytes = 0;
  for (const Record& record : records) bytes += record.value.size();
  EXPECT_LT(bytes, 500u);
  states.At(1);
  EXPECT_TRUE(states.store.HasValue(0)) << "the local copy stays";
}

TEST(StateTtlTest, EachAccessCleansUpSomeUnitsOfOtherKeys) {
  States states(StateTtlConfig(100ms));
  constexpr uint64_t kKeys = 1'000;
  for (uint64_t key = 0; key < kKeys; ++key) {
    states.At(key);
    states.WriteAll();
    if (key % 50 == 0) {
      for (int64_t i = 0; i < 60; ++i) states.map.Put(i, "many");
    }
  }
  EXPECT_EQ(states.store.row_count(), kKeys);
  states.now_ms += 100;
  for (uint64_t i = 0; i < 2 * kKeys; ++i) {
    states.At(kKeys);
    states.WriteAll();
  }
  EXPECT_EQ(states.store.row_count(), 1u);
  EXPECT_EQ(states.value.Value(), "v");
  EXPECT_EQ(states.Elements().size(), 2 * kKeys);
}

TEST(StateTtlTest, RecordsCleanUpToo) {
  struct Reading {
    uint64_t sensor;
  };
  KeyedStateStore store(0, 0, 1);
  int64_t now_ms = 1'000;
  store.SetProcessingTime([&] { return now_ms; });
  ValueState<int64_t> seen("seen", StateTtlConfig(100ms).CleanupIncrementally(2, /*every_record=*/true));
  internal::DeclareColumns<uint64_t>(store, {&seen});
  const auto process = [&](uint64_t first, uint32_t count, bool write) {
    RecordBatch batch(TypeOf<Reading>(), {count, true, false});
    for (uint32_t i = 0; i < count; ++i) {
      batch.Rows<Reading>()[i] = {first + i};
      batch.hashes()[i] = HashKey(first + i);
    }
    batch.SetSize(count);
    auto selector = &Reading::sensor;
    internal::ForEachKeyedRow<Reading>(batch, store, selector, [&](const Reading&, const uint64_t&, uint32_t) {
      if (write) seen.Update(1);
    });
  };
  process(0, 500, true);
  EXPECT_EQ(store.row_count(), 500u);
  now_ms += 100;
  for (int i = 0; i < 40; ++i) process(10'000, 100, false);
  EXPECT_EQ(store.row_count(), 0u);
}

// ---- Against a plain model ----

struct Timestamped {
  std::string text;
  int64_t last_access_ms;
};
struct KeyModel {
  std::optional<Timestamped> value;
  std::vector<Timestamped> list;
  std::map<int64_t, Timestamped> map;
};
struct KeyView {
  std::optional<std::string> value;
  std::vector<std::string> list;
  std::map<int64_t, std::string> map;
  bool operator==(const KeyView&) const = default;
};
using Model = std::map<uint64_t, KeyModel>;
constexpr int64_t kTtlMs = 1'000;

KeyView Alive(const KeyModel& model, int64_t now_ms) {
  const auto alive = [now_ms](const Timestamped& unit) { return unit.last_access_ms > now_ms - kTtlMs; };
  KeyView view;
  if (model.value.has_value() && alive(*model.value)) view.value = model.value->text;
  for (const Timestamped& element : model.list) {
    if (alive(element)) view.list.push_back(element.text);
  }
  for (const auto& [key, entry] : model.map) {
    if (alive(entry)) view.map.emplace(key, entry.text);
  }
  return view;
}

class RandomTtlRun {
 public:
  explicit RandomTtlRun(uint32_t seed) : random_(seed), states_(std::make_unique<States>(Ttl())) {}

  // False: what was read or restored is not what the model was.
  bool Execute() {
    TakeSnapshot(/*full=*/true);
    for (int step = 0; step < 60; ++step) {
      states_->now_ms += random_() % 100;
      switch (random_() % 10) {
        case 0: TakeSnapshot(random_() % 3 == 0); break;
        case 1: if (!RestoredIsTheModel()) return false; break;
        default: Mutate(); break;
      }
      if (!KeyIsTheModel(*states_, random_() % 6, model_)) return false;
    }
    return true;
  }

 private:
  StateTtlConfig Ttl() {
    StateTtlConfig ttl{std::chrono::milliseconds(kTtlMs)};
    if (random_() % 2 == 0) ttl.DisableCleanupInBackground();
    return ttl;
  }
  void Mutate() {
    const uint64_t key = random_() % 6;
    states_->At(key);
    KeyModel& model = model_[key];
    const Timestamped unit{std::to_string(random_()), states_->now_ms};
    switch (random_() % 8) {
      case 0:
        states_->value.Update(unit.text);
        model.value = unit;
        break;
      case 1:
        states_->list.Clear();
        model.list.clear();
        break;
      case 2:
        states_->map.Clear();
        model.map.clear();
        break;
      case 3:
      case 4:
        for (uint32_t i = random_() % 12 == 0 ? 4'000 : 2; i > 0; --i) {
          states_->list.Add(unit.text);
          model.list.push_back(unit);
        }
        break;
      case 5: {
        const int64_t entry = random_() % 30;
        states_->map.Remove(entry);
        model.map.erase(entry);
        break;
      }
      default:
        for (uint32_t i = 0; i < 4; ++i) {
          const int64_t entry = random_() % 30;
          states_->map.Put(entry, unit.text);
          model.map.insert_or_assign(entry, unit);
        }
    }
  }
  static bool KeyIsTheModel(States& states, uint64_t key, const Model& model) {
    states.At(key);
    KeyView view{states.value.Value(), states.Elements(), states.Entries()};
    const auto found = model.find(key);
    return view == (found != model.end() ? Alive(found->second, states.now_ms) : KeyView());
  }
  void TakeSnapshot(bool full) {
    RecordSink sink;
    states_->store.ForgetKey();
    states_->store.BeginSnapshot(full ? KeyedStateStore::SnapshotKind::kFull : KeyedStateStore::SnapshotKind::kDelta, sink);
    at_barrier_ = model_;
    while (!states_->store.WriteSlice(1 + random_() % 3'000)) {
      if (random_() % 2 == 0) Mutate();
    }
    if (full) chain_.clear();
    chain_.push_back(std::move(sink));
  }
  bool RestoredIsTheModel() {
    States restored(Ttl());
    restored.now_ms = states_->now_ms;
    for (const RecordSink& snapshot : chain_) {
      for (const StateTombstone& entry : snapshot.tombstones.entries) {
        EXPECT_TRUE(restored.store.RestoreCleared(entry.column, snapshot.tombstones.KeyOf(entry), snapshot.tombstones.NameSpaceOf(entry), entry.range).ok());
      }
      for (const Record& record : snapshot.records) EXPECT_TRUE(restored.store.Restore(record.column, record.key, record.name_space, record.value).ok());
    }
    if (!restored.store.FinishRestore().ok()) return false;
    for (uint64_t key = 0; key < 6; ++key) {
      if (!KeyIsTheModel(restored, key, at_barrier_)) return false;
    }
    return true;
  }

  std::mt19937 random_;
  std::unique_ptr<States> states_;
  Model model_;
  Model at_barrier_;               // Of the newest snapshot.
  std::vector<RecordSink> chain_;  // A full snapshot and the deltas since.
};

TEST(StateTtlTest, BehavesAsAModelWithTimesThroughSnapshots) {
  const uint32_t seed = std::random_device()();
  std::printf("first seed %u\n", seed);
  for (uint32_t i = 0; i < 2'000; ++i) ASSERT_TRUE(RandomTtlRun(seed + i).Execute()) << "replay with RandomTtlRun(" << seed + i << "u)";
}

}  // namespace
}  // namespace weir
