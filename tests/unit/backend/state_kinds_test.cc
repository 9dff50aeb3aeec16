// The handles of every kind of keyed state, under one key after the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>

#include <weir/functions.h>
#include <weir/operators/keyed.h>

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

struct Sum {
  int64_t count = 0;
  int64_t sum = 0;
};

class Average final : public AggregateFunction<int64_t, Sum, double> {
 public:
  Sum CreateAccumulator() override { return {}; }
  void Add(const int64_t& value, Sum& accumulator) override {
    ++accumulator.count;
    accumulator.sum += value;
  }
  double GetResult(const Sum& accumulator) override { return static_cast<double>(accumulator.sum) / static_cast<double>(accumulator.count); }
};

class StateKindsTest : public ::testing::Test {
 protected:
  StateKindsTest() { internal::DeclareColumns<std::string>(store_, {&value_, &fallback_, &list_, &map_, &sum_, &average_}); }
  void At(const std::string& key) {
    key_ = *keys_.insert(key).first;
    store_.SetCurrentKey(key_, HashKey(key_));
  }
  std::vector<std::string> Elements() const {
    std::vector<std::string> elements;
    for (const std::string& element : list_.Get()) elements.push_back(element);
    return elements;
  }
  std::map<int64_t, std::string> Entries() const {
    std::map<int64_t, std::string> entries;
    for (const auto& [key, value] : map_) EXPECT_TRUE(entries.emplace(key, value).second);
    return entries;
  }

  KeyedStateStore store_{0, 15, 16};
  std::set<std::string> keys_;
  std::string key_;
  ValueState<int64_t> value_{"value"};
  ValueState<int64_t> fallback_{"fallback", 7};
  ListState<std::string> list_{"list"};
  MapState<int64_t, std::string> map_{"map"};
  ReducingState<int64_t> sum_{"sum", [](const int64_t& a, const int64_t& b) { return a + b; }};
  AggregatingState<Average> average_{"average"};
};

TEST_F(StateKindsTest, NothingIsThereAtFirst) {
  At("a");
  EXPECT_EQ(value_.Value(), std::nullopt);
  EXPECT_EQ(fallback_.Value(), 7);
  EXPECT_TRUE(list_.IsEmpty());
  EXPECT_THAT(Elements(), ElementsAre());
  EXPECT_TRUE(map_.IsEmpty());
  EXPECT_EQ(map_.Get(1), std::nullopt);
  EXPECT_EQ(sum_.Get(), std::nullopt);
  EXPECT_EQ(average_.Get(), std::nullopt);
  EXPECT_EQ(store_.row_count(), 0u);
}

TEST_F(StateKindsTest, AllStatesOfAKeyAreClearedApartAndTheRowGoesWithTheLast) {
  At("a");
  value_.Update(1);
  fallback_.Update(2);
  list_.Add("x");
  map_.Put(1, "one");
  sum_.Add(3);
  average_.Add(4);
  At("b");
  EXPECT_TRUE(list_.IsEmpty());
  At("a");
  EXPECT_EQ(fallback_.Value(), 2);
  fallback_.Clear();
  EXPECT_EQ(fallback_.Value(), 7);
  value_.Clear();
  list_.Clear();
  map_.Clear();
  sum_.Clear();
  EXPECT_EQ(store_.row_count(), 1u);
  EXPECT_EQ(average_.Get(), 4.0);
  average_.Clear();
  EXPECT_EQ(store_.row_count(), 0u);
  EXPECT_TRUE(list_.IsEmpty());
  EXPECT_TRUE(map_.IsEmpty());
}

TEST_F(StateKindsTest, AListKeepsTheOrderInWhichElementsWereAdded) {
  At("a");
  list_.Add("one");
  list_.AddAll(std::vector<std::string>{"two", "three"});
  list_.AddAll(std::vector<std::string>{});
  EXPECT_THAT(Elements(), ElementsAre("one", "two", "three"));
  list_.Update({"four", "five"});
  EXPECT_THAT(Elements(), ElementsAre("four", "five"));
  list_.Update(list_.Get());
  EXPECT_THAT(Elements(), ElementsAre("four", "five"));
  list_.Update(std::vector<std::string>{});
  EXPECT_TRUE(list_.IsEmpty());
  EXPECT_EQ(store_.row_count(), 0u);
}

TEST_F(StateKindsTest, AListOfManyChunksIsReadWhole) {
  At("a");
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) expected.push_back(std::string(static_cast<size_t>(i) * 17, static_cast<char>('a' + i % 26)));
  expected.push_back(std::string(200'000, 'x'));
  expected.push_back("last");
  list_.AddAll(expected);
  EXPECT_EQ(Elements(), expected);
}

TEST_F(StateKindsTest, AListThatChangesWhileItIsIteratedOverIsAnError) {
  At("a");
  list_.AddAll(std::vector<std::string>{"one", "two"});
  EXPECT_THROW(for ([[maybe_unused]] const std::string& element : list_.Get()) list_.Add("more"), std::logic_error);
  EXPECT_THROW(for ([[maybe_unused]] const std::string& element : list_.Get()) list_.Clear(), std::logic_error);
}

// The row, and the key in it, goes with the last state: the key that comes back is the one that was kept.
TEST_F(StateKindsTest, AKeyThatIsVisitedMayLoseAllItsStateAndGetSome) {
  const auto name = [](int i) { return "a key that takes memory of its own " + std::to_string(i); };
  for (int i = 0; i < 100; ++i) {
    At(name(i));
    i % 2 == 0 ? list_.Add("old") : value_.Update(1);
  }
  store_.ForEachKey([&](const void* key) {
    const std::string kept = *static_cast<const std::string*>(key);
    store_.KeepKey(kept);
    value_.Clear();
    list_.Update({"new"});
  });
  EXPECT_EQ(store_.row_count(), 100u);
  for (int i = 0; i < 100; ++i) {
    At(name(i));
    EXPECT_THAT(Elements(), ElementsAre("new"));
  }
}

TEST_F(StateKindsTest, AMapHoldsWhatWasPut) {
  At("a");
  std::map<int64_t, std::string> expected;
  for (int64_t i = 0; i < 1'000; ++i) {
    expected[i * 7] = std::to_string(i);
    map_.Put(i * 7, std::to_string(i));
    if (i % 100 == 5) {
      EXPECT_EQ(Entries(), expected);
    }
  }
  map_.PutAll(std::map<int64_t, std::string>{{7, "seven"}, {-1, "minus"}});
  expected[7] = "seven";
  expected[-1] = "minus";
  EXPECT_EQ(Entries(), expected);
  EXPECT_TRUE(map_.Contains(-1));
  EXPECT_FALSE(map_.Contains(-2));
  EXPECT_EQ(map_.Get(7), "seven");
  for (int64_t i = 0; i < 1'000; ++i) map_.Remove(i * 7);
  map_.Remove(12'345);
  EXPECT_THAT(Entries(), UnorderedElementsAre(std::pair(-1, "minus")));
  map_.Remove(-1);
  EXPECT_TRUE(map_.IsEmpty());
  EXPECT_EQ(store_.row_count(), 0u);
}

TEST_F(StateKindsTest, KeysAndValuesOfAMapAreIteratedOver) {
  At("a");
  map_.PutAll(std::map<int64_t, std::string>{{1, "one"}, {2, "two"}});
  std::vector<int64_t> keys;
  for (const int64_t& key : map_.Keys()) keys.push_back(key);
  EXPECT_THAT(keys, UnorderedElementsAre(1, 2));
  std::vector<std::string> values;
  for (const std::string& value : map_.Values()) values.push_back(value);
  EXPECT_THAT(values, UnorderedElementsAre("one", "two"));
}

TEST_F(StateKindsTest, TheVisitedEntryOfAMapMayBeRemovedOrReplaced) {
  for (const int64_t size : {1, 5, 8, 9, 500}) {
    At("a");
    for (int64_t i = 0; i < size; ++i) map_.Put(i, "old");
    std::set<int64_t> visited;
    for (const auto& [key, value] : map_) {
      const int64_t current = key;
      EXPECT_TRUE(visited.insert(current).second);
      current % 2 == 0 ? map_.Remove(current) : map_.Put(current, "new");
    }
    EXPECT_EQ(visited.size(), static_cast<size_t>(size));
    EXPECT_EQ(Entries().size(), static_cast<size_t>(size / 2));
    for (const int64_t& key : map_.Keys()) map_.Remove(key);
    EXPECT_TRUE(map_.IsEmpty());
  }
}

TEST_F(StateKindsTest, AMapThatGetsAKeyWhileItIsIteratedOverIsAnError) {
  At("a");
  map_.Put(1, "one");
  map_.Put(2, "two");
  EXPECT_THROW(for ([[maybe_unused]] const auto& [key, value] : map_) map_.Put(key + 10, "more"), std::logic_error);
}

TEST_F(StateKindsTest, ReducingTakesTheFirstValueAsItIs) {
  At("a");
  sum_.Add(3);
  EXPECT_EQ(sum_.Get(), 3);
  sum_.Add(4);
  EXPECT_EQ(sum_.Get(), 7);
  sum_.Clear();
  EXPECT_EQ(sum_.Get(), std::nullopt);
}

TEST_F(StateKindsTest, AggregatingYieldsTheResultOfItsAccumulator) {
  At("a");
  average_.Add(3);
  average_.Add(6);
  EXPECT_EQ(average_.Get(), 4.5);
}

std::string MessageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_F(StateKindsTest, WithoutACurrentKeyEveryAccessIsAnErrorThatNamesTheState) {
  At("a");
  value_.Update(1);
  list_.Add("x");
  map_.Put(1, "one");
  store_.ForgetKey();
  const ListState<std::string> never_bound{"unbound"};
  EXPECT_THAT(MessageOf([&] { (void)never_bound.Get(); }), ::testing::HasSubstr("state \"unbound\" is used where no key is current"));
  EXPECT_THAT(MessageOf([&] { (void)value_.Value(); }), ::testing::HasSubstr("\"value\""));
  EXPECT_THAT(MessageOf([&] { value_.Update(1); }), ::testing::HasSubstr("\"value\""));
  EXPECT_THAT(MessageOf([&] { value_.Clear(); }), ::testing::HasSubstr("\"value\""));
  EXPECT_THAT(MessageOf([&] { (void)list_.Get(); }), ::testing::HasSubstr("\"list\""));
  EXPECT_THAT(MessageOf([&] { (void)list_.IsEmpty(); }), ::testing::HasSubstr("\"list\""));
  EXPECT_THAT(MessageOf([&] { list_.Add("y"); }), ::testing::HasSubstr("\"list\""));
  EXPECT_THAT(MessageOf([&] { list_.Update({"y"}); }), ::testing::HasSubstr("\"list\""));
  EXPECT_THAT(MessageOf([&] { list_.Clear(); }), ::testing::HasSubstr("\"list\""));
  EXPECT_THAT(MessageOf([&] { (void)map_.Get(1); }), ::testing::HasSubstr("\"map\""));
  EXPECT_THAT(MessageOf([&] { map_.Put(1, "two"); }), ::testing::HasSubstr("\"map\""));
  EXPECT_THAT(MessageOf([&] { map_.Remove(1); }), ::testing::HasSubstr("\"map\""));
  EXPECT_THAT(MessageOf([&] { (void)map_.Entries(); }), ::testing::HasSubstr("\"map\""));
  EXPECT_THAT(MessageOf([&] { map_.Clear(); }), ::testing::HasSubstr("\"map\""));
  EXPECT_THAT(MessageOf([&] { sum_.Add(1); }), ::testing::HasSubstr("\"sum\""));
  EXPECT_THAT(MessageOf([&] { (void)sum_.Get(); }), ::testing::HasSubstr("\"sum\""));
  EXPECT_THAT(MessageOf([&] { sum_.Clear(); }), ::testing::HasSubstr("\"sum\""));
  EXPECT_THAT(MessageOf([&] { average_.Add(1); }), ::testing::HasSubstr("\"average\""));
  EXPECT_THAT(MessageOf([&] { (void)average_.Get(); }), ::testing::HasSubstr("\"average\""));
  EXPECT_THAT(MessageOf([&] { average_.Clear(); }), ::testing::HasSubstr("\"average\""));
}

TEST_F(StateKindsTest, AnExceptionOfTheFunctionLeavesTheStateAsItWas) {
  KeyedStateStore store(0, 0, 1);
  ReducingState<int64_t> strict{"strict", [](const int64_t& a, const int64_t& b) { return b < 0 ? throw std::runtime_error("negative") : a + b; }};
  internal::DeclareColumns<int64_t>(store, {&strict});
  const int64_t key = 1;
  store.SetCurrentKey(key, HashKey(key));
  strict.Add(5);
  EXPECT_THROW(strict.Add(-1), std::runtime_error);
  EXPECT_EQ(strict.Get(), 5);
}

TEST(StateRestoreTest, RefusesDamagedUnits) {
  KeyedStateStore store(0, 0, 1);
  ListState<std::string> list{"list"};
  MapState<std::string, bool> map{"map"};
  internal::DeclareColumns<int64_t>(store, {&list, &map});
  ByteWriter key;
  key.Put(int64_t{5});
  const std::string chunk("\x02\x01" "a\x01" "b", 5);
  const std::string zero(4, '\0');
  const auto code = [&](uint32_t column, std::string_view name_space, std::string_view value) {
    return store.Restore(column, key.view(), name_space, value).code();
  };
  EXPECT_EQ(code(0, zero.substr(1), chunk), StatusCode::kCorruption);
  EXPECT_EQ(code(0, zero, std::string_view(chunk).substr(0, 4)), StatusCode::kCorruption);
  EXPECT_EQ(code(0, zero, chunk + "x"), StatusCode::kCorruption);
  EXPECT_EQ(code(0, zero, std::string(1, '\0')), StatusCode::kCorruption);
  EXPECT_EQ(code(1, "\x01k", "\x02"), StatusCode::kCorruption);
  EXPECT_EQ(code(1, "\x02k", "\x01"), StatusCode::kCorruption);
  EXPECT_EQ(code(1, "\x01kk", "\x01"), StatusCode::kCorruption);
  EXPECT_EQ(store.RestoreCleared(1, key.view(), "\x05k", false).code(), StatusCode::kOk) << "no map is there";
  EXPECT_EQ(store.RestoreCleared(0, key.view(), "part", true).code(), StatusCode::kCorruption);
  EXPECT_EQ(store.row_count(), 0u);
  EXPECT_TRUE(store.FinishRestore().ok());

  EXPECT_EQ(code(1, "\x01k", "\x01"), StatusCode::kOk);
  EXPECT_EQ(store.RestoreCleared(1, key.view(), "\x05k", false).code(), StatusCode::kCorruption);
  EXPECT_EQ(code(0, std::string("\0\0\0\2", 4), chunk), StatusCode::kOk);
  EXPECT_EQ(store.RestoreCleared(0, key.view(), zero, false).code(), StatusCode::kCorruption);
  EXPECT_EQ(code(0, zero, chunk), StatusCode::kOk);
  EXPECT_EQ(store.FinishRestore().code(), StatusCode::kCorruption) << "chunk 1 is missing";
  EXPECT_EQ(code(0, std::string("\0\0\0\1", 4), chunk), StatusCode::kOk);
  EXPECT_TRUE(store.FinishRestore().ok());
}

}  // namespace
}  // namespace weir
