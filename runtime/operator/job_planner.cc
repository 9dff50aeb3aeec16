#include "runtime/operator/job_planner.h"

#include <algorithm>
#include <map>
#include <set>

#include <weir/state/key_table.h>

#include "base/check.h"
#include "base/status_macros.h"
#include "state/checkpoint/snapshot_format.h"

namespace weir {
namespace {

class Planner {
 public:
  Planner(StreamGraph& stream_graph, const PlanDefaults& defaults) : nodes_(stream_graph.nodes), stream_(stream_graph), defaults_(defaults) {}

  StatusOr<JobPlan> Plan() {
    if (nodes_.empty()) return InvalidArgument("the job has no operators: its entry must build a dataflow");
    RETURN_IF_ERROR(ResolveNodes());
    RETURN_IF_ERROR(CheckUids());
    CountConsumers();
    for (const std::unique_ptr<StreamNode>& node : nodes_) RETURN_IF_ERROR(Place(*node));
    for (const std::unique_ptr<StreamNode>& node : nodes_) Connect(*node);
    SetJobProperties();
    RETURN_IF_ERROR(plan_.graph.Validate());
    return std::move(plan_);
  }

 private:
  Status ResolveNodes() {
    for (const std::unique_ptr<StreamNode>& node : nodes_) {
      if (node->parallelism == 0) node->parallelism = stream_.parallelism;
      // The enumerator shares everything with its reader, which follows it.
      const bool reads_splits = !node->inputs.empty() && nodes_[node->inputs[0].from]->is_enumerator;
      if (reads_splits) {
        StreamNode& enumerator = *nodes_[node->inputs[0].from];
        if (!node->uid.empty()) enumerator.uid = node->uid + "/enumerator";
        for (const std::string& former : node->former_uids) enumerator.former_uids.push_back(former + "/enumerator");
        enumerator.slot_sharing_group = node->slot_sharing_group;
        enumerator.max_parallelism = node->max_parallelism;
      }
    }
    for (const std::unique_ptr<StreamNode>& node : nodes_) {
      for (StreamEdge& edge : node->inputs) {
        const StreamNode& from = *nodes_[edge.from];
        const bool equal = from.parallelism == node->parallelism;
        if (!edge.partitioner_chosen) edge.partitioner = equal ? PartitionerKind::kForward : PartitionerKind::kRebalance;
        if (edge.partitioner == PartitionerKind::kForward && !equal) {
          return InvalidArgument("Forward needs equal parallelism: \"" + from.name + "\" has " + std::to_string(from.parallelism) + ", \"" +
                                 node->name + "\" has " + std::to_string(node->parallelism));
        }
      }
      if (node->slot_sharing_group.empty()) node->slot_sharing_group = InheritedGroup(*node);
    }
    return Status::Ok();
  }

  // The inputs' group when all are the same, else "default".
  std::string InheritedGroup(const StreamNode& node) const {
    std::string group;
    for (const StreamEdge& edge : node.inputs) {
      const std::string& upstream = nodes_[edge.from]->slot_sharing_group;
      if (!group.empty() && group != upstream) return "default";
      group = upstream;
    }
    return group.empty() ? "default" : group;
  }

  Status CheckUids() {
    std::set<std::string> seen;
    for (const std::unique_ptr<StreamNode>& node : nodes_) {
      if (node->uid.empty() && node->stateful && !node->is_enumerator) {
        return InvalidArgument("operator \"" + node->name + "\" has state and no uid: add .Uid(\"some-name\"), so that its state is found again");
      }
      // An enumerator's uid is made from its reader's.
      if (!node->uid.empty() && !node->is_enumerator && !seen.insert(node->uid).second) return InvalidArgument("uid \"" + node->uid + "\" is used twice");
      std::set<std::string> states;
      for (const StateDeclarationText& state : node->states) {
        if (!states.insert(state.name).second) {
          return InvalidArgument("operator \"" + node->name + "\" declares the state \"" + state.name + "\" twice");
        }
      }
      if (states.size() > StatesMax(*node)) {
        return InvalidArgument("operator \"" + node->name + "\" declares " + std::to_string(states.size()) + " states, at most " +
                               std::to_string(StatesMax(*node)) + " are possible");
      }
    }
    return Status::Ok();
  }

  static size_t StatesMax(const StreamNode& node) {
    const bool has_cells = std::any_of(node.states.begin(), node.states.end(),
                                       [](const StateDeclarationText& state) { return state.kind == "list" || state.kind == "map"; });
    return has_cells ? RowLayout::kColumnsMaxWithCells : RowLayout::kColumnsMax;
  }

  void CountConsumers() {
    consumers_.assign(nodes_.size(), 0);
    for (const std::unique_ptr<StreamNode>& node : nodes_) {
      for (const StreamEdge& edge : node->inputs) ++consumers_[edge.from];
    }
  }

  bool ChainsToInput(const StreamNode& node) const {
    if (!stream_.chaining || node.inputs.size() != 1 || node.chaining != ChainingStrategy::kAlways) return false;
    const StreamEdge& edge = node.inputs[0];
    const StreamNode& from = *nodes_[edge.from];
    return edge.partitioner == PartitionerKind::kForward && edge.routing.side_output.empty() && consumers_[edge.from] == 1 && from.chaining != ChainingStrategy::kNever &&
           !from.is_enumerator && from.slot_sharing_group == node.slot_sharing_group && from.parallelism == node.parallelism;
  }

  Status Place(const StreamNode& node) {
    const bool chained = ChainsToInput(node);
    const uint32_t vertex = chained ? vertex_of_[node.inputs[0].from] : static_cast<uint32_t>(plan_.chains.size());
    vertex_of_.push_back(vertex);
    const uint32_t wanted_max = node.max_parallelism != 0 ? node.max_parallelism : stream_.max_parallelism;
    if (!chained) {
      plan_.chains.emplace_back();
      JobVertex& made = plan_.graph.vertices.emplace_back();
      made.parallelism = node.parallelism;
      made.slot_sharing_group = node.slot_sharing_group;
      made.is_enumerator = node.is_enumerator;
      made.max_parallelism = wanted_max != 0 ? wanted_max : DefaultMaxParallelism(node.parallelism);
      made.max_parallelism_explicit = wanted_max != 0;
      if (made.max_parallelism < made.parallelism) {
        return InvalidArgument("max parallelism of \"" + node.name + "\" is " + std::to_string(made.max_parallelism) + ", below its parallelism " +
                               std::to_string(made.parallelism));
      }
    }
    JobVertex& target = plan_.graph.vertices[vertex];
    target.name += (target.name.empty() ? "" : " -> ") + node.name;
    ChainedOperator& added = target.chain.emplace_back();
    // Without a uid the position names the operator: fine for what has no state.
    added.id = OperatorIdFromUid(node.uid.empty() ? "\x01node-" + std::to_string(node.id) : node.uid);
    added.uid = node.uid;
    added.former_uids = node.former_uids;
    added.name = node.name;
    added.keyed = node.keyed;
    added.key_schema = node.key_schema;
    for (const StateDeclarationText& state : node.states) {
      added.states.push_back({state.name, state.kind, state.schema, std::string(state.has_ttl ? kTtlOption : ""), state.former_names});
    }
    plan_.chains[vertex].push_back(&node);
    return Status::Ok();
  }

  void Connect(const StreamNode& node) {
    const uint32_t to = vertex_of_[node.id];
    if (plan_.chains[to].front() != &node) return;
    for (uint32_t gate = 0; gate < node.inputs.size(); ++gate) {
      const StreamEdge& input = node.inputs[gate];
      const uint32_t from = vertex_of_[input.from];
      JobEdge& edge = plan_.graph.edges.emplace_back();
      edge.from = VertexIndex{from};
      edge.to = VertexIndex{to};
      edge.from_partition = partition_count_[from]++;
      edge.to_gate = gate;
      edge.partitioner = input.partitioner;
      edge.schema = input.routing.type->schema();
      plan_.routings.push_back(&input.routing);
    }
  }

  void SetJobProperties() {
    JobGraph& graph = plan_.graph;
    graph.name = stream_.job_name;
    graph.checkpoint = defaults_.checkpoint;
    if (stream_.checkpoint_interval_ms.has_value()) graph.checkpoint.interval_ms = *stream_.checkpoint_interval_ms;
    if (stream_.checkpoint_timeout_ms.has_value()) graph.checkpoint.timeout_ms = *stream_.checkpoint_timeout_ms;
    if (stream_.min_pause_ms.has_value()) graph.checkpoint.min_pause_ms = *stream_.min_pause_ms;
    graph.restart = stream_.restart.has_value() ? stream_.restart : defaults_.restart;
  }

  const std::vector<std::unique_ptr<StreamNode>>& nodes_;
  StreamGraph& stream_;
  const PlanDefaults& defaults_;
  std::vector<uint32_t> consumers_;  // By node.
  std::vector<uint32_t> vertex_of_;  // By node.
  std::map<uint32_t, uint32_t> partition_count_;  // By vertex.
  JobPlan plan_;
};

}  // namespace

StatusOr<JobPlan> PlanJob(StreamGraph& stream_graph, const PlanDefaults& defaults) { return Planner(stream_graph, defaults).Plan(); }

}  // namespace weir
