#include "runtime/graph/state_assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/testing/graphs.h"

namespace weir {
namespace {

using testing::LineGraph;

StateBytes File(const std::string& path) { return {.path = path, .inline_bytes = {}, .size_bytes = 1'000, .checksum = 1}; }

// Items are told apart by the file they are in and by their offset.
OperatorStatePartition List(const std::string& name, RedistributionMode mode, const std::vector<uint64_t>& offsets) {
  OperatorStatePartition partition{.name = name, .mode = mode, .items = {}};
  for (const uint64_t offset : offsets) partition.items.push_back({offset, 1});
  return partition;
}

OperatorSubtaskState Lists(const std::string& path, std::vector<OperatorStatePartition> partitions) {
  OperatorSubtaskState state;
  state.operator_state = {{.partitions = std::move(partitions), .bytes = File(path)}};
  return state;
}

// "path:offset" of the items under `name`.
std::vector<std::string> ItemsOf(const OperatorSubtaskState& state, const std::string& name) {
  std::vector<std::string> items;
  for (const OperatorStateHandle& handle : state.operator_state) {
    for (const OperatorStatePartition& partition : handle.partitions) {
      if (partition.name != name) continue;
      for (const auto& item : partition.items) items.push_back(handle.bytes.path + ":" + std::to_string(item.offset));
    }
  }
  return items;
}

using Strings = std::vector<std::string>;
constexpr RedistributionMode kEven = RedistributionMode::kEvenSplit;

TEST(StateAssignmentTest, EvenSplitFollowsFlinksExample) {
  const std::vector<OperatorSubtaskState> old = {Lists("/0", {List("a", kEven, {1, 2, 3}), List("b", kEven, {8})}),
                                                 Lists("/1", {List("a", kEven, {4, 5}), List("b", kEven, {9})})};
  const auto assigned = AssignOperatorState({}, old, 3, 128);
  EXPECT_EQ(ItemsOf(assigned[0], "a"), (Strings{"/0:1", "/0:2"}));
  EXPECT_EQ(ItemsOf(assigned[1], "a"), (Strings{"/0:3", "/1:4"}));
  EXPECT_EQ(ItemsOf(assigned[2], "a"), (Strings{"/1:5"}));
  EXPECT_EQ(ItemsOf(assigned[2], "b"), (Strings{"/0:8"}));
  EXPECT_EQ(ItemsOf(assigned[0], "b"), (Strings{"/1:9"}));
  EXPECT_EQ(ItemsOf(assigned[1], "b"), Strings{});
}

TEST(StateAssignmentTest, UnchangedParallelismKeepsOwnLists) {
  const std::vector<OperatorSubtaskState> old = {Lists("/0", {List("a", kEven, {1, 2, 3})}), Lists("/1", {List("a", kEven, {})})};
  const auto assigned = AssignOperatorState({}, old, 2, 128);
  EXPECT_EQ(ItemsOf(assigned[0], "a"), (Strings{"/0:1", "/0:2", "/0:3"}));
  EXPECT_EQ(ItemsOf(assigned[1], "a"), Strings{});
  EXPECT_EQ(assigned[1].operator_state, old[1].operator_state);
}

TEST(StateAssignmentTest, UnionGoesToAllInOldOrder) {
  const std::vector<OperatorSubtaskState> old = {Lists("/0", {List("u", RedistributionMode::kUnion, {1})}),
                                                 Lists("/1", {List("u", RedistributionMode::kUnion, {2})})};
  for (const uint32_t parallelism : {1u, 2u, 3u}) {
    for (const auto& state : AssignOperatorState({}, old, parallelism, 128)) {
      EXPECT_EQ(ItemsOf(state, "u"), (Strings{"/0:1", "/1:2"}));
    }
  }
}

TEST(StateAssignmentTest, BroadcastReadsOneOldCopyRoundRobin) {
  const std::vector<OperatorSubtaskState> old = {Lists("/0", {List("b", RedistributionMode::kBroadcast, {1})}),
                                                 Lists("/1", {List("b", RedistributionMode::kBroadcast, {1})})};
  const auto assigned = AssignOperatorState({}, old, 3, 128);
  EXPECT_EQ(ItemsOf(assigned[0], "b"), (Strings{"/0:1"}));
  EXPECT_EQ(ItemsOf(assigned[1], "b"), (Strings{"/1:1"}));
  EXPECT_EQ(ItemsOf(assigned[2], "b"), (Strings{"/0:1"}));
}

TEST(StateAssignmentTest, BroadcastSkipsSubtasksThatHadFinished) {
  const std::vector<OperatorSubtaskState> old = {{}, Lists("/1", {List("b", RedistributionMode::kBroadcast, {1})})};
  for (const auto& state : AssignOperatorState({}, old, 2, 128)) EXPECT_EQ(ItemsOf(state, "b"), (Strings{"/1:1"}));
}

// R20: for every pair of parallelisms, each key group has exactly one new owner, from the file that held it.
TEST(StateAssignmentTest, R20RestoredKeyGroupsAreAPartition) {
  constexpr uint32_t kMax = 37;
  for (uint32_t old_parallelism = 1; old_parallelism <= 9; ++old_parallelism) {
    std::vector<OperatorSubtaskState> old(old_parallelism);
    for (uint32_t i = 0; i < old_parallelism; ++i) {
      old[i].keyed = {{KeyGroupRangeOf(kMax, old_parallelism, i), File("/" + std::to_string(i))}};
    }
    for (uint32_t parallelism = 1; parallelism <= 9; ++parallelism) {
      std::vector<std::string> owner(kMax);
      const auto assigned = AssignOperatorState({}, old, parallelism, kMax);
      for (uint32_t i = 0; i < parallelism; ++i) {
        for (const KeyedStateHandle& handle : assigned[i].keyed) {
          for (uint32_t group = handle.key_groups.start; group <= handle.key_groups.end; ++group) {
            EXPECT_EQ(SubtaskOfKeyGroup(group, parallelism, kMax), i);
            EXPECT_EQ(owner[group], "");
            owner[group] = handle.bytes.path;
          }
        }
      }
      for (uint32_t group = 0; group < kMax; ++group) {
        EXPECT_EQ(owner[group], "/" + std::to_string(SubtaskOfKeyGroup(group, old_parallelism, kMax)));
      }
    }
  }
}

CheckpointMetadata MetadataOf(const JobGraph& graph) {
  CheckpointMetadata metadata;
  metadata.id = {1};
  for (const JobVertex& vertex : graph.vertices) {
    VertexCheckpoint entry{.operators = {}, .parallelism = vertex.parallelism, .max_parallelism = vertex.max_parallelism, .subtasks = {}};
    for (const ChainedOperator& op : vertex.chain) entry.operators.push_back({op.id, op.uid});
    entry.subtasks.resize(vertex.parallelism);
    for (uint32_t i = 0; i < vertex.parallelism; ++i) {
      OperatorSubtaskState state{.operator_id = vertex.id(), .keyed = {}, .operator_state = {}};
      if (vertex.chain[0].keyed) state.keyed = {{KeyGroupRangeOf(vertex.max_parallelism, vertex.parallelism, i), File("/k")}};
      entry.subtasks[i].snapshot.operators = {state};
    }
    metadata.vertices.push_back(entry);
  }
  return metadata;
}

TEST(StateAssignmentTest, ADefaultedMaxParallelismGivesWayToTheCheckpoints) {
  CheckpointMetadata metadata = MetadataOf(LineGraph(1, 2, 1));
  JobGraph graph = LineGraph(1, 2, 1);
  graph.vertices[1].max_parallelism = 256;
  const auto assignment = AssignState(graph, metadata, false);
  ASSERT_TRUE(assignment.ok()) << assignment.status().ToString();
  EXPECT_EQ(assignment->max_parallelism[1], 128u);
}

TEST(StateAssignmentTest, R20AnExplicitMaxParallelismThatDiffersIsRefused) {
  const CheckpointMetadata metadata = MetadataOf(LineGraph(1, 2, 1));
  JobGraph graph = LineGraph(1, 2, 1);
  graph.vertices[1].max_parallelism = 256;
  graph.vertices[1].max_parallelism_explicit = true;
  EXPECT_EQ(AssignState(graph, metadata, false).status().code(), StatusCode::kInvalidArgument);
}

TEST(StateAssignmentTest, R20ParallelismBeyondTheCheckpointsMaxIsRefused) {
  const CheckpointMetadata metadata = MetadataOf(LineGraph(1, 2, 1));
  JobGraph graph = LineGraph(1, 200, 1);
  graph.vertices[1].max_parallelism = 256;
  EXPECT_EQ(AssignState(graph, metadata, false).status().code(), StatusCode::kInvalidArgument);
}

TEST(StateAssignmentTest, R20ForeignKeyGroupsAreCorruption) {
  CheckpointMetadata metadata = MetadataOf(LineGraph(1, 2, 1));
  metadata.vertices[1].subtasks[0].snapshot.operators[0].keyed[0].key_groups.end = 127;
  EXPECT_EQ(AssignState(LineGraph(1, 2, 1), metadata, false).status().code(), StatusCode::kCorruption);
}

TEST(StateAssignmentTest, StateWithoutOperatorNeedsPermission) {
  const CheckpointMetadata metadata = MetadataOf(LineGraph(1, 2, 1));
  JobGraph graph = LineGraph(1, 2, 1);
  graph.vertices[1] = testing::Vertex("other", 2);
  EXPECT_EQ(AssignState(graph, metadata, false).status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(AssignState(graph, metadata, true).ok());
}

TEST(StateAssignmentTest, R25FinishedSubtasksStayFinishedWhenTheParallelismIsKept) {
  CheckpointMetadata metadata = MetadataOf(LineGraph(2, 2, 1));
  metadata.vertices[0].subtasks[1] = {.finished = true, .snapshot = {}};
  const auto same = AssignState(LineGraph(2, 2, 1), metadata, false);
  ASSERT_TRUE(same.ok());
  EXPECT_FALSE(same->subtasks[0][0].finished);
  EXPECT_TRUE(same->subtasks[0][1].finished);
  const auto wider = AssignState(LineGraph(3, 2, 1), metadata, false);
  ASSERT_TRUE(wider.ok());
  for (const SubtaskRestore& subtask : wider->subtasks[0]) EXPECT_FALSE(subtask.finished);
  metadata.vertices[0].subtasks[0] = {.finished = true, .snapshot = {}};
  const auto all = AssignState(LineGraph(3, 2, 1), metadata, false);
  ASSERT_TRUE(all.ok());
  for (const SubtaskRestore& subtask : all->subtasks[0]) EXPECT_TRUE(subtask.finished);
}

}  // namespace
}  // namespace weir
