#include <weir/engine/stream_graph.h>

#include <stdexcept>

#include <weir/data_stream.h>
#include <weir/stream_execution_environment.h>

namespace weir {
namespace {

constexpr uint32_t kParallelismMax = 32'768;

void RequireParallelism(const char* what, uint32_t value) {
  if (value >= 1 && value <= kParallelismMax) return;
  throw std::invalid_argument(std::string(what) + " must be between 1 and 32768, got " + std::to_string(value));
}

}  // namespace

StreamNode& StreamGraph::Add(std::string name, std::function<std::unique_ptr<Operator>()> make_operator) {
  auto node = std::make_unique<StreamNode>();
  node->id = static_cast<uint32_t>(nodes.size());
  node->name = std::move(name);
  node->make_operator = std::move(make_operator);
  nodes.push_back(std::move(node));
  return *nodes.back();
}

const std::string& StreamGraph::Pinned(const std::string& name, const std::function<std::string()>& compute) {
  if (planning) {
    if (pinned.contains(name)) throw std::logic_error("Pinned(\"" + name + "\") was called twice");
    return pinned[name] = compute();
  }
  const auto found = pinned.find(name);
  if (found == pinned.end()) throw std::logic_error("Pinned(\"" + name + "\") was not called when the job was planned");
  return found->second;
}

namespace internal {

void SetNodeParallelism(StreamNode& node, uint32_t parallelism) {
  RequireParallelism("parallelism", parallelism);
  if (node.parallelism_fixed && parallelism != node.parallelism) {
    throw std::invalid_argument("the parallelism of \"" + node.name + "\" is always " + std::to_string(node.parallelism) + ", it cannot be " +
                                std::to_string(parallelism));
  }
  node.parallelism = parallelism;
}

void SetNodeMaxParallelism(StreamNode& node, uint32_t max_parallelism) {
  RequireParallelism("max parallelism", max_parallelism);
  node.max_parallelism = max_parallelism;
}

}  // namespace internal

DataStreamSink& DataStreamSink::SetParallelism(uint32_t parallelism) {
  internal::SetNodeParallelism(*node_, parallelism);
  return *this;
}

void StreamExecutionEnvironment::SetParallelism(uint32_t parallelism) {
  RequireParallelism("parallelism", parallelism);
  graph_->parallelism = parallelism;
}

void StreamExecutionEnvironment::SetMaxParallelism(uint32_t max_parallelism) {
  RequireParallelism("max parallelism", max_parallelism);
  graph_->max_parallelism = max_parallelism;
}

void StreamExecutionEnvironment::EnableCheckpointing(std::chrono::milliseconds interval) {
  if (interval.count() < 10) throw std::invalid_argument("checkpoint interval must be at least 10 ms, got " + std::to_string(interval.count()) + " ms");
  graph_->checkpoint_interval_ms = interval.count();
}

}  // namespace weir
