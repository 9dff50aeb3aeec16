#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/testing/graphs.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using Lists = std::vector<std::vector<uint32_t>>;

JobGraph TwoVertices(uint32_t producers, uint32_t consumers, PartitionerKind kind) {
  JobGraph graph;
  graph.vertices = {testing::Vertex("a", producers), testing::Vertex("b", consumers)};
  graph.edges = {{.from = {0}, .to = {1}, .from_partition = 0, .to_gate = 0, .partitioner = kind, .schema = {}}};
  return graph;
}

Lists AllProducers(uint32_t producers, uint32_t consumers, PartitionerKind kind) {
  const JobGraph graph = TwoVertices(producers, consumers, kind);
  Lists lists;
  for (uint32_t i = 0; i < consumers; ++i) lists.push_back(ProducersOf(graph, graph.edges[0], i));
  return lists;
}

Lists AllConsumers(uint32_t producers, uint32_t consumers, PartitionerKind kind) {
  const JobGraph graph = TwoVertices(producers, consumers, kind);
  Lists lists;
  for (uint32_t i = 0; i < producers; ++i) lists.push_back(ConsumersOf(graph, graph.edges[0], i));
  return lists;
}

TEST(TopologyTest, RescaleFollowsFlinksExamples) {
  EXPECT_EQ(AllProducers(5, 2, PartitionerKind::kRescale), (Lists{{0, 1}, {2, 3, 4}}));
  EXPECT_EQ(AllConsumers(2, 5, PartitionerKind::kRescale), (Lists{{0, 1, 2}, {3, 4}}));
}

TEST(TopologyTest, ForwardConnectsEqualIndexes) {
  EXPECT_EQ(AllConsumers(3, 3, PartitionerKind::kForward), (Lists{{0}, {1}, {2}}));
  EXPECT_EQ(AllProducers(3, 3, PartitionerKind::kForward), (Lists{{0}, {1}, {2}}));
}

TEST(TopologyTest, OtherKindsConnectAllToAll) {
  for (const PartitionerKind kind : {PartitionerKind::kRebalance, PartitionerKind::kShuffle, PartitionerKind::kBroadcast,
                                     PartitionerKind::kGlobal, PartitionerKind::kCustom, PartitionerKind::kKeyGroup}) {
    EXPECT_EQ(AllConsumers(2, 3, kind), (Lists{{0, 1, 2}, {0, 1, 2}})) << PartitionerName(kind);
    EXPECT_EQ(AllProducers(2, 3, kind), (Lists{{0, 1}, {0, 1}, {0, 1}})) << PartitionerName(kind);
  }
}

TEST(TopologyTest, ProducersAndConsumersAreInverseOfEachOther) {
  for (uint32_t producers = 1; producers <= 12; ++producers) {
    for (uint32_t consumers = 1; consumers <= 12; ++consumers) {
      const Lists from = AllConsumers(producers, consumers, PartitionerKind::kRescale);
      Lists inverse(consumers);
      for (uint32_t i = 0; i < producers; ++i) {
        ASSERT_FALSE(from[i].empty());
        for (const uint32_t consumer : from[i]) inverse[consumer].push_back(i);
      }
      EXPECT_EQ(AllProducers(producers, consumers, PartitionerKind::kRescale), inverse) << producers << "->" << consumers;
    }
  }
}

TEST(TopologyTest, KeyGroupRangesFollowFlinksVectors) {
  EXPECT_EQ(KeyGroupRangeOf(128, 3, 0), (KeyGroupRange{0, 42}));
  EXPECT_EQ(KeyGroupRangeOf(128, 3, 1), (KeyGroupRange{43, 85}));
  EXPECT_EQ(KeyGroupRangeOf(128, 3, 2), (KeyGroupRange{86, 127}));
}

TEST(TopologyTest, R20EveryKeyGroupBelongsToTheSubtaskThatRoutingNames) {
  for (const uint32_t max_parallelism : {1u, 7u, 128u, 32'768u}) {
    for (uint32_t parallelism = 1; parallelism <= std::min(max_parallelism, 40u); ++parallelism) {
      uint32_t next = 0;
      for (uint32_t subtask = 0; subtask < parallelism; ++subtask) {
        const KeyGroupRange range = KeyGroupRangeOf(max_parallelism, parallelism, subtask);
        ASSERT_EQ(range.start, next);
        EXPECT_EQ(SubtaskOfKeyGroup(range.start, parallelism, max_parallelism), subtask);
        EXPECT_EQ(SubtaskOfKeyGroup(range.end, parallelism, max_parallelism), subtask);
        next = range.end + 1;
      }
      EXPECT_EQ(next, max_parallelism);
    }
  }
}

TEST(TopologyTest, DefaultMaxParallelismFollowsFlinksVectors) {
  const std::vector<std::pair<uint32_t, uint32_t>> vectors = {{1, 128},  {85, 128},    {86, 256},      {170, 256},
                                                              {200, 512}, {1'000, 2'048}, {22'000, 32'768}};
  for (const auto& [parallelism, expected] : vectors) EXPECT_EQ(DefaultMaxParallelism(parallelism), expected);
}

}  // namespace
}  // namespace weir
