// Small job graphs for tests.
#pragma once

#include <string>
#include <vector>

#include "runtime/graph/job_graph.h"

namespace weir::testing {

inline ChainedOperator Operator(const std::string& uid, bool stateful = true) {
  ChainedOperator op{.id = OperatorIdFromUid(uid), .uid = uid, .name = uid, .keyed = false, .key_schema = {}, .states = {}};
  if (stateful) op.states = {{.name = "state", .kind = "value", .schema = "i64"}};
  return op;
}

inline JobVertex Vertex(const std::string& uid, uint32_t parallelism) {
  JobVertex vertex;
  vertex.name = uid;
  vertex.chain = {Operator(uid)};
  vertex.parallelism = parallelism;
  return vertex;
}

// source -> (key group) count -> (rebalance) sink.
inline JobGraph LineGraph(uint32_t sources, uint32_t counts, uint32_t sinks) {
  JobGraph graph;
  graph.name = "line";
  graph.vertices = {Vertex("source", sources), Vertex("count", counts), Vertex("sink", sinks)};
  graph.vertices[1].chain[0].keyed = true;
  graph.edges = {{.from = {0}, .to = {1}, .from_partition = 0, .to_gate = 0, .partitioner = PartitionerKind::kKeyGroup, .schema = "r"},
                 {.from = {1}, .to = {2}, .from_partition = 0, .to_gate = 0, .partitioner = PartitionerKind::kRebalance, .schema = "r"}};
  return graph;
}

}  // namespace weir::testing
