// What every later stage relies on in a job graph.
#include <cmath>
#include <set>

#include "base/status_macros.h"
#include "runtime/graph/job_graph.h"

namespace weir {
namespace {

constexpr size_t kVertexCountMax = 10'000;
constexpr size_t kEdgeCountMax = 100'000;
constexpr uint32_t kParallelismMax = 32'768;
constexpr uint64_t kSubtaskCountMax = 1'000'000;

Status ValidateOperator(const ChainedOperator& op, std::set<OperatorId>& seen) {
  if (op.id.IsZero()) return InvalidArgument("operator has no id, name=" + op.name);
  if (!op.uid.empty() && op.id != OperatorIdFromUid(op.uid)) {
    return InvalidArgument("operator id does not follow from its uid, uid=" + op.uid);
  }
  if (!seen.insert(op.id).second) {
    return InvalidArgument("two operators have the same id, name=" + op.name + " uid=" + op.uid);
  }
  if (op.uid.empty() && !op.states.empty()) {
    return InvalidArgument("a stateful operator needs a Uid, name=" + op.name);
  }
  if (op.uid.empty() && !op.former_uids.empty()) return InvalidArgument("an operator with a former uid needs a Uid, name=" + op.name);
  std::set<std::string_view> names;
  for (const StateDeclaration& state : op.states) {
    if (!names.insert(state.name).second) {
      return InvalidArgument("two states have the same name, operator=" + op.name + " state=" + state.name);
    }
  }
  // Else it would be open whose state it was.
  for (const StateDeclaration& state : op.states) {
    for (const std::string& former : state.former_names) {
      if (names.insert(former).second) continue;
      return InvalidArgument("the former name of a state is, or was, also that of another one, operator=" + op.name + " state=" + state.name + " former=" + former);
    }
  }
  return Status::Ok();
}

Status ValidateFormerUids(const std::vector<JobVertex>& vertices) {
  std::set<std::string_view> uids;
  for (const JobVertex& vertex : vertices) {
    for (const ChainedOperator& op : vertex.chain) uids.insert(op.uid);
  }
  for (const JobVertex& vertex : vertices) {
    for (const ChainedOperator& op : vertex.chain) {
      for (const std::string& former : op.former_uids) {
        if (uids.insert(former).second) continue;
        return InvalidArgument("the former uid of an operator is, or was, also that of another one, name=" + op.name + " uid=" + op.uid + " former=" + former);
      }
    }
  }
  return Status::Ok();
}

Status ValidateVertices(const std::vector<JobVertex>& vertices) {
  if (vertices.empty()) return InvalidArgument("the job has no operators");
  if (vertices.size() > kVertexCountMax) return ResourceExhausted("the job has too many vertices");
  std::set<OperatorId> seen;
  uint64_t subtask_count = 0;
  for (const JobVertex& vertex : vertices) {
    const std::string where = ", vertex=" + vertex.name;
    if (vertex.chain.empty()) return InvalidArgument("vertex has no operator" + where);
    if (vertex.max_parallelism < 1 || vertex.max_parallelism > kParallelismMax) {
      return InvalidArgument("max parallelism must be 1 to 32768" + where);
    }
    if (vertex.parallelism < 1 || vertex.parallelism > vertex.max_parallelism) {
      return InvalidArgument("parallelism must be 1 to max parallelism" + where);
    }
    if (vertex.is_enumerator && vertex.parallelism != 1) {
      return InvalidArgument("an enumerator has parallelism 1" + where);
    }
    if (vertex.slot_sharing_group.empty()) return InvalidArgument("slot sharing group has no name" + where);
    subtask_count += vertex.parallelism;
    for (const ChainedOperator& op : vertex.chain) RETURN_IF_ERROR(ValidateOperator(op, seen));
  }
  if (subtask_count > kSubtaskCountMax) return ResourceExhausted("the job has too many subtasks");
  return ValidateFormerUids(vertices);
}

// Indexes of one vertex' gates or partitions must be 0 .. n-1, each once.
Status ValidateDense(const std::vector<std::set<uint32_t>>& used, const std::vector<size_t>& counts,
                     std::string_view what) {
  for (size_t vertex = 0; vertex < used.size(); ++vertex) {
    const bool dense = used[vertex].size() == counts[vertex] &&
                       (used[vertex].empty() || *used[vertex].rbegin() + size_t{1} == counts[vertex]);
    if (!dense) return InvalidArgument(std::string(what) + " are not numbered 0..n-1, vertex=" + std::to_string(vertex));
  }
  return Status::Ok();
}

Status ValidateEdges(const JobGraph& graph) {
  const size_t vertex_count = graph.vertices.size();
  if (graph.edges.size() > kEdgeCountMax) return ResourceExhausted("the job has too many edges");
  std::vector<std::set<uint32_t>> partitions(vertex_count);
  std::vector<std::set<uint32_t>> gates(vertex_count);
  std::vector<size_t> partition_counts(vertex_count);
  std::vector<size_t> gate_counts(vertex_count);
  for (const JobEdge& edge : graph.edges) {
    if (edge.from.value >= vertex_count || edge.to.value >= vertex_count) {
      return InvalidArgument("edge names a vertex that does not exist");
    }
    if (edge.from >= edge.to) return InvalidArgument("edges must go from a lower to a higher vertex");
    if (edge.partitioner > PartitionerKind::kKeyGroup) return InvalidArgument("edge has an unknown partitioner");
    const JobVertex& from = graph.vertices[edge.from.value];
    const JobVertex& to = graph.vertices[edge.to.value];
    if (edge.partitioner == PartitionerKind::kForward && from.parallelism != to.parallelism) {
      return InvalidArgument("forward needs equal parallelism, from=" + from.name + " to=" + to.name);
    }
    partitions[edge.from.value].insert(edge.from_partition);
    gates[edge.to.value].insert(edge.to_gate);
    ++partition_counts[edge.from.value];
    ++gate_counts[edge.to.value];
  }
  RETURN_IF_ERROR(ValidateDense(partitions, partition_counts, "result partitions"));
  return ValidateDense(gates, gate_counts, "input gates");
}

Status ValidateCheckpointing(const CheckpointConfig& config) {
  if (config.interval_ms < 0 || config.min_pause_ms < 0) {
    return InvalidArgument("checkpoint interval and pause must not be negative");
  }
  if (config.timeout_ms <= 0) return InvalidArgument("checkpoint time-out must be positive");
  if (config.retained_max < 1) return InvalidArgument("at least one checkpoint must be retained");
  return Status::Ok();
}

Status ValidateRestart(const RestartStrategyConfig& config) {
  if (config.kind > RestartStrategyConfig::Kind::kExponentialDelay) return InvalidArgument("unknown restart strategy");
  if (config.delay_ms < 0 || config.initial_backoff_ms < 1 || config.max_backoff_ms < config.initial_backoff_ms) {
    return InvalidArgument("restart delays must be 0 <= delay, 1 ms <= initial backoff <= max backoff");
  }
  if (!std::isfinite(config.backoff_multiplier) || config.backoff_multiplier < 1) {
    return InvalidArgument("restart backoff multiplier must be at least 1");
  }
  if (!(config.jitter_factor >= 0 && config.jitter_factor <= 1)) {
    return InvalidArgument("restart jitter factor must be 0 to 1");
  }
  if (config.reset_backoff_threshold_ms < 1) return InvalidArgument("restart reset threshold must be positive");
  return Status::Ok();
}

}  // namespace

Status JobGraph::Validate() const {
  RETURN_IF_ERROR(ValidateVertices(vertices));
  RETURN_IF_ERROR(ValidateEdges(*this));
  RETURN_IF_ERROR(ValidateCheckpointing(checkpoint));
  return restart.has_value() ? ValidateRestart(*restart) : Status::Ok();
}

}  // namespace weir
