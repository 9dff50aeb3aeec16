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
  OperatorStatePartition partition{.name = name, .mode = mode, .schema = "of " + name, .items = {}};
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
      EXPECT_EQ(partition.schema, "of " + name);
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

// ---- R25: subtasks that had ended ----

enum class Mark { kRunning, kDrained, kFinished };

// How far each subtask of a vertex had come; a finished one has no state.
void SetMarks(VertexCheckpoint& vertex, const std::vector<Mark>& marks) {
  ASSERT_EQ(vertex.subtasks.size(), marks.size());
  for (size_t i = 0; i < marks.size(); ++i) {
    if (marks[i] == Mark::kFinished) vertex.subtasks[i] = {.finished = true, .snapshot = {}};
    if (marks[i] == Mark::kDrained) vertex.subtasks[i].snapshot.drained = true;
  }
}

std::vector<Mark> MarksOf(const std::vector<SubtaskRestore>& subtasks) {
  std::vector<Mark> marks;
  for (const SubtaskRestore& subtask : subtasks) marks.push_back(subtask.finished ? Mark::kFinished : subtask.state.drained ? Mark::kDrained : Mark::kRunning);
  return marks;
}

using Marks = std::vector<Mark>;

// line of `sources` and `counts` whose sources have all ended, as they must when a count has.
CheckpointMetadata EndedMetadata(const Marks& sources, const Marks& counts) {
  CheckpointMetadata metadata = MetadataOf(LineGraph(static_cast<uint32_t>(sources.size()), static_cast<uint32_t>(counts.size()), 1));
  SetMarks(metadata.vertices[0], sources);
  SetMarks(metadata.vertices[1], counts);
  return metadata;
}

// Key groups of "count" that any new subtask gets.
std::vector<bool> RestoredKeyGroups(const StateAssignment& assignment) {
  std::vector<bool> restored(128);
  for (const SubtaskRestore& subtask : assignment.subtasks[1]) {
    for (const OperatorSubtaskState& state : subtask.state.operators) {
      for (const KeyedStateHandle& handle : state.keyed) {
        for (uint32_t group = handle.key_groups.start; group <= handle.key_groups.end; ++group) restored[group] = true;
      }
    }
  }
  return restored;
}

TEST(StateAssignmentTest, R25EachSubtaskStaysWhatItWasWhenTheParallelismIsKept) {
  const CheckpointMetadata metadata = EndedMetadata({Mark::kDrained, Mark::kFinished}, {Mark::kRunning, Mark::kDrained, Mark::kFinished});
  const auto same = AssignState(LineGraph(2, 3, 1), metadata, false);
  ASSERT_TRUE(same.ok()) << same.status().ToString();
  EXPECT_EQ(MarksOf(same->subtasks[0]), (Marks{Mark::kDrained, Mark::kFinished}));
  EXPECT_EQ(MarksOf(same->subtasks[1]), (Marks{Mark::kRunning, Mark::kDrained, Mark::kFinished}));
  EXPECT_EQ(same->subtasks[1][1].state.operators.size(), 1u);  // A drained one keeps its state.
}

TEST(StateAssignmentTest, R25AVertexThatHadEndedStaysEndedWithAnyParallelism) {
  const struct {
    Marks before;
    Mark after;
  } cases[] = {{{Mark::kFinished, Mark::kFinished}, Mark::kFinished}, {{Mark::kDrained, Mark::kDrained}, Mark::kDrained}, {{Mark::kFinished, Mark::kDrained}, Mark::kDrained}};
  for (const auto& one : cases) {
    for (const uint32_t parallelism : {1u, 3u}) {
      const auto assignment = AssignState(LineGraph(2, parallelism, 1), EndedMetadata({Mark::kFinished, Mark::kFinished}, one.before), false);
      ASSERT_TRUE(assignment.ok()) << assignment.status().ToString();
      EXPECT_EQ(MarksOf(assignment->subtasks[1]), Marks(parallelism, one.after));
    }
  }
}

TEST(StateAssignmentTest, R25AVertexThatHadEndedInPartGoesOnWithTheKeysThatHadNot) {
  for (const Mark ended : {Mark::kDrained, Mark::kFinished}) {
    const CheckpointMetadata metadata = EndedMetadata({Mark::kDrained, Mark::kDrained}, {ended, Mark::kRunning});
    for (const uint32_t parallelism : {1u, 3u}) {
      const auto assignment = AssignState(LineGraph(2, parallelism, 1), metadata, false);
      ASSERT_TRUE(assignment.ok()) << assignment.status().ToString();
      EXPECT_EQ(MarksOf(assignment->subtasks[1]), Marks(parallelism, Mark::kRunning));
      // Finish ran for the keys of the first old subtask: no new one has them.
      const std::vector<bool> restored = RestoredKeyGroups(*assignment);
      for (uint32_t group = 0; group < 128; ++group) EXPECT_EQ(restored[group], SubtaskOfKeyGroup(group, 2, 128) == 1) << group;
    }
  }
}

TEST(StateAssignmentTest, R25ListsOfEndedSubtasksAreDealtOut) {
  CheckpointMetadata metadata = MetadataOf(LineGraph(1, 1, 2));
  metadata.vertices[2].subtasks[0].snapshot.operators[0].operator_state = Lists("/0", {List("commits", kEven, {1})}).operator_state;
  metadata.vertices[2].subtasks[1].snapshot.operators[0].operator_state = Lists("/1", {List("commits", kEven, {2})}).operator_state;
  SetMarks(metadata.vertices[0], {Mark::kDrained});
  SetMarks(metadata.vertices[1], {Mark::kDrained});
  SetMarks(metadata.vertices[2], {Mark::kDrained, Mark::kRunning});
  const auto assignment = AssignState(LineGraph(1, 1, 1), metadata, false);
  ASSERT_TRUE(assignment.ok()) << assignment.status().ToString();
  EXPECT_EQ(ItemsOf(assignment->subtasks[2][0].state.operators[0], "commits"), (Strings{"/0:1", "/1:2"}));
}

void ExpectRefused(const Status& status, const Strings& said) {
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  for (const std::string& text : said) EXPECT_NE(status.message().find(text), std::string::npos) << "no \"" << text << "\" in: " << status.message();
}

TEST(StateAssignmentTest, R25AUnionListKeepsAVertexThatHadEndedInPartFromRescaling) {
  CheckpointMetadata metadata = EndedMetadata({Mark::kDrained}, {Mark::kDrained, Mark::kRunning});
  metadata.vertices[1].subtasks[1].snapshot.operators[0].operator_state = Lists("/1", {List("u", RedistributionMode::kUnion, {1})}).operator_state;
  EXPECT_TRUE(AssignState(LineGraph(1, 2, 1), metadata, false).ok());
  ExpectRefused(AssignState(LineGraph(1, 3, 1), metadata, false).status(),
                {"vertex=count", "checkpoint=1", "parallelism=3", "parallelism in the checkpoint=2", "union list (\"u\")"});
}

TEST(StateAssignmentTest, R25AnEndedSubtaskThatWouldGetRecordsIsRefused) {
  // Pointwise: each half of the line had its own end.
  JobGraph graph = LineGraph(2, 2, 2);
  for (JobEdge& edge : graph.edges) edge.partitioner = PartitionerKind::kRescale;
  CheckpointMetadata metadata = MetadataOf(graph);
  for (VertexCheckpoint& vertex : metadata.vertices) SetMarks(vertex, {Mark::kDrained, Mark::kRunning});
  EXPECT_TRUE(AssignState(graph, metadata, false).ok());
  // What the first source still had to read is with all of the new ones.
  graph.vertices[0].parallelism = 4;
  ExpectRefused(AssignState(graph, metadata, false).status(),
                {"vertex=count subtask=0", "checkpoint=1", "records from=source parallelism=4", "parallelism in the checkpoint=2"});
}

TEST(StateAssignmentTest, R25OperatorsThatEndedApartCannotBeChainedNow) {
  CheckpointMetadata metadata = EndedMetadata({Mark::kFinished}, {Mark::kRunning});
  JobGraph graph = LineGraph(1, 1, 1);
  graph.vertices[0].chain.push_back(graph.vertices[1].chain[0]);
  graph.vertices.erase(graph.vertices.begin() + 1);
  graph.edges.erase(graph.edges.begin());
  graph.edges[0].from = {0};
  graph.edges[0].to = {1};
  ExpectRefused(AssignState(graph, metadata, false).status(), {"operator=count", "vertex=source", "checkpoint=1", "not chained"});
}

}  // namespace
}  // namespace weir
