// The job graph: what planning a job yields and what the JobManager schedules. Plain data, no user code in it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include <weir/engine/partitioner.h>
#include <weir/engine/restart_strategy.h>

namespace weir {

std::string_view PartitionerName(PartitionerKind kind);  // "FORWARD", "HASH", ... as Flink's plan shows them.

// A declared state and the schema of what it holds (R27: known before any worker starts).
struct StateDeclaration {
  std::string name;
  std::string kind;    // "value", "list", "map", "reducing", "aggregating".
  std::string schema;  // Canonical text of the schema (docs/formats.md).
  std::string options = {};                     // As a snapshot has them: kTtlOption, or empty.
  std::vector<std::string> former_names = {};   // Its state may stand in a snapshot under one of these.
  bool operator==(const StateDeclaration&) const = default;
};

struct ChainedOperator {
  OperatorId id;
  std::string uid;   // Empty when the user gave none (stateless operators only).
  std::vector<std::string> former_uids = {};  // Its state may stand in a snapshot under one of these.
  std::string name;
  bool keyed = false;
  std::string key_schema;  // Of keyed operators.
  std::vector<StateDeclaration> states;
  bool operator==(const ChainedOperator&) const = default;
};

// Vertices are topologically ordered: an edge goes from a lower to a higher index.
struct JobVertex {
  std::string name;  // Operator names joined with " -> ".
  std::vector<ChainedOperator> chain;  // Head first.
  uint32_t parallelism = 1;
  uint32_t max_parallelism = 128;
  bool max_parallelism_explicit = false;
  std::string slot_sharing_group = "default";
  bool is_enumerator = false;  // Hidden split enumerator of a source.
  bool operator==(const JobVertex&) const = default;
  OperatorId id() const { return chain.front().id; }
};

struct JobEdge {
  VertexIndex from;
  VertexIndex to;
  uint32_t from_partition = 0;  // Index among the result partitions of `from`.
  uint32_t to_gate = 0;         // Index among the input gates of `to`.
  PartitionerKind partitioner = PartitionerKind::kForward;
  std::string schema;           // Of the records.
  bool operator==(const JobEdge&) const = default;
};

struct CheckpointConfig {
  int64_t interval_ms = 0;  // 0 = no periodic checkpoints; a final one is taken all the same when a sink needs it.
  int64_t timeout_ms = 600'000;
  int64_t min_pause_ms = 0;
  uint32_t tolerable_failed = 0;      // Consecutive failures beyond this fail the job.
  uint32_t retained_max = 1;
  bool retain_on_cancellation = true;
  bool operator==(const CheckpointConfig&) const = default;
};

struct JobGraph {
  std::string name = "Weir Streaming Job";
  std::vector<JobVertex> vertices;
  std::vector<JobEdge> edges;
  CheckpointConfig checkpoint;
  std::optional<RestartStrategyConfig> restart;  // Set by the program; else the cluster's.

  bool operator==(const JobGraph&) const = default;

  // Binary form (docs/formats.md, "job graph"); Decode checks everything that later code relies on.
  std::string Encode() const;
  static StatusOr<JobGraph> Decode(std::string_view bytes);
  // XXH3-64 of Encode(): equal shape, equal fingerprint.
  uint64_t Fingerprint() const;
  // What is wrong with it, if anything: bad indexes, forward edges of unequal parallelism, duplicate operator ids ...
  Status Validate() const;
};

// True when subtask i of `from` feeds only some subtasks of `to`.
bool IsPointwise(PartitionerKind kind);

// The subtasks of the consumer that producer subtask `from` feeds, ascending. Pointwise kinds: Flink's rule (datastream.md 4).
std::vector<uint32_t> ConsumersOf(const JobGraph& graph, const JobEdge& edge, uint32_t from);
// The inverse: producers that feed consumer subtask `to`, ascending.
std::vector<uint32_t> ProducersOf(const JobGraph& graph, const JobEdge& edge, uint32_t to);

// Where records come from: no inputs (an enumerator too), or splits only.
bool IsSource(const JobGraph& graph, VertexIndex vertex);

// Key groups of one subtask, Flink's formula: start = (i*max + p - 1) / p, end = ((i+1)*max - 1) / p.
KeyGroupRange KeyGroupRangeOf(uint32_t max_parallelism, uint32_t parallelism, uint32_t subtask);
inline uint32_t KeyGroupOf(uint64_t key_hash, uint32_t max_parallelism) {
  return static_cast<uint32_t>(key_hash % max_parallelism);
}
inline uint32_t SubtaskOfKeyGroup(uint32_t key_group, uint32_t parallelism, uint32_t max_parallelism) {
  return static_cast<uint32_t>(static_cast<uint64_t>(key_group) * parallelism / max_parallelism);
}
// min(max(roundUpToPowerOfTwo(p + p/2), 128), 32768).
uint32_t DefaultMaxParallelism(uint32_t parallelism);

}  // namespace weir
