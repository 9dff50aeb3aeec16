#include "runtime/graph/graph_difference.h"

namespace weir {
namespace {

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

std::string ThenQuoted(const std::string& first, const std::string& second) { return Quoted(first) + ", then " + Quoted(second); }

template <class Number>
std::string Then(Number first, Number second) {
  return std::to_string(first) + ", then " + std::to_string(second);
}

std::string OperatorDifference(const ChainedOperator& first, const ChainedOperator& second) {
  if (first.name != second.name) return " has an operator " + ThenQuoted(first.name, second.name);
  const std::string of = " of its operator " + Quoted(first.name);
  if (first.uid != second.uid) return ": the uid" + of + " is " + ThenQuoted(first.uid, second.uid);
  if (first.keyed != second.keyed || first.key_schema != second.key_schema) return ": the key" + of + " is " + ThenQuoted(first.key_schema, second.key_schema);
  if (first.states != second.states) return ": the states" + of + " differ";
  if (first.id != second.id) return ": the id" + of + " differs";
  return "";
}

std::string VertexDifference(const JobVertex& first, const JobVertex& second) {
  const std::string vertex = "vertex " + Quoted(first.name);
  const size_t shared = std::min(first.chain.size(), second.chain.size());
  for (size_t i = 0; i < shared; ++i) {
    if (const std::string difference = OperatorDifference(first.chain[i], second.chain[i]); !difference.empty()) return vertex + difference;
  }
  if (first.chain.size() != second.chain.size()) return vertex + " has " + Then(first.chain.size(), second.chain.size()) + " operators";
  if (first.name != second.name) return "a vertex is " + ThenQuoted(first.name, second.name);
  if (first.parallelism != second.parallelism) return vertex + " has parallelism " + Then(first.parallelism, second.parallelism);
  if (first.max_parallelism != second.max_parallelism) return vertex + " has max parallelism " + Then(first.max_parallelism, second.max_parallelism);
  if (first.slot_sharing_group != second.slot_sharing_group) {
    return vertex + " has the slot sharing group " + ThenQuoted(first.slot_sharing_group, second.slot_sharing_group);
  }
  return first == second ? "" : vertex + " differs";
}

std::string EdgeName(const JobGraph& graph, const JobEdge& edge) {
  return "the edge from " + Quoted(graph.vertices[edge.from.value].name) + " to " + Quoted(graph.vertices[edge.to.value].name);
}

}  // namespace

std::string DescribeDifference(const JobGraph& first, const JobGraph& second) {
  const size_t shared = std::min(first.vertices.size(), second.vertices.size());
  for (size_t i = 0; i < shared; ++i) {
    if (const std::string difference = VertexDifference(first.vertices[i], second.vertices[i]); !difference.empty()) return difference;
  }
  if (first.vertices.size() != second.vertices.size()) {
    const JobGraph& longer = first.vertices.size() > second.vertices.size() ? first : second;
    return "it has " + Then(first.vertices.size(), second.vertices.size()) + " vertices; one is " + Quoted(longer.vertices[shared].name);
  }
  if (first.edges.size() != second.edges.size()) return "it has " + Then(first.edges.size(), second.edges.size()) + " edges";
  for (size_t i = 0; i < first.edges.size(); ++i) {
    if (first.edges[i] != second.edges[i]) return EdgeName(first, first.edges[i]) + " differs";
  }
  if (first.name != second.name) return "its name is " + ThenQuoted(first.name, second.name);
  if (first.checkpoint != second.checkpoint) return "its checkpoint settings differ";
  return first == second ? "" : "its restart strategy differs";
}

}  // namespace weir
