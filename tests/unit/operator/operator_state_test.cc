// Operator state of one subtask: what is saved, restored, kept unasked, and refused.
#include <weir/state/operator_state.h>

#include <gtest/gtest.h>

#include <weir/weir.h>

#include "tests/unit/operator/operator_bench.h"

namespace weir {
namespace {

using testing::OperatorBench;
using testing::SavedStates;

std::vector<RestoredOperatorState> Save(const OperatorStateStore& store) {
  SavedStates saved;
  store.Save(saved);
  return saved.states;
}

const MapStateDescriptor<std::string, int64_t> kRules{"rules"};

TEST(OperatorStateTest, ListsAndBroadcastMapsComeBack) {
  OperatorStateStore store;
  OperatorListState<std::string> words = store.GetListState<std::string>("words");
  words.Add("a");
  words.AddAll(std::vector<std::string>{"b", "c"});
  words.AddAll(words.Get());
  OperatorListState<int64_t> offsets = store.GetUnionListState<int64_t>("offsets");
  offsets.Update({7, 8});
  BroadcastState<std::string, int64_t> rules = store.GetBroadcastState(kRules);
  rules.Put("x", 1);
  rules.PutAll(std::map<std::string, int64_t>{{"y", 2}, {"z", 3}});
  rules.Remove("y");

  OperatorStateStore restored(Save(store));
  EXPECT_EQ(restored.RegisteredStateNames(), (std::vector<std::string>{"offsets", "words"}));
  EXPECT_EQ(restored.RegisteredBroadcastStateNames(), std::vector<std::string>{"rules"});
  EXPECT_EQ(restored.GetListState<std::string>("words").Get(), (std::vector<std::string>{"a", "b", "c", "a", "b", "c"}));
  EXPECT_EQ(restored.GetUnionListState<int64_t>("offsets").Get(), (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(restored.GetBroadcastState(kRules).Entries(), (std::map<std::string, int64_t>{{"x", 1}, {"z", 3}}));
  EXPECT_EQ(restored.GetBroadcastState(kRules).Get("x"), 1);
  EXPECT_FALSE(restored.GetBroadcastState(kRules).Contains("y"));
}

TEST(OperatorStateTest, WhatNobodyAsksForStaysInLaterSnapshots) {
  OperatorStateStore store;
  store.GetListState<int64_t>("old").Update({1, 2, 3});
  store.GetListState<int64_t>("empty");
  OperatorStateStore unasked(Save(store));
  OperatorStateStore again(Save(unasked));
  EXPECT_EQ(again.RegisteredStateNames(), (std::vector<std::string>{"empty", "old"}));
  EXPECT_EQ(again.GetListState<int64_t>("old").Get(), (std::vector<int64_t>{1, 2, 3}));
}

TEST(OperatorStateTest, AnotherKindOrTypeIsRefusedByName) {
  OperatorStateStore store;
  store.GetListState<int64_t>("numbers").Add(1);
  EXPECT_EQ(store.GetListState<int64_t>("numbers").Get().size(), 1u) << "the same state again";
  EXPECT_THROW(store.GetUnionListState<int64_t>("numbers"), std::logic_error);
  EXPECT_THROW(store.GetListState<std::string>("numbers"), std::logic_error);
  EXPECT_THROW(store.GetListState<int64_t>(""), std::logic_error);
  OperatorStateStore restored(Save(store));
  try {
    restored.GetListState<std::string>("numbers");
    FAIL() << "restored as another type";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "operator state \"numbers\" cannot be restored: the snapshot holds i64, the job asks for string: the value was i64, now it is string");
  }
}

struct OldOffset {
  int32_t next;
  std::string file;
};
struct Offset {
  std::string file;
  int64_t next;
  std::string host = "any";
  bool operator==(const Offset&) const = default;
};

TEST(OperatorStateTest, ItemsWhoseSchemaHasChangedAreMigrated) {
  OperatorStateStore store;
  store.GetListState<OldOffset>("list").AddAll(std::vector<OldOffset>{{1, "a"}, {-2, "b"}});
  store.GetUnionListState<uint8_t>("union").Update({255, 0});
  store.GetBroadcastState(MapStateDescriptor<std::string, OldOffset>("map")).Put("x", {3, "c"});
  OperatorStateStore restored(Save(store));
  EXPECT_EQ(restored.GetListState<Offset>("list").Get(), (std::vector<Offset>{{"a", 1, "any"}, {"b", -2, "any"}}));
  EXPECT_EQ(restored.GetUnionListState<int32_t>("union").Get(), (std::vector<int32_t>{255, 0}));
  const MapStateDescriptor<std::string, Offset> map("map");
  EXPECT_EQ(restored.GetBroadcastState(map).Entries(), (std::map<std::string, Offset>{{"x", {"c", 3, "any"}}}));
  // Saved again they have the new schema.
  OperatorStateStore again(Save(restored));
  EXPECT_EQ(again.GetBroadcastState(map).Get("x")->next, 3);
}

TEST(OperatorStateTest, ABroadcastMapKeepsItsKeys) {
  OperatorStateStore store;
  store.GetBroadcastState(MapStateDescriptor<int32_t, int32_t>("map")).Put(1, 2);
  OperatorStateStore restored(Save(store));
  EXPECT_THROW((restored.GetBroadcastState(MapStateDescriptor<int64_t, int32_t>("map"))), std::runtime_error);
}

TEST(OperatorStateTest, ADamagedItemIsRefused) {
  OperatorStateStore store;
  store.GetListState<int64_t>("numbers").Add(1);
  std::vector<RestoredOperatorState> saved = Save(store);
  saved[0].items[0].pop_back();
  OperatorStateStore restored(std::move(saved));
  EXPECT_THROW(restored.GetListState<int64_t>("numbers"), std::runtime_error);
}

class Remembers final : public MapFunction<int64_t, int64_t>, public ListCheckpointed<int64_t>, public CheckpointListener {
 public:
  explicit Remembers(std::vector<std::string>* calls) : calls_(calls) {}
  void Open(RuntimeContext&) override { calls_->push_back("open " + std::to_string(sum_)); }
  int64_t Map(const int64_t& value) override { return sum_ += value; }
  std::vector<int64_t> SnapshotState(uint64_t id, int64_t timestamp_ms) override {
    calls_->push_back("snapshot " + std::to_string(id) + "@" + std::to_string(timestamp_ms));
    return {sum_};
  }
  void RestoreState(std::vector<int64_t> items) override {
    for (const int64_t item : items) sum_ += item;
    calls_->push_back("restore");
  }
  void NotifyCheckpointComplete(uint64_t id) override { calls_->push_back("complete " + std::to_string(id)); }
  void NotifyCheckpointAborted(uint64_t id) override { calls_->push_back("aborted " + std::to_string(id)); }

 private:
  std::vector<std::string>* calls_;
  int64_t sum_ = 0;
};

TEST(OperatorStateTest, ListCheckpointedIsRestoredBeforeItIsOpened) {
  using Op = internal::MapOperator<Remembers, int64_t, int64_t>;
  std::vector<std::string> calls;
  const auto hash = [](int64_t value) { return static_cast<uint64_t>(value); };
  OperatorBench<int64_t> first(std::make_unique<Op>(Remembers(&calls)));
  first.Open();
  first.Feed<int64_t>({1, 2, 3}, {}, hash);
  SavedStates saved;
  SnapshotContext snapshot{5, 1'234, saved};
  first.op().Snapshot(snapshot);
  first.op().NotifyCheckpointAborted(4);

  OperatorBench<int64_t> second(std::make_unique<Op>(Remembers(&calls)));
  second.restored = saved.states;
  second.context().restored_checkpoint_id = 5;
  second.Open();
  second.Feed<int64_t>({10}, {}, hash);
  EXPECT_EQ(second.out.Values(), std::vector<int64_t>{16});
  EXPECT_EQ(calls, (std::vector<std::string>{"open 0", "snapshot 5@1234", "aborted 4", "restore", "open 6"}));
}

}  // namespace
}  // namespace weir
