// Rows in memory as a bounded cache of others: what it brings, what it lets go, and how it fails.
#include <gtest/gtest.h>

#include <stdexcept>

#include <weir/state/reducing_state.h>
#include <weir/state/value_state.h>

#include "tests/unit/backend/new_cold_rows.h"

namespace weir {
namespace {

constexpr uint32_t kMaxParallelism = 4;

// Counts calls, and fails when it is told to.
class WatchedColdRows final : public ColdRows {
 public:
  explicit WatchedColdRows(std::unique_ptr<ColdRows> rows) : rows_(std::move(rows)) {}
  bool MayHold(uint32_t key_group) const override { return rows_->MayHold(key_group); }
  Status Read(std::span<const Key> keys, const std::function<Status(const Found&)>& found) override {
    ++reads;
    keys_read += keys.size();
    return failure.ok() ? rows_->Read(keys, found) : failure;
  }
  void Put(const ColdPlace& place, std::string_view value, bool changed) override {
    ++puts;
    rows_->Put(place, value, changed);
  }
  void Erase(const ColdPlace& place) override { rows_->Erase(place); }
  Status Write() override { return failure.ok() ? rows_->Write() : failure; }
  StatusOr<std::shared_ptr<const ColdCut>> Cut() override { return rows_->Cut(); }
  StatusOr<std::shared_ptr<const ColdCut>> View() override { return rows_->View(); }

  uint64_t reads = 0;
  uint64_t keys_read = 0;
  uint64_t puts = 0;
  Status failure;

 private:
  const std::unique_ptr<ColdRows> rows_;
};

template <class T>
struct Fixture {
  explicit Fixture(uint64_t cache_bytes_max) {
    store.SetLayout(KeyOpsOf<uint64_t>(), {state.declaration()});
    state.Bind(store, 0);
    auto watched = std::make_unique<WatchedColdRows>(testing::NewColdRows(0, kMaxParallelism - 1, 1));
    cold = watched.get();
    store.AttachCold(std::move(watched), cache_bytes_max);
  }
  // A batch of so many keys from `first` on: adds `value` to each.
  void Add(uint64_t first, uint64_t count, const T& value) {
    for (uint64_t key = first; key < first + count; ++key) store.Want(key, HashKey(key));
    store.FetchWanted();
    for (uint64_t key = first; key < first + count; ++key) {
      store.SetCurrentKey(key, HashKey(key));
      const T* const old = state.Peek();
      state.Update(old != nullptr ? *old + value : value);
    }
    store.EndBatch(static_cast<uint32_t>(count));
  }
  T Read(uint64_t key) {
    store.SetCurrentKey(key, HashKey(key));
    const T value = state.Value().value_or(T());
    store.ForgetKey();
    return value;
  }

  KeyedStateStore store{0, kMaxParallelism - 1, kMaxParallelism};
  ValueState<T> state{"state"};
  WatchedColdRows* cold = nullptr;
};

TEST(CachedRowsTest, RowsBeyondTheBudgetLeaveMemoryAndComeBack) {
  constexpr uint64_t kBudget = 2'000'000;
  constexpr uint64_t kKeys = 200'000;
  Fixture<uint64_t> fixture(kBudget);
  for (int round = 1; round <= 3; ++round) {
    for (uint64_t first = 0; first < kKeys; first += 100) {
      fixture.Add(first, 100, 1);
      ASSERT_LE(fixture.store.memory_bytes(), kBudget + kBudget / 2) << "the tables grow in steps";
    }
  }
  EXPECT_GT(fixture.store.row_count(), 30'000u) << "the budget is used";
  for (uint64_t key = 0; key < kKeys; key += 97) ASSERT_EQ(fixture.Read(key), 3u) << key;
}

TEST(CachedRowsTest, WhatValuesOwnCounts) {
  constexpr uint64_t kBudget = 1'000'000;
  Fixture<std::string> fixture(kBudget);
  const std::string value(1'000, 'x');
  for (uint64_t first = 0; first < 20'000; first += 50) {
    fixture.Add(first, 50, value);
    ASSERT_LE(fixture.store.row_count() * value.size(), kBudget + kBudget / 4);
  }
  EXPECT_GT(fixture.store.row_count() * value.size(), kBudget / 2);
  EXPECT_EQ(fixture.Read(17), value);
}

TEST(CachedRowsTest, ABatchIsOneReadOfItsDistinctMissingKeys) {
  Fixture<uint64_t> fixture(1'000);
  fixture.Add(0, 1'000, 1);
  fixture.cold->reads = fixture.cold->keys_read = 0;
  for (const uint64_t key : {5, 6, 5, 7, 6, 5}) fixture.store.Want(key, HashKey(key));
  fixture.store.FetchWanted();
  EXPECT_EQ(fixture.cold->reads, 1u);
  EXPECT_LE(fixture.cold->keys_read, 3u);
  for (const uint64_t key : {5, 6, 7}) {
    fixture.store.SetCurrentKey(key, HashKey(key));
    EXPECT_EQ(fixture.state.Value(), 1u);
  }
  EXPECT_EQ(fixture.cold->reads, 1u) << "nothing is read for keys that were fetched";
  fixture.store.EndBatch(6);
}

TEST(CachedRowsTest, StateThatFitsIsNeitherWrittenNorRead) {
  Fixture<uint64_t> fixture(10'000'000);
  for (int round = 0; round < 3; ++round) fixture.Add(0, 10'000, 1);
  EXPECT_EQ(fixture.cold->puts, 0u);
  EXPECT_EQ(fixture.cold->keys_read, 0u);
  EXPECT_EQ(fixture.store.cold_counts().evicted, 0u);
}

TEST(CachedRowsTest, WhatIsUsedStaysLongerThanWhatIsNot) {
  Fixture<uint64_t> fixture(100'000);
  for (uint64_t first = 100; first < 100'000; first += 100) {
    fixture.Add(0, 100, 1);
    fixture.Add(first, 100, 1);
  }
  fixture.cold->keys_read = 0;
  fixture.Add(0, 100, 1);
  EXPECT_EQ(fixture.cold->keys_read, 0u);
}

TEST(CachedRowsTest, RowsThatWereOnlyReadAreNotWrittenAgain) {
  Fixture<uint64_t> fixture(1'000);
  fixture.Add(0, 10'000, 1);
  for (uint64_t key = 0; key < 10'000; ++key) ASSERT_EQ(fixture.Read(key), 1u);  // Whatever still differed is written by now.
  fixture.cold->puts = 0;
  for (uint64_t key = 0; key < 10'000; ++key) ASSERT_EQ(fixture.Read(key), 1u);
  EXPECT_LE(fixture.cold->puts, 100u);
}

TEST(CachedRowsTest, ClearedRowsStayCleared) {
  Fixture<uint64_t> fixture(1'000);
  fixture.Add(0, 1'000, 1);
  for (uint64_t key = 0; key < 1'000; key += 2) {
    fixture.store.SetCurrentKey(key, HashKey(key));
    fixture.state.Clear();
    EXPECT_EQ(fixture.state.Value(), std::nullopt);
  }
  fixture.store.EndBatch(0);
  uint64_t left = 0;
  fixture.store.ForEachKey([&](const void* key) {
    EXPECT_EQ(*static_cast<const uint64_t*>(key) % 2, 1u);
    ++left;
  });
  EXPECT_EQ(left, 500u);
  fixture.Add(0, 10, 7);
  EXPECT_EQ(fixture.Read(2), 7u);
  EXPECT_EQ(fixture.Read(3), 8u);
}

TEST(CachedRowsTest, VisitsEachKeyOnceThoughVisitsChangeWhatTheyMeet) {
  Fixture<uint64_t> fixture(2'000);
  fixture.Add(0, 3'000, 1);
  uint64_t visits = 0;
  fixture.store.ForEachKey([&](const void* key) {
    ++visits;
    const uint64_t current = *static_cast<const uint64_t*>(key);
    fixture.store.KeepKey(current);
    if (current % 3 == 0) fixture.state.Clear();
    if (current % 3 == 1) fixture.state.Update(100);
  });
  EXPECT_EQ(visits, 3'000u);
  EXPECT_EQ(fixture.Read(3), 0u);
  EXPECT_EQ(fixture.Read(4), 100u);
  EXPECT_EQ(fixture.Read(5), 1u);
}

TEST(CachedRowsTest, AFailureIsToldAtTheNextRead) {
  Fixture<uint64_t> fixture(1'000);
  fixture.Add(0, 1'000, 1);
  fixture.cold->failure = Unavailable("disk full");
  const auto read_all = [&] {
    for (uint64_t key = 0; key < 1'000; ++key) fixture.Read(key);
  };
  EXPECT_THROW(read_all(), std::runtime_error);
  fixture.store.ForgetKey();
  for (uint64_t key = 0; key < 1'000; ++key) fixture.store.Want(key, HashKey(key));
  EXPECT_THROW(fixture.store.FetchWanted(), std::runtime_error);
  fixture.store.EndBatch(1);
}

TEST(CachedRowsTest, AFailureToWriteEvictedRowsIsNotForgotten) {
  Fixture<uint64_t> fixture(1'000);
  fixture.Add(0, 1'000, 1);
  for (uint64_t key = 5'000; key < 5'500; ++key) fixture.store.Want(key, HashKey(key));
  fixture.store.FetchWanted();
  fixture.cold->failure = Unavailable("disk full");
  for (uint64_t key = 5'000; key < 5'500; ++key) {
    fixture.store.SetCurrentKey(key, HashKey(key));
    fixture.state.Update(1);
  }
  fixture.store.EndBatch(500);
  fixture.cold->failure = Status::Ok();
  EXPECT_THROW(fixture.store.FetchWanted(), std::runtime_error) << "rows that left memory are nowhere";
  fixture.store.EndBatch(0);
}

}  // namespace
}  // namespace weir
