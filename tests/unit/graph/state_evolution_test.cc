// What becomes of each state of a snapshot, by what the job declares: decided before anything runs.
#include "runtime/graph/state_evolution.h"

#include <gtest/gtest.h>

#include "runtime/graph/state_assignment.h"
#include "tests/unit/testing/graphs.h"

namespace weir {
namespace {

JobGraph Graph(std::vector<StateDeclaration> states) {
  JobGraph graph = testing::LineGraph(1, 2, 1);
  graph.vertices[0].chain[0].states.clear();
  graph.vertices[2].chain[0].states.clear();
  ChainedOperator& count = graph.vertices[1].chain[0];
  count.key_schema = "i64";
  count.states = std::move(states);
  return graph;
}

ChainedOperator& Count(JobGraph& graph) { return graph.vertices[1].chain[0]; }

void Rename(ChainedOperator& op, const std::string& uid) {
  op.uid = uid;
  op.id = OperatorIdFromUid(uid);
}

// What a job with this graph would have saved.
CheckpointMetadata SavedBy(const JobGraph& graph, bool described = true) {
  CheckpointMetadata metadata;
  metadata.id = {1};
  for (const JobVertex& vertex : graph.vertices) {
    VertexCheckpoint& entry = metadata.vertices.emplace_back();
    for (const ChainedOperator& op : vertex.chain) entry.operators.push_back(described ? SavedOperatorOf(op) : SavedOperator{op.id, op.uid});
    entry.parallelism = vertex.parallelism;
    entry.max_parallelism = vertex.max_parallelism;
    entry.subtasks.resize(vertex.parallelism);
    for (uint32_t i = 0; i < vertex.parallelism; ++i) {
      OperatorSubtaskState state{.operator_id = vertex.id(), .keyed = {}, .operator_state = {}};
      const KeyGroupRange range = KeyGroupRangeOf(vertex.max_parallelism, vertex.parallelism, i);
      if (vertex.chain[0].keyed) state.keyed = {{range, {.path = "/k", .inline_bytes = {}, .size_bytes = 1, .checksum = 1}}};
      entry.subtasks[i].snapshot.operators = {state};
    }
  }
  return metadata;
}

const StateDeclaration kLast{"last", "value", "{at:i32,note:string}"};
const StateDeclaration kSeen{"seen", "map", "map<string,i32>"};

struct Case {
  const char* name;
  std::function<void(JobGraph&)> change;
  std::string report;   // "state: verdict" of each, in order.
  std::string refusal;  // Part of it; empty: the job starts.
  std::string refusal_when_allowed = "";
};

std::string Text(const std::vector<StateReport>& reports) {
  std::string text;
  for (const StateReport& report : reports) {
    text += (text.empty() ? "" : ", ") + (report.kind == "key" ? "key" : report.state.empty() ? "?" : report.state) + ": " + std::string(RestoreVerdictName(report.verdict));
  }
  return text;
}

const std::vector<Case>& Cases() {
  static const std::vector<Case> kCases = {
      {"nothing", [](JobGraph&) {}, "key: as is, last: as is, seen: as is", ""},
      {"field added", [](JobGraph& g) { Count(g).states[0].schema = "{at:i32,note:string,by:string}"; }, "key: as is, last: after migration, seen: as is", ""},
      {"field narrowed", [](JobGraph& g) { Count(g).states[0].schema = "{at:i16,note:string}"; }, "key: as is, last: incompatible, seen: as is",
       "state \"last\" of operator \"count\" does not fit the checkpoint: field \"at\" was i32, now it is i16", "field \"at\" was i32"},
      {"kind changed", [](JobGraph& g) { Count(g).states[0].kind = "reducing"; }, "key: as is, last: incompatible, seen: as is",
       "it was saved as a value state, now it is a reducing state", "reducing"},
      {"map key changed", [](JobGraph& g) { Count(g).states[1].schema = "map<i64,i32>"; }, "key: as is, last: as is, seen: incompatible",
       "field \"key\" was string, now it is i64", "now it is i64"},
      {"time-to-live on", [](JobGraph& g) { Count(g).states[0].options = "ttl"; }, "key: as is, last: incompatible, seen: as is",
       "it was saved without a time-to-live, now it has one", "now it has one"},
      {"state added", [](JobGraph& g) { Count(g).states.push_back({"more", "value", "i32"}); }, "key: as is, last: as is, seen: as is, more: new", ""},
      {"state removed", [](JobGraph& g) { Count(g).states.pop_back(); }, "key: as is, last: as is, seen: dropped",
       "state that would be left behind, uid=count state=seen: the operator does not declare it any more"},
      {"state renamed and said so", [](JobGraph& g) { Count(g).states[1] = {"names", "map", "map<string,i64>", "", {"old", "seen"}}; },
       "key: as is, last: as is, names: after migration", ""},
      {"state renamed and not said so", [](JobGraph& g) { Count(g).states[1].name = "names"; }, "key: as is, last: as is, names: new, seen: dropped", "state=seen"},
      {"a new state under a former name", [](JobGraph& g) { Count(g).states[0].former_names = {"older"}; }, "key: as is, last: as is, seen: as is", ""},
      {"no states left", [](JobGraph& g) { Count(g).states.clear(); }, "key: as is, last: dropped, seen: dropped", "state=last"},
      {"not keyed any more",
       [](JobGraph& g) {
         Count(g).keyed = false;
         Count(g).key_schema.clear();
         Count(g).states.clear();
       },
       "last: dropped, seen: dropped", "state=last"},
      {"key type changed", [](JobGraph& g) { Count(g).key_schema = "string"; }, "key: incompatible, last: as is, seen: as is",
       "the key of operator \"count\" does not fit the checkpoint: it was saved with keys of i64, now they are string", "now they are string"},
      {"key widened", [](JobGraph& g) { Count(g).key_schema = "u64"; }, "key: incompatible, last: as is, seen: as is", "now they are u64", "now they are u64"},
      {"uid gone", [](JobGraph& g) { Rename(Count(g), "other"); }, "last: new, seen: new, last: dropped, seen: dropped",
       "state that would be left behind, uid=count state=last: the job lacks the operator"},
      {"uid renamed and said so",
       [](JobGraph& g) {
         Rename(Count(g), "other");
         Count(g).former_uids = {"older", "count"};
       },
       "key: as is, last: as is, seen: as is", ""},
      {"max parallelism changed",
       [](JobGraph& g) {
         g.vertices[1].max_parallelism = 256;
         g.vertices[1].max_parallelism_explicit = true;
       },
       "key: as is, last: as is, seen: as is", "max parallelism differs from the checkpoint's, operator=count job=256 checkpoint=128", "max parallelism"},
  };
  return kCases;
}

TEST(StateEvolutionTest, EveryChangeOfAJobHasItsVerdict) {
  for (const Case& one : Cases()) {
    const CheckpointMetadata metadata = SavedBy(Graph({kLast, kSeen}));
    JobGraph graph = Graph({kLast, kSeen});
    one.change(graph);
    ASSERT_TRUE(graph.Validate().ok()) << one.name << ": " << graph.Validate().ToString();
    EXPECT_EQ(Text(CompareStates(graph, metadata)), one.report) << one.name;
    const Status refused = AssignState(graph, metadata, false).status();
    EXPECT_EQ(refused.ok(), one.refusal.empty()) << one.name << ": " << refused.ToString();
    EXPECT_NE(refused.message().find(one.refusal), std::string::npos) << one.name << ": " << refused.ToString();
    const Status allowed = AssignState(graph, metadata, true).status();
    EXPECT_EQ(allowed.ok(), one.refusal_when_allowed.empty()) << one.name << ": " << allowed.ToString();
    EXPECT_NE(allowed.message().find(one.refusal_when_allowed), std::string::npos) << one.name << ": " << allowed.ToString();
  }
}

TEST(StateEvolutionTest, TimeToLiveGoneIsRefused) {
  JobGraph saved = Graph({kLast});
  Count(saved).states[0].options = "ttl";
  const std::vector<StateReport> reports = CompareStates(Graph({kLast}), SavedBy(saved));
  EXPECT_EQ(reports[1].reason, "it was saved with a time-to-live, now it has none");
}

TEST(StateEvolutionTest, ARenamedStateSaysWhatItWasCalledAndWhatBecomesOfIt) {
  JobGraph graph = Graph({{"count", "value", "i64", "", {"last"}}});
  const std::vector<StateReport> reports = CompareStates(graph, SavedBy(Graph({{"last", "value", "i32"}})));
  EXPECT_EQ(reports[1].reason, "was called \"last\"; the value grows from i32 to i64");
}

TEST(StateEvolutionTest, AnOperatorRenamedHasItsHandles) {
  const CheckpointMetadata metadata = SavedBy(Graph({kLast}));
  JobGraph graph = Graph({kLast});
  Rename(Count(graph), "other");
  Count(graph).former_uids = {"count"};
  const auto assignment = AssignState(graph, metadata, false);
  ASSERT_TRUE(assignment.ok()) << assignment.status().ToString();
  const TaskSnapshot& restored = assignment->subtasks[1][1].state;
  ASSERT_EQ(restored.operators.size(), 1u);
  EXPECT_EQ(restored.operators[0].operator_id, OperatorIdFromUid("other"));
  EXPECT_EQ(restored.operators[0].keyed, metadata.vertices[1].subtasks[1].snapshot.operators[0].keyed);
}

// Its own later checkpoints have the new uid, and those of the older job under the former one are nobody's.
TEST(StateEvolutionTest, AnOperatorIsFoundUnderItsOwnUidFirst) {
  JobGraph saved = Graph({kLast});
  saved.vertices.push_back(testing::Vertex("other", 2));
  saved.vertices.back().chain[0].keyed = true;
  saved.vertices.back().chain[0].key_schema = "i64";
  saved.vertices.back().chain[0].states = {kSeen};
  const CheckpointMetadata metadata = SavedBy(saved);
  JobGraph graph = Graph({kSeen});
  Rename(Count(graph), "other");
  Count(graph).former_uids = {"count"};
  EXPECT_EQ(MatchOperators(graph, metadata).at(OperatorIdFromUid("other")).op->uid, "other");
  EXPECT_NE(AssignState(graph, metadata, false).status().message().find("uid=count state=last"), std::string::npos);
}

TEST(StateEvolutionTest, WhatIsNotDescribedIsLeftToTheTasks) {
  const CheckpointMetadata metadata = SavedBy(Graph({kLast, kSeen}), /*described=*/false);
  EXPECT_EQ(Text(CompareStates(Graph({kSeen}), metadata)), "?: unknown");
  EXPECT_TRUE(AssignState(Graph({kSeen}), metadata, false).ok());
}

TEST(StateEvolutionTest, WhoseStateItWasMustBeClear) {
  JobGraph graph = Graph({kLast, kSeen});
  Count(graph).states[0].former_names = {"seen"};
  EXPECT_NE(graph.Validate().message().find("former name of a state"), std::string::npos);
  graph = Graph({kLast, kSeen});
  Count(graph).states[0].former_names = {"old"};
  Count(graph).states[1].former_names = {"old"};
  EXPECT_NE(graph.Validate().message().find("former name of a state"), std::string::npos);
  graph = Graph({kLast});
  Count(graph).former_uids = {"sink"};
  EXPECT_NE(graph.Validate().message().find("former uid of an operator"), std::string::npos);
  graph = Graph({});
  graph.vertices[2].chain[0].former_uids = {"x"};
  graph.vertices[2].chain[0].uid.clear();
  EXPECT_NE(graph.Validate().message().find("needs a Uid"), std::string::npos);
}

}  // namespace
}  // namespace weir
