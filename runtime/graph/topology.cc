// Which subtasks an edge connects, and which key groups a subtask owns.
#include <bit>

#include "base/check.h"
#include "runtime/graph/job_graph.h"

namespace weir {
namespace {

constexpr uint32_t kMaxParallelismLowest = 128;
constexpr uint32_t kMaxParallelismHighest = 32'768;

struct EdgeEnds {
  uint64_t producers;
  uint64_t consumers;
};

EdgeEnds EndsOf(const JobGraph& graph, const JobEdge& edge) {
  CHECK(edge.from.value < graph.vertices.size());
  CHECK(edge.to.value < graph.vertices.size());
  return {graph.vertices[edge.from.value].parallelism, graph.vertices[edge.to.value].parallelism};
}

// Half-open.
std::vector<uint32_t> Range(uint64_t begin, uint64_t end) {
  std::vector<uint32_t> subtasks;
  for (uint64_t i = begin; i < end; ++i) subtasks.push_back(static_cast<uint32_t>(i));
  return subtasks;
}

uint64_t CeilDivide(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

}  // namespace

bool IsPointwise(PartitionerKind kind) {
  return kind == PartitionerKind::kForward || kind == PartitionerKind::kRescale;
}

std::vector<uint32_t> ConsumersOf(const JobGraph& graph, const JobEdge& edge, uint32_t from) {
  const auto [producers, consumers] = EndsOf(graph, edge);
  CHECK(from < producers);
  if (!IsPointwise(edge.partitioner)) return Range(0, consumers);
  if (edge.partitioner == PartitionerKind::kForward) return {from};
  if (producers >= consumers) return {static_cast<uint32_t>(((from + uint64_t{1}) * consumers - 1) / producers)};
  return Range(CeilDivide(from * consumers, producers), CeilDivide((from + uint64_t{1}) * consumers, producers));
}

std::vector<uint32_t> ProducersOf(const JobGraph& graph, const JobEdge& edge, uint32_t to) {
  const auto [producers, consumers] = EndsOf(graph, edge);
  CHECK(to < consumers);
  if (!IsPointwise(edge.partitioner)) return Range(0, producers);
  if (edge.partitioner == PartitionerKind::kForward) return {to};
  if (producers >= consumers) return Range(to * producers / consumers, (to + uint64_t{1}) * producers / consumers);
  return {static_cast<uint32_t>(to * producers / consumers)};
}

KeyGroupRange KeyGroupRangeOf(uint32_t max_parallelism, uint32_t parallelism, uint32_t subtask) {
  CHECK(parallelism >= 1);
  CHECK(parallelism <= max_parallelism);
  CHECK(subtask < parallelism);
  const uint64_t max = max_parallelism;
  return {.start = static_cast<uint32_t>((subtask * max + parallelism - 1) / parallelism),
          .end = static_cast<uint32_t>(((subtask + uint64_t{1}) * max - 1) / parallelism)};
}

uint32_t DefaultMaxParallelism(uint32_t parallelism) {
  const uint64_t wanted = std::bit_ceil(uint64_t{parallelism} + parallelism / 2);
  return static_cast<uint32_t>(std::clamp<uint64_t>(wanted, kMaxParallelismLowest, kMaxParallelismHighest));
}

bool IsSource(const JobGraph& graph, VertexIndex vertex) {
  return std::all_of(graph.edges.begin(), graph.edges.end(), [&](const JobEdge& edge) {
    return edge.to != vertex || graph.vertices[edge.from.value].is_enumerator;
  });
}

}  // namespace weir
