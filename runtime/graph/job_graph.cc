// Binary form of the job graph: docs/formats.md, "job graph".
#include "runtime/graph/job_graph.h"

#include <weir/core/bytes.h>

#include "base/checksum.h"
#include "base/envelope.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr std::string_view kMagic = "WEIRGRPH";
constexpr uint32_t kVersion = 2;
enum Section : uint32_t { kVerticesSection = 1, kEdgesSection = 2, kConfigSection = 3 };

// Least encoded sizes, for hostile counts.
constexpr uint64_t kStateBytesMin = 5;
constexpr uint64_t kOperatorBytesMin = 16 + 1 + 1 + 1 + 1 + 1 + 1;
constexpr uint64_t kVertexBytesMin = 1 + 1 + 4 + 4 + 1 + 1 + 1;
constexpr uint64_t kEdgeBytesMin = 4 * 4 + 1 + 1;

void PutStrings(ByteWriter& out, const std::vector<std::string>& strings) {
  out.PutVarint(strings.size());
  for (const std::string& text : strings) out.PutString(text);
}

std::vector<std::string> GetStrings(ByteReader& in) {
  std::vector<std::string> strings(in.GetCount());
  for (std::string& text : strings) text = in.GetString();
  return strings;
}

void PutOperator(ByteWriter& out, const ChainedOperator& op) {
  out.PutRaw(op.id.bytes.data(), op.id.bytes.size());
  out.PutString(op.uid);
  PutStrings(out, op.former_uids);
  out.PutString(op.name);
  out.Put(op.keyed);
  out.PutString(op.key_schema);
  out.PutVarint(op.states.size());
  for (const StateDeclaration& state : op.states) {
    out.PutString(state.name);
    out.PutString(state.kind);
    out.PutString(state.schema);
    out.PutString(state.options);
    PutStrings(out, state.former_names);
  }
}

ChainedOperator GetOperator(ByteReader& in) {
  ChainedOperator op;
  const std::string_view id = in.GetRaw(op.id.bytes.size());
  std::copy(id.begin(), id.end(), op.id.bytes.begin());
  op.uid = in.GetString();
  op.former_uids = GetStrings(in);
  op.name = in.GetString();
  op.keyed = in.Get<bool>();
  op.key_schema = in.GetString();
  op.states.resize(in.GetCount(kStateBytesMin));
  for (StateDeclaration& state : op.states) {
    state.name = in.GetString();
    state.kind = in.GetString();
    state.schema = in.GetString();
    state.options = in.GetString();
    state.former_names = GetStrings(in);
  }
  return op;
}

std::string EncodeVertices(const std::vector<JobVertex>& vertices) {
  ByteWriter out;
  out.PutVarint(vertices.size());
  for (const JobVertex& vertex : vertices) {
    out.PutString(vertex.name);
    out.PutVarint(vertex.chain.size());
    for (const ChainedOperator& op : vertex.chain) PutOperator(out, op);
    out.Put(vertex.parallelism);
    out.Put(vertex.max_parallelism);
    out.Put(vertex.max_parallelism_explicit);
    out.PutString(vertex.slot_sharing_group);
    out.Put(vertex.is_enumerator);
  }
  return out.Take();
}

Status DecodeVertices(std::string_view bytes, std::vector<JobVertex>& vertices) {
  ByteReader in(bytes);
  vertices.resize(in.GetCount(kVertexBytesMin));
  for (JobVertex& vertex : vertices) {
    vertex.name = in.GetString();
    const uint64_t operator_count = in.GetCount(kOperatorBytesMin);
    for (uint64_t i = 0; i < operator_count && in.ok(); ++i) vertex.chain.push_back(GetOperator(in));
    vertex.parallelism = in.Get<uint32_t>();
    vertex.max_parallelism = in.Get<uint32_t>();
    vertex.max_parallelism_explicit = in.Get<bool>();
    vertex.slot_sharing_group = in.GetString();
    vertex.is_enumerator = in.Get<bool>();
  }
  if (!in.ok() || !in.AtEnd()) return Corruption("job graph: vertices do not decode");
  return Status::Ok();
}

std::string EncodeEdges(const std::vector<JobEdge>& edges) {
  ByteWriter out;
  out.PutVarint(edges.size());
  for (const JobEdge& edge : edges) {
    out.Put(edge.from.value);
    out.Put(edge.to.value);
    out.Put(edge.from_partition);
    out.Put(edge.to_gate);
    out.Put(edge.partitioner);
    out.PutString(edge.schema);
  }
  return out.Take();
}

Status DecodeEdges(std::string_view bytes, std::vector<JobEdge>& edges) {
  ByteReader in(bytes);
  edges.resize(in.GetCount(kEdgeBytesMin));
  for (JobEdge& edge : edges) {
    edge.from.value = in.Get<uint32_t>();
    edge.to.value = in.Get<uint32_t>();
    edge.from_partition = in.Get<uint32_t>();
    edge.to_gate = in.Get<uint32_t>();
    edge.partitioner = in.Get<PartitionerKind>();
    if (edge.partitioner > PartitionerKind::kKeyGroup) in.Fail();
    edge.schema = in.GetString();
  }
  if (!in.ok() || !in.AtEnd()) return Corruption("job graph: edges do not decode");
  return Status::Ok();
}

std::string EncodeConfig(const JobGraph& graph) {
  ByteWriter out;
  out.PutString(graph.name);
  const CheckpointConfig& checkpoint = graph.checkpoint;
  out.Put(checkpoint.interval_ms);
  out.Put(checkpoint.timeout_ms);
  out.Put(checkpoint.min_pause_ms);
  out.Put(checkpoint.tolerable_failed);
  out.Put(checkpoint.retained_max);
  out.Put(checkpoint.retain_on_cancellation);
  out.Put(graph.restart.has_value());
  if (graph.restart.has_value()) {
    const RestartStrategyConfig& restart = *graph.restart;
    out.Put(restart.kind);
    out.Put(restart.attempts_max);
    out.Put(restart.delay_ms);
    out.Put(restart.initial_backoff_ms);
    out.Put(restart.max_backoff_ms);
    out.Put(restart.backoff_multiplier);
    out.Put(restart.reset_backoff_threshold_ms);
    out.Put(restart.jitter_factor);
    out.Put(restart.exponential_attempts_max);
  }
  return out.Take();
}

Status DecodeConfig(std::string_view bytes, JobGraph& graph) {
  ByteReader in(bytes);
  graph.name = in.GetString();
  CheckpointConfig& checkpoint = graph.checkpoint;
  checkpoint.interval_ms = in.Get<int64_t>();
  checkpoint.timeout_ms = in.Get<int64_t>();
  checkpoint.min_pause_ms = in.Get<int64_t>();
  checkpoint.tolerable_failed = in.Get<uint32_t>();
  checkpoint.retained_max = in.Get<uint32_t>();
  checkpoint.retain_on_cancellation = in.Get<bool>();
  if (in.Get<bool>()) {
    RestartStrategyConfig restart;
    restart.kind = in.Get<RestartStrategyConfig::Kind>();
    if (restart.kind > RestartStrategyConfig::Kind::kExponentialDelay) in.Fail();
    restart.attempts_max = in.Get<uint32_t>();
    restart.delay_ms = in.Get<int64_t>();
    restart.initial_backoff_ms = in.Get<int64_t>();
    restart.max_backoff_ms = in.Get<int64_t>();
    restart.backoff_multiplier = in.Get<double>();
    restart.reset_backoff_threshold_ms = in.Get<int64_t>();
    restart.jitter_factor = in.Get<double>();
    restart.exponential_attempts_max = in.Get<uint32_t>();
    graph.restart = restart;
  }
  if (!in.ok() || !in.AtEnd()) return Corruption("job graph: configuration does not decode");
  return Status::Ok();
}

}  // namespace

std::string_view PartitionerName(PartitionerKind kind) {
  switch (kind) {
    case PartitionerKind::kForward: return "FORWARD";
    case PartitionerKind::kRebalance: return "REBALANCE";
    case PartitionerKind::kRescale: return "RESCALE";
    case PartitionerKind::kShuffle: return "SHUFFLE";
    case PartitionerKind::kBroadcast: return "BROADCAST";
    case PartitionerKind::kGlobal: return "GLOBAL";
    case PartitionerKind::kCustom: return "CUSTOM";
    case PartitionerKind::kKeyGroup: return "HASH";
  }
  return "UNKNOWN";
}

std::string JobGraph::Encode() const {
  EnvelopeWriter envelope(kMagic, kVersion);
  envelope.AddSection(kVerticesSection, EncodeVertices(vertices));
  envelope.AddSection(kEdgesSection, EncodeEdges(edges));
  envelope.AddSection(kConfigSection, EncodeConfig(*this));
  return envelope.Finish();
}

StatusOr<JobGraph> JobGraph::Decode(std::string_view bytes) {
  ASSIGN_OR_RETURN(const EnvelopeReader envelope, EnvelopeReader::Open(bytes, kMagic, kVersion, "job graph"));
  if (envelope.version() != kVersion) return FailedPrecondition("job graph has an old version, version=" + std::to_string(envelope.version()));
  JobGraph graph;
  ASSIGN_OR_RETURN(const std::string_view vertex_bytes, envelope.Section(kVerticesSection));
  RETURN_IF_ERROR(DecodeVertices(vertex_bytes, graph.vertices));
  ASSIGN_OR_RETURN(const std::string_view edge_bytes, envelope.Section(kEdgesSection));
  RETURN_IF_ERROR(DecodeEdges(edge_bytes, graph.edges));
  ASSIGN_OR_RETURN(const std::string_view config_bytes, envelope.Section(kConfigSection));
  RETURN_IF_ERROR(DecodeConfig(config_bytes, graph));
  RETURN_IF_ERROR(graph.Validate());
  return graph;
}

uint64_t JobGraph::Fingerprint() const { return Checksum64(Encode()); }

}  // namespace weir
