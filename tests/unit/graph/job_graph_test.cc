#include "runtime/graph/job_graph.h"

#include <gtest/gtest.h>

#include "tests/unit/testing/fuzz.h"
#include "tests/unit/testing/graphs.h"

namespace weir {
namespace {

using testing::LineGraph;

JobGraph RichGraph() {
  JobGraph graph = LineGraph(2, 3, 3);
  graph.vertices[2].chain.push_back(testing::Operator("print", /*stateful=*/false));
  graph.edges[1].partitioner = PartitionerKind::kForward;
  graph.restart = RestartStrategyConfig{.kind = RestartStrategyConfig::Kind::kFixedDelay, .attempts_max = 7};
  graph.checkpoint.interval_ms = 1'000;
  graph.vertices[1].chain[0].former_uids = {"old", "older"};
  graph.vertices[1].chain[0].states[0].options = "ttl";
  graph.vertices[1].chain[0].states[0].former_names = {"before"};
  return graph;
}

TEST(JobGraphTest, ADecodedGraphEqualsTheEncodedOne) {
  const JobGraph graph = RichGraph();
  const StatusOr<JobGraph> decoded = JobGraph::Decode(graph.Encode());
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, graph);
  EXPECT_EQ(decoded->Fingerprint(), graph.Fingerprint());
}

TEST(JobGraphTest, TheFingerprintFollowsTheShape) {
  JobGraph graph = RichGraph();
  const uint64_t before = graph.Fingerprint();
  graph.vertices[1].chain[0].states[0].schema = "f64";
  EXPECT_NE(graph.Fingerprint(), before);
}

TEST(JobGraphTest, DamagedBytesNeverDecode) {
  testing::Fuzz(RichGraph().Encode(), 20'000, [](const std::string& bytes) { EXPECT_FALSE(JobGraph::Decode(bytes).ok()); });
}

// Sections are valid by checksum but hold nonsense: what a hostile client could send.
TEST(JobGraphTest, AnInvalidGraphIsRefusedAlsoWithRightChecksums) {
  JobGraph graph = RichGraph();
  graph.edges[0].to.value = 99;
  EXPECT_EQ(JobGraph::Decode(graph.Encode()).status().code(), StatusCode::kInvalidArgument);
}

struct BadGraph {
  const char* what;
  std::function<void(JobGraph&)> damage;
};

class JobGraphValidationTest : public ::testing::TestWithParam<BadGraph> {};

TEST_P(JobGraphValidationTest, RefusesWhatLaterCodeReliesOn) {
  JobGraph graph = RichGraph();
  ASSERT_TRUE(graph.Validate().ok());
  GetParam().damage(graph);
  EXPECT_EQ(graph.Validate().code(), StatusCode::kInvalidArgument) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    All, JobGraphValidationTest,
    ::testing::Values(
        BadGraph{"no vertices", [](JobGraph& g) { g.vertices.clear(), g.edges.clear(); }},
        BadGraph{"backward edge", [](JobGraph& g) { std::swap(g.edges[0].from, g.edges[0].to); }},
        BadGraph{"self edge", [](JobGraph& g) { g.edges[0].to = g.edges[0].from; }},
        BadGraph{"forward of unequal parallelism", [](JobGraph& g) { g.vertices[2].parallelism = 2; }},
        BadGraph{"parallelism 0", [](JobGraph& g) { g.vertices[0].parallelism = 0; }},
        BadGraph{"parallelism beyond max", [](JobGraph& g) { g.vertices[0].parallelism = 129; }},
        BadGraph{"max parallelism beyond 32768", [](JobGraph& g) { g.vertices[0].max_parallelism = 32'769; }},
        BadGraph{"duplicate id", [](JobGraph& g) { g.vertices[1].chain[0] = g.vertices[0].chain[0]; }},
        BadGraph{"foreign id", [](JobGraph& g) { g.vertices[1].chain[0].id.bytes[0] ^= 1; }},
        BadGraph{"state without uid", [](JobGraph& g) { g.vertices[1].chain[0].uid.clear(); }},
        BadGraph{"duplicate state",
                 [](JobGraph& g) {
                   auto& states = g.vertices[1].chain[0].states;
                   states.push_back(states[0]);
                 }},
        BadGraph{"gap in gates", [](JobGraph& g) { g.edges[1].to_gate = 1; }},
        BadGraph{"gap in partitions", [](JobGraph& g) { g.edges[1].from_partition = UINT32_MAX; }},
        BadGraph{"empty chain", [](JobGraph& g) { g.vertices[1].chain.clear(); }},
        BadGraph{"enumerator of parallelism 2", [](JobGraph& g) { g.vertices[0].is_enumerator = true; }},
        BadGraph{"negative interval", [](JobGraph& g) { g.checkpoint.interval_ms = -1; }},
        BadGraph{"nothing retained", [](JobGraph& g) { g.checkpoint.retained_max = 0; }},
        BadGraph{"multiplier below 1", [](JobGraph& g) { g.restart->backoff_multiplier = 0.5; }},
        BadGraph{"jitter not a number", [](JobGraph& g) { g.restart->jitter_factor = std::nan(""); }}));

}  // namespace
}  // namespace weir
