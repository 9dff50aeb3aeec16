#include <weir/state/keyed_state_store.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>

#include <weir/state/value_state.h>

namespace weir {
namespace {

using Model = std::map<std::string, std::map<uint32_t, std::string>>;  // key -> column -> value

// What a snapshot wrote; the same unit twice is an error of the walk.
class Recorder final : public SnapshotRecordSink {
 public:
  void Cleared(StateTombstones) override { FAIL() << "a full snapshot has no tombstones"; }
  void Value(uint32_t key_group, uint32_t column, std::string_view key, std::string_view, std::string_view value) override {
    ByteReader key_reader(key);
    std::string decoded_key;
    ASSERT_TRUE(Serde<std::string>::Decode(key_reader, decoded_key));
    EXPECT_EQ(HashKey(decoded_key) % 128, key_group);
    ByteReader value_reader(value);
    std::string decoded_value;
    ASSERT_TRUE(Serde<std::string>::Decode(value_reader, decoded_value));
    EXPECT_TRUE(seen[decoded_key].emplace(column, decoded_value).second) << "written twice: " << decoded_key;
    raw.emplace_back(column, std::string(key), std::string(value));
  }
  Model seen;
  std::vector<std::tuple<uint32_t, std::string, std::string>> raw;
};

struct Fixture {
  explicit Fixture(uint32_t columns) : store(0, 127, 128) {
    std::vector<StateColumn> declared;
    for (uint32_t i = 0; i < columns; ++i) declared.push_back({"state" + std::to_string(i), &TypeOf<std::string>()});
    store.SetLayout(KeyOpsOf<std::string>(), std::move(declared));
  }
  void Put(const std::string& key, uint32_t column, const std::string& value) {
    store.SetCurrentKey(key, HashKey(key));
    bool constructed = false;
    std::string* const place = static_cast<std::string*>(store.BeginWrite(column, constructed));
    if (constructed) {
      *place = value;
    } else {
      std::construct_at(place, value);
    }
    model[key][column] = value;
  }
  void Clear(const std::string& key, uint32_t column) {
    store.SetCurrentKey(key, HashKey(key));
    store.ClearValue(column);
    if (const auto found = model.find(key); found != model.end()) {
      found->second.erase(column);
      if (found->second.empty()) model.erase(found);
    }
  }
  Model Content() {
    Model content;
    store.ForEachKey([&](const void* key) {
      for (uint32_t column = 0; column < store.layout().columns.size(); ++column) {
        if (!store.HasValue(column)) continue;
        content[*static_cast<const std::string*>(key)][column] =
            *reinterpret_cast<const std::string*>(store.CurrentRow() + store.layout().columns[column].offset);
      }
    });
    return content;
  }

  KeyedStateStore store;
  Model model;
};

class KeyedStateStoreTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(KeyedStateStoreTest, BehavesAsAMapUnderRandomWork) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  Fixture fixture(GetParam());
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "key-" + std::to_string(random() % 2'000);
    const uint32_t column = random() % GetParam();
    if (random() % 4 == 0) {
      fixture.Clear(key, column);
    } else {
      fixture.Put(key, column, std::to_string(random()));
    }
  }
  EXPECT_EQ(fixture.Content(), fixture.model);
  EXPECT_EQ(fixture.store.row_count(), fixture.model.size());
}

// The snapshot must be the state at its barrier, whatever is written, inserted, cleared or rehashed while it runs.
TEST_P(KeyedStateStoreTest, SnapshotIsTheStateAtItsBarrierWhileWorkGoesOn) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  Fixture fixture(GetParam());
  for (int round = 0; round < 30; ++round) {
    const Model at_barrier = fixture.model;
    Recorder recorder;
    fixture.store.BeginSnapshot(KeyedStateStore::SnapshotKind::kFull, recorder);
    bool complete = false;
    while (!complete) {
      for (uint32_t i = random() % 200; i > 0; --i) {
        const std::string key = "key-" + std::to_string(random() % (1'000 + 300 * static_cast<uint32_t>(round)));
        const uint32_t column = random() % GetParam();
        if (random() % 3 == 0) {
          fixture.Clear(key, column);
        } else {
          fixture.Put(key, column, std::to_string(random()));
        }
      }
      complete = fixture.store.WriteSlice(1 + random() % 5'000);
    }
    ASSERT_EQ(recorder.seen, at_barrier) << "round " << round;
    ASSERT_EQ(fixture.Content(), fixture.model);
  }
}

TEST_P(KeyedStateStoreTest, RestoreYieldsWhatWasSnapshotted) {
  Fixture fixture(GetParam());
  for (int i = 0; i < 1'000; ++i) fixture.Put("key-" + std::to_string(i), static_cast<uint32_t>(i) % GetParam(), std::to_string(i));
  Recorder recorder;
  fixture.store.BeginSnapshot(KeyedStateStore::SnapshotKind::kFull, recorder);
  ASSERT_TRUE(fixture.store.WriteSlice(SIZE_MAX));
  Fixture restored(GetParam());
  for (const auto& [column, key, value] : recorder.raw) {
    const Status status = restored.store.Restore(column, key, {}, value);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  EXPECT_EQ(restored.Content(), fixture.model);
}

INSTANTIATE_TEST_SUITE_P(Columns, KeyedStateStoreTest, ::testing::Values(1, 3));

TEST(KeyedStateStoreRestoreTest, RefusesDamagedRecords) {
  Fixture fixture(1);
  ByteWriter key;
  Serde<std::string>::Encode("a key", key);
  ByteWriter value;
  Serde<std::string>::Encode("a value", value);
  EXPECT_TRUE(fixture.store.Restore(0, key.view(), {}, value.view()).ok());
  EXPECT_EQ(fixture.store.Restore(1, key.view(), {}, value.view()).code(), StatusCode::kCorruption);
  EXPECT_EQ(fixture.store.Restore(0, key.view().substr(1), {}, value.view()).code(), StatusCode::kCorruption);
  EXPECT_EQ(fixture.store.Restore(0, key.view(), {}, value.view().substr(0, 3)).code(), StatusCode::kCorruption);
  EXPECT_EQ(fixture.store.Restore(0, key.view(), {}, std::string(value.view()) + "x").code(), StatusCode::kCorruption);
}

// Whatever was wrong: what came before is there, and nothing of the damaged record.
TEST_P(KeyedStateStoreTest, ADamagedRecordLeavesTheOthersWhole) {
  Fixture fixture(GetParam());
  ByteWriter key;
  Serde<std::string>::Encode("a key that takes memory of its own", key);
  ByteWriter value;
  Serde<std::string>::Encode("a value that takes memory of its own", value);
  const std::string damaged(value.view().substr(0, 9));
  EXPECT_EQ(fixture.store.Restore(0, key.view(), {}, damaged).code(), StatusCode::kCorruption);
  EXPECT_EQ(fixture.Content(), Model());
  for (uint32_t column = 0; column < GetParam(); ++column) ASSERT_TRUE(fixture.store.Restore(column, key.view(), {}, value.view()).ok());
  EXPECT_EQ(fixture.store.Restore(0, key.view(), {}, damaged).code(), StatusCode::kCorruption);
  Model expected;
  for (uint32_t column = 1; column < GetParam(); ++column) {
    expected["a key that takes memory of its own"][column] = "a value that takes memory of its own";
  }
  EXPECT_EQ(fixture.Content(), expected);
}

struct Flag {
  bool set = false;
  bool operator==(const Flag&) const = default;
};

TEST(KeyedStateStoreRestoreTest, RefusesABoolThatIsNone) {
  KeyedStateStore store(0, 127, 128);
  store.SetLayout(KeyOpsOf<uint64_t>(), {{"flag", &TypeOf<Flag>()}});
  const std::string key(8, '\7');
  EXPECT_TRUE(store.Restore(0, key, {}, std::string(1, '\1')).ok());
  EXPECT_EQ(store.Restore(0, key, {}, std::string(1, '\2')).code(), StatusCode::kCorruption);
  EXPECT_EQ(store.Restore(0, key, {}, std::string(2, '\1')).code(), StatusCode::kCorruption);
  EXPECT_EQ(store.Restore(0, key.substr(1), {}, std::string(1, '\1')).code(), StatusCode::kCorruption);
}

template <size_t kBytes>
struct Wide {
  std::array<uint8_t, kBytes> bytes{};
};

// Restores `rows` rows into tables made for them. Yields the bytes of memory for each byte of keys and values.
template <size_t kBytes>
double RestoreReserved(uint64_t rows, std::mt19937_64& random) {
  constexpr uint32_t kMaxParallelism = 2;
  std::vector<uint64_t> keys(rows);
  std::array<uint64_t, kMaxParallelism> rows_of{};
  for (uint64_t& key : keys) {
    key = random();
    ++rows_of[HashKey(key) % kMaxParallelism];
  }
  KeyedStateStore store(0, kMaxParallelism - 1, kMaxParallelism);
  store.SetLayout(KeyOpsOf<uint64_t>(), {{"wide", &TypeOf<Wide<kBytes>>()}});
  for (uint32_t group = 0; group < kMaxParallelism; ++group) store.Reserve(group, rows_of[group]);
  const uint64_t moves = store.moves();
  const std::string value(kBytes, 'v');
  for (const uint64_t& key : keys) {
    EXPECT_TRUE(store.Restore(0, {reinterpret_cast<const char*>(&key), sizeof(key)}, {}, value).ok());
  }
  EXPECT_EQ(store.moves(), moves) << rows << " rows with values of " << kBytes << " bytes have moved";
  EXPECT_EQ(store.row_count(), rows);
  return static_cast<double>(store.memory_bytes()) / static_cast<double>(rows * (8 + kBytes));
}

TEST(KeyedStateStoreReserveTest, TablesMadeForTheirRowsNeverGrowAndAreNotSparse) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 6; ++i) {
    EXPECT_LT(RestoreReserved<8>(100'000 + random() % 300'000, random), 2.0) << "bytes per byte of keys and values";
    EXPECT_LT(RestoreReserved<100>(50'000 + random() % 150'000, random), 2.0);
    EXPECT_LT(RestoreReserved<500>(10'000 + random() % 30'000, random), 2.0);
    RestoreReserved<4'000>(500 + random() % 2'000, random);
    RestoreReserved<8>(500 + random() % 20'000, random);
  }
}

TEST(KeyedStateStoreReserveTest, AGroupThatWasEmptiedCanBeReservedAndGrowsOn) {
  Fixture fixture(1);
  for (int i = 0; i < 5'000; ++i) fixture.Put("key-" + std::to_string(i), 0, "value");
  for (int i = 0; i < 5'000; ++i) fixture.Clear("key-" + std::to_string(i), 0);
  const uint64_t moves = fixture.store.moves();
  for (uint32_t group = 0; group < 128; ++group) fixture.store.Reserve(group, group % 3 * 50);
  EXPECT_GT(fixture.store.moves(), moves) << "hints are void";
  for (int i = 0; i < 50'000; ++i) fixture.Put("key-" + std::to_string(i), 0, std::to_string(i));
  for (uint32_t group = 0; group < 128; ++group) fixture.store.Reserve(group, 10);
  EXPECT_EQ(fixture.Content(), fixture.model) << "rows stay";
}

// Growth moves one segment: beyond its first rows a table stays close to full, and keys are visited once each.
TEST(KeyedStateStoreGrowthTest, ManyKeysKeepTheirValuesInLittleMemory) {
  KeyedStateStore store(0, 127, 128);
  store.SetLayout(KeyOpsOf<uint64_t>(), {{"count", &TypeOf<uint64_t>()}});
  constexpr uint64_t kKeys = 3'000'000;
  double worst = 0;
  for (uint64_t key = 0; key < kKeys; ++key) {
    store.SetCurrentKey(key, HashKey(key));
    bool constructed = false;
    *static_cast<uint64_t*>(store.BeginWrite(0, constructed)) = key * 3;
    ASSERT_FALSE(constructed);
    if (key >= kKeys / 2 && key % 100'000 == 0) worst = std::max(worst, static_cast<double>(store.memory_bytes()) / static_cast<double>(key * 16));
  }
  EXPECT_LT(worst, 2.0) << "bytes per byte of keys and values";
  EXPECT_EQ(store.row_count(), kKeys);
  std::vector<bool> seen(kKeys);
  store.ForEachKey([&](const void* key) {
    const uint64_t id = *static_cast<const uint64_t*>(key);
    ASSERT_FALSE(seen[id]);
    seen[id] = true;
    ASSERT_EQ(*reinterpret_cast<const uint64_t*>(store.CurrentRow() + 8), id * 3);
  });
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<ptrdiff_t>(kKeys));
}

TEST(KeyedStateStoreGrowthTest, ClearingAndSettingEachVisitedKeyVisitsNoneTwice) {
  Fixture fixture(1);
  for (int i = 0; i < 20'000; ++i) fixture.Put("key-" + std::to_string(i), 0, "old");
  std::map<std::string, int> visits;
  fixture.store.ForEachKey([&](const void* key) {
    const std::string name = *static_cast<const std::string*>(key);
    ++visits[name];
    fixture.Clear(name, 0);
    fixture.Put(name, 0, "new");
  });
  EXPECT_EQ(visits.size(), 20'000u);
  for (const auto& [name, count] : visits) ASSERT_EQ(count, 1) << name;
  EXPECT_EQ(fixture.Content(), fixture.model);
}

struct TwoStates {
  ValueState<int64_t> count{"count"};
  int64_t unrelated = 0;
  ValueState<std::string> name{"name"};
};

TEST(StateHandleScopeTest, FindsTheHandlesOfACopyByTheirPlace) {
  const TwoStates original;
  StateHandleScope scope;
  const TwoStates copy(original);
  const TwoStates other(original);
  const std::vector<StateHandle*> handles = scope.In(&copy, sizeof(copy));
  ASSERT_EQ(handles.size(), 2u);
  EXPECT_EQ(handles[0]->declaration().name, "count");
  EXPECT_EQ(handles[1]->declaration().name, "name");
  EXPECT_EQ(static_cast<const StateHandle*>(&copy.count), handles[0]);
}

}  // namespace
}  // namespace weir
