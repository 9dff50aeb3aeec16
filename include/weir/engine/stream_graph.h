// The stream graph: what a job's entry builds, operator by operator, before chaining. Holds user code.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/engine/operator.h>
#include <weir/engine/partitioner.h>
#include <weir/engine/restart_strategy.h>
#include <weir/engine/scatter.h>

namespace weir {

enum class ChainingStrategy : uint8_t { kAlways, kHead, kNever };

struct StreamEdge {
  uint32_t from = 0;  // Node id.
  PartitionerKind partitioner = PartitionerKind::kForward;
  bool partitioner_chosen = false;  // Else forward where parallelisms are equal, rebalance where not.
  EdgeRouting routing;
};

struct StateDeclarationText {
  std::string name;
  std::string kind;
  std::string schema;
  bool has_ttl = false;
  std::vector<std::string> former_names = {};
};

struct StreamNode {
  uint32_t id = 0;
  std::string name;
  std::string uid;
  std::vector<std::string> former_uids;
  uint32_t parallelism = 0;      // 0 = the environment's.
  uint32_t max_parallelism = 0;  // 0 = the environment's, or derived.
  bool parallelism_fixed = false;
  ChainingStrategy chaining = ChainingStrategy::kAlways;
  std::string slot_sharing_group;  // Empty = inherited.
  std::vector<StreamEdge> inputs;
  std::function<std::unique_ptr<Operator>()> make_operator;
  const TypeInfo* output_type = nullptr;  // Null for sinks.
  bool stateful = false;                  // Needs a uid.
  bool is_enumerator = false;
  bool keyed = false;
  std::string key_schema;
  std::vector<StateDeclarationText> states;
  std::map<std::string, const TypeInfo*> side_outputs;  // Those that are read, by id.
};

// Thread-compatible. Node ids are positions; inputs of a node have smaller ids.
struct StreamGraph {
  std::string job_name = "Weir Streaming Job";
  std::vector<std::unique_ptr<StreamNode>> nodes;
  uint32_t parallelism = 1;
  uint32_t max_parallelism = 0;
  bool chaining = true;
  std::optional<int64_t> checkpoint_interval_ms;
  std::optional<int64_t> checkpoint_timeout_ms;
  std::optional<int64_t> min_pause_ms;
  std::optional<int64_t> buffer_timeout_ms;
  std::optional<int64_t> auto_watermark_interval_ms;
  std::optional<RestartStrategyConfig> restart;
  // Values that depend on more than the arguments: computed once when planning, then shipped.
  bool planning = true;
  std::map<std::string, std::string> pinned;

  StreamNode& Add(std::string name, std::function<std::unique_ptr<Operator>()> make_operator);
  // The shipped bytes, or those of `compute` when planning. Throws std::logic_error for an unknown name in a worker.
  const std::string& Pinned(const std::string& name, const std::function<std::string()>& compute);
};

}  // namespace weir
