#include "runtime/graph/graph_difference.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/testing/graphs.h"

namespace weir {
namespace {

using testing::LineGraph;

struct Case {
  std::function<void(JobGraph&)> change;
  std::string said;
};

TEST(GraphDifferenceTest, EqualGraphsHaveNone) { EXPECT_EQ(DescribeDifference(LineGraph(1, 2, 3), LineGraph(1, 2, 3)), ""); }

TEST(GraphDifferenceTest, NamesTheVertexAndWhatDiffers) {
  const Case cases[] = {
      {[](JobGraph& graph) { graph.vertices[1].chain[0].name = "late"; }, "vertex \"count\" has an operator \"count\", then \"late\""},
      {[](JobGraph& graph) { graph.vertices[1].chain[0].uid = "other"; }, "vertex \"count\": the uid of its operator \"count\" is \"count\", then \"other\""},
      {[](JobGraph& graph) { graph.vertices[1].chain[0].key_schema = "i32"; }, "vertex \"count\": the key of its operator \"count\" is \"\", then \"i32\""},
      {[](JobGraph& graph) { graph.vertices[1].chain[0].states.clear(); }, "vertex \"count\": the states of its operator \"count\" differ"},
      {[](JobGraph& graph) { graph.vertices[1].chain[0].id = OperatorIdFromUid("x"); }, "vertex \"count\": the id of its operator \"count\" differs"},
      {[](JobGraph& graph) { graph.vertices[1].chain.push_back(testing::Operator("more")); }, "vertex \"count\" has 1, then 2 operators"},
      {[](JobGraph& graph) { graph.vertices[1].name = "late"; }, "a vertex is \"count\", then \"late\""},
      {[](JobGraph& graph) { graph.vertices[1].parallelism = 5; }, "vertex \"count\" has parallelism 2, then 5"},
      {[](JobGraph& graph) { graph.vertices[1].max_parallelism = 256; }, "vertex \"count\" has max parallelism 128, then 256"},
      {[](JobGraph& graph) { graph.vertices[1].slot_sharing_group = "own"; }, "vertex \"count\" has the slot sharing group \"default\", then \"own\""},
      {[](JobGraph& graph) { graph.vertices[1].is_enumerator = true; }, "vertex \"count\" differs"},
      {[](JobGraph& graph) { graph.vertices.push_back(testing::Vertex("more", 1)); }, "it has 3, then 4 vertices; one is \"more\""},
      {[](JobGraph& graph) { graph.vertices.pop_back(); }, "it has 3, then 2 vertices; one is \"sink\""},
      {[](JobGraph& graph) { graph.edges.pop_back(); }, "it has 2, then 1 edges"},
      {[](JobGraph& graph) { graph.edges[1].schema = "s"; }, "the edge from \"count\" to \"sink\" differs"},
      {[](JobGraph& graph) { graph.name = "late"; }, "its name is \"line\", then \"late\""},
      {[](JobGraph& graph) { graph.checkpoint.interval_ms = 7; }, "its checkpoint settings differ"},
      {[](JobGraph& graph) { graph.restart.emplace(); }, "its restart strategy differs"},
  };
  for (const Case& one : cases) {
    JobGraph second = LineGraph(1, 2, 3);
    one.change(second);
    EXPECT_EQ(DescribeDifference(LineGraph(1, 2, 3), second), one.said);
    EXPECT_NE(LineGraph(1, 2, 3).Fingerprint(), second.Fingerprint()) << one.said;
  }
}

}  // namespace
}  // namespace weir
