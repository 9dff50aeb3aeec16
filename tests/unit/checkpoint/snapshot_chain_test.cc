#include "state/checkpoint/snapshot_chain.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

KeyedStateHandle Handle(const std::string& path, uint64_t size_bytes) {
  KeyedStateHandle handle;
  handle.bytes.path = path;
  handle.bytes.size_bytes = size_bytes;
  return handle;
}

std::vector<std::string> Paths(const StatusOr<std::vector<KeyedStateHandle>>& handles) {
  std::vector<std::string> paths;
  if (handles.ok()) {
    for (const KeyedStateHandle& handle : *handles) paths.push_back(handle.bytes.path);
  }
  return paths;
}

using Strings = std::vector<std::string>;

class SnapshotChainTest : public ::testing::Test {
 protected:
  // Begins a snapshot and reports it durable.
  void Take(const std::string& path, uint64_t size_bytes) { chain_.OnDurable(chain_.Begin().number, Handle(path, size_bytes)); }

  SnapshotChain chain_{SnapshotChain::Limits{.delta_bytes_max = 100, .merge_deltas_min = 3}};
};

TEST_F(SnapshotChainTest, NamesEveryDeltaSinceTheBase) {
  const SnapshotChain::Begun base = chain_.Begin();
  EXPECT_TRUE(base.is_base);
  // The next barrier may come before the file of the last is durable.
  const SnapshotChain::Begun delta = chain_.Begin();
  EXPECT_FALSE(delta.is_base);
  chain_.OnDurable(base.number, Handle("base", 1'000));
  EXPECT_EQ(Paths(chain_.HandlesOf(base.number)), (Strings{"base"}));
  chain_.OnDurable(delta.number, Handle("delta", 10));
  EXPECT_EQ(Paths(chain_.HandlesOf(delta.number)), (Strings{"base", "delta"}));
  EXPECT_EQ(Paths(chain_.HandlesOf(base.number)), (Strings{"base"}));
}

TEST_F(SnapshotChainTest, AFailureBreaksWhatStandsOnItUntilTheNextBase) {
  Take("base", 1'000);
  const SnapshotChain::Begun lost = chain_.Begin();
  const SnapshotChain::Begun on_lost = chain_.Begin();
  chain_.OnFailed(lost.number);
  EXPECT_FALSE(chain_.HandlesOf(lost.number).ok());
  chain_.OnDurable(on_lost.number, Handle("delta", 1));
  EXPECT_FALSE(chain_.HandlesOf(on_lost.number).ok());
  const SnapshotChain::Begun fresh = chain_.Begin();
  EXPECT_TRUE(fresh.is_base);
  chain_.OnDurable(fresh.number, Handle("base2", 1'000));
  EXPECT_EQ(Paths(chain_.HandlesOf(fresh.number)), (Strings{"base2"}));
  EXPECT_FALSE(chain_.Begin().is_base);
}

TEST_F(SnapshotChainTest, TakesANewBaseWhenDeltasWeighMoreThanTheLimitAndHalfTheBase) {
  Take("base", 1'000);
  Take("d1", 101);  // Over the limit, not over half of the base.
  const SnapshotChain::Begun second = chain_.Begin();
  EXPECT_FALSE(second.is_base);
  chain_.OnDurable(second.number, Handle("d2", 400));
  EXPECT_TRUE(chain_.Begin().is_base);
}

TEST_F(SnapshotChainTest, ASmallStateIsNotABaseEachTime) {
  Take("base", 10);
  Take("d1", 10);
  EXPECT_FALSE(chain_.Begin().is_base);
}

TEST_F(SnapshotChainTest, EverySnapshotIsABaseWithoutIncrements) {
  SnapshotChain chain(SnapshotChain::Limits{.incremental = false});
  for (int i = 0; i < 3; ++i) {
    const SnapshotChain::Begun begun = chain.Begin();
    EXPECT_TRUE(begun.is_base);
    chain.OnDurable(begun.number, Handle("f" + std::to_string(i), 1));
    EXPECT_EQ(Paths(chain.HandlesOf(begun.number)), (Strings{"f" + std::to_string(i)}));
  }
}

TEST_F(SnapshotChainTest, MergesNeighboursOfOneGeneration) {
  Take("base", 100'000);
  for (const char* path : {"d1", "d2"}) Take(path, 1);
  EXPECT_FALSE(chain_.PlanMerge().has_value());
  Take("d3", 1);
  const std::optional<SnapshotChain::Merge> merge = chain_.PlanMerge();
  ASSERT_TRUE(merge.has_value());
  EXPECT_EQ(Paths(merge->parts), (Strings{"d1", "d2", "d3"}));
  EXPECT_FALSE(chain_.PlanMerge().has_value()) << "one at a time";
  // Snapshots go on meanwhile.
  const SnapshotChain::Begun next = chain_.Begin();
  chain_.OnDurable(next.number, Handle("d4", 1));
  chain_.EndMerge(*merge, Handle("d1-3", 2));
  EXPECT_EQ(Paths(chain_.HandlesOf(next.number)), (Strings{"base", "d1-3", "d4"}));
}

TEST_F(SnapshotChainTest, ManyDeltasBecomeFewFiles) {
  Take("base", 100'000);
  size_t most = 0;
  for (int i = 0; i < 200; ++i) {
    const SnapshotChain::Begun begun = chain_.Begin();
    chain_.OnDurable(begun.number, Handle("d" + std::to_string(i), 1));
    while (const std::optional<SnapshotChain::Merge> merge = chain_.PlanMerge()) chain_.EndMerge(*merge, Handle("m" + std::to_string(i), merge->parts.size()));
    most = std::max(most, Paths(chain_.HandlesOf(begun.number)).size());
  }
  EXPECT_LE(most, 1u + 2u * 5u);  // Two of each generation, 3^5 > 200.
}

TEST_F(SnapshotChainTest, AMergeThatANewBaseOvertookOrThatFailedChangesNothing) {
  Take("base", 1'000);
  for (const char* path : {"d1", "d2", "d3"}) Take(path, 170);
  const std::optional<SnapshotChain::Merge> merge = chain_.PlanMerge();
  ASSERT_TRUE(merge.has_value());
  const SnapshotChain::Begun base = chain_.Begin();
  ASSERT_TRUE(base.is_base);
  chain_.OnDurable(base.number, Handle("base2", 1'000));
  chain_.EndMerge(*merge, Handle("d1-3", 500));
  EXPECT_EQ(Paths(chain_.HandlesOf(base.number)), (Strings{"base2"}));
  for (const char* path : {"e1", "e2", "e3"}) Take(path, 10);
  const std::optional<SnapshotChain::Merge> second = chain_.PlanMerge();
  ASSERT_TRUE(second.has_value());
  chain_.EndMerge(*second, std::nullopt);
  const SnapshotChain::Begun last = chain_.Begin();
  chain_.OnDurable(last.number, Handle("e4", 10));
  EXPECT_EQ(Paths(chain_.HandlesOf(last.number)), (Strings{"base2", "e1", "e2", "e3", "e4"}));
}

}  // namespace
}  // namespace weir
