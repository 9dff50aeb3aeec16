// The loop of keyed operators over a batch, with state that moves under it.
#include <weir/operators/keyed.h>

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace weir {
namespace {

struct Reading {
  uint64_t sensor = 0;
  int64_t value = 0;
};

// Inserts, updates and clears in long batches: tables grow and split in the middle of what was looked up ahead.
TEST(KeyedRowsTest, StateFollowsItsKeyWhileTablesGrow) {
  const uint64_t seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const uint32_t max_parallelism : {1u, 3u, 128u}) {
    KeyedStateStore store(0, max_parallelism - 1, max_parallelism);
    ValueState<int64_t> sum{"sum"};
    internal::DeclareColumns<uint64_t>(store, {&sum});
    std::map<uint64_t, int64_t> model;
    uint64_t sensor_end = 10;
    for (int round = 0; round < 60; ++round, sensor_end += sensor_end / 4) {
      const uint32_t count = 1 + static_cast<uint32_t>(random() % 2'048);
      RecordBatch batch(TypeOf<Reading>(), {count, true, false});
      for (uint32_t i = 0; i < count; ++i) {
        const Reading row{random() % sensor_end, static_cast<int64_t>(random() % 100)};
        batch.Rows<Reading>()[i] = row;
        batch.hashes()[i] = HashKey(row.sensor);
      }
      batch.SetSize(count);
      auto selector = &Reading::sensor;
      internal::ForEachKeyedRow<Reading>(batch, store, selector, [&](const Reading& row, const uint64_t& key, uint32_t) {
        ASSERT_EQ(key, row.sensor);
        const auto expected = model.find(key);
        ASSERT_EQ(sum.Value(), expected == model.end() ? std::nullopt : std::optional(expected->second)) << key;
        if (row.value < 5) {
          sum.Clear();
          model.erase(key);
        } else {
          sum.Update(sum.Value().value_or(0) + row.value);
          model[key] += row.value;
        }
      });
    }
    EXPECT_EQ(store.row_count(), model.size());
  }
}

}  // namespace
}  // namespace weir
