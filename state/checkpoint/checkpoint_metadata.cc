#include "state/checkpoint/checkpoint_metadata.h"

#include <weir/core/bytes.h>

#include "base/check.h"
#include "base/envelope.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr std::string_view kMagic = "WEIRMETA";
constexpr uint32_t kVersion = 4;
constexpr uint32_t kVersionWithKind = 2;          // Before it there were checkpoints only.
constexpr uint32_t kVersionWithSchemas = 3;       // Of operator states.
constexpr uint32_t kVersionWithDescriptions = 4;  // Of operators.
enum Section : uint32_t { kHeadSection = 1, kVerticesSection = 2, kDescriptionsSection = 3 };
constexpr uint32_t kParallelismMax = 32'768;

// Least encoded sizes, for hostile counts.
constexpr uint64_t kOperatorNameBytesMin = 17;
constexpr uint64_t kStateBytesMin = 18;
constexpr uint64_t kOperatorStateBytesMin = 18;
constexpr uint64_t kItemBytesMin = 2;
constexpr uint64_t kPartitionBytesMin = 3;
constexpr uint64_t kVertexBytesMin = 10;
constexpr uint64_t kStateDescriptionBytesMin = 4;

template <class Id>
void PutId(ByteWriter& out, const Id& id) {
  out.PutRaw(id.bytes.data(), id.bytes.size());
}

template <class Id>
Id GetId(ByteReader& in) {
  Id id;
  const std::string_view raw = in.GetRaw(id.bytes.size());
  std::copy(raw.begin(), raw.end(), id.bytes.begin());
  return id;
}

void PutStateBytes(ByteWriter& out, const StateBytes& bytes) {
  out.PutString(bytes.path);
  out.PutString(bytes.inline_bytes);
  out.Put(bytes.size_bytes);
  out.Put(bytes.checksum);
}

StateBytes GetStateBytes(ByteReader& in) {
  StateBytes bytes;
  bytes.path = in.GetString();
  bytes.inline_bytes = in.GetString();
  bytes.size_bytes = in.Get<uint64_t>();
  bytes.checksum = in.Get<uint64_t>();
  const bool is_inline = bytes.path.empty();
  if (is_inline ? bytes.inline_bytes.size() != bytes.size_bytes : !bytes.inline_bytes.empty()) in.Fail();
  return bytes;
}

// What ends up in the file system must not lead out of it.
bool IsFileName(std::string_view path) { return path.find('/') == std::string_view::npos && path != "." && path != ".."; }

template <class Metadata, class Visit>
void ForEachFile(Metadata& metadata, const Visit& visit) {
  for (auto& vertex : metadata.vertices) {
    for (auto& subtask : vertex.subtasks) {
      for (auto& state : subtask.snapshot.operators) {
        for (auto& handle : state.keyed) {
          if (!handle.bytes.path.empty()) visit(handle.bytes);
        }
        for (auto& handle : state.operator_state) {
          if (!handle.bytes.path.empty()) visit(handle.bytes);
        }
      }
    }
  }
}

bool PathsFit(const CheckpointMetadata& metadata) {
  bool fit = true;
  ForEachFile(metadata, [&](const StateBytes& bytes) { fit = fit && (metadata.savepoint.has_value() ? IsFileName(bytes.path) : bytes.path.front() == '/'); });
  return fit;
}

void PutOperatorStateHandle(ByteWriter& out, const OperatorStateHandle& handle) {
  out.PutVarint(handle.partitions.size());
  for (const OperatorStatePartition& partition : handle.partitions) {
    out.PutString(partition.name);
    out.Put(partition.mode);
    out.PutString(partition.schema);
    out.PutVarint(partition.items.size());
    for (const OperatorStatePartition::Item& item : partition.items) {
      out.PutVarint(item.offset);
      out.PutVarint(item.size_bytes);
    }
  }
  PutStateBytes(out, handle.bytes);
}

OperatorStateHandle GetOperatorStateHandle(ByteReader& in, uint32_t version) {
  OperatorStateHandle handle;
  handle.partitions.resize(in.GetCount(kPartitionBytesMin));
  for (OperatorStatePartition& partition : handle.partitions) {
    partition.name = in.GetString();
    partition.mode = in.Get<RedistributionMode>();
    if (partition.mode > RedistributionMode::kBroadcast) in.Fail();
    if (version >= kVersionWithSchemas) partition.schema = in.GetString();
    partition.items.resize(in.GetCount(kItemBytesMin));
    for (OperatorStatePartition::Item& item : partition.items) {
      item.offset = in.GetVarint();
      item.size_bytes = in.GetVarint();
    }
  }
  handle.bytes = GetStateBytes(in);
  for (const OperatorStatePartition& partition : handle.partitions) {
    for (const OperatorStatePartition::Item& item : partition.items) {
      const uint64_t size = handle.bytes.size_bytes;
      if (item.offset > size || item.size_bytes > size - item.offset) in.Fail();
    }
  }
  return handle;
}

void PutSnapshot(ByteWriter& out, const TaskSnapshot& snapshot) {
  out.Put(snapshot.drained);
  out.Put(snapshot.watermark);
  out.PutVarint(snapshot.operators.size());
  for (const OperatorSubtaskState& state : snapshot.operators) {
    PutId(out, state.operator_id);
    out.PutVarint(state.keyed.size());
    for (const KeyedStateHandle& handle : state.keyed) {
      out.Put(handle.key_groups.start);
      out.Put(handle.key_groups.end);
      PutStateBytes(out, handle.bytes);
    }
    out.PutVarint(state.operator_state.size());
    for (const OperatorStateHandle& handle : state.operator_state) PutOperatorStateHandle(out, handle);
  }
}

TaskSnapshot GetSnapshot(ByteReader& in, uint32_t max_parallelism, uint32_t version) {
  TaskSnapshot snapshot;
  snapshot.drained = in.Get<bool>();
  snapshot.watermark = in.Get<int64_t>();
  snapshot.operators.resize(in.GetCount(kOperatorStateBytesMin));
  for (OperatorSubtaskState& state : snapshot.operators) {
    state.operator_id = GetId<OperatorId>(in);
    state.keyed.resize(in.GetCount(kStateBytesMin));
    for (KeyedStateHandle& handle : state.keyed) {
      handle.key_groups.start = in.Get<uint32_t>();
      handle.key_groups.end = in.Get<uint32_t>();
      if (!handle.key_groups.empty() && handle.key_groups.end >= max_parallelism) in.Fail();
      handle.bytes = GetStateBytes(in);
    }
    state.operator_state.resize(in.GetCount(kStateBytesMin));
    for (OperatorStateHandle& handle : state.operator_state) handle = GetOperatorStateHandle(in, version);
  }
  return snapshot;
}

void PutVertex(ByteWriter& out, const VertexCheckpoint& vertex) {
  out.PutVarint(vertex.operators.size());
  for (const SavedOperator& op : vertex.operators) {
    PutId(out, op.id);
    out.PutString(op.uid);
  }
  out.Put(vertex.parallelism);
  out.Put(vertex.max_parallelism);
  out.PutVarint(vertex.subtasks.size());
  for (const SubtaskCheckpoint& subtask : vertex.subtasks) {
    out.Put(subtask.finished);
    if (!subtask.finished) PutSnapshot(out, subtask.snapshot);
  }
}

VertexCheckpoint GetVertex(ByteReader& in, uint32_t version) {
  VertexCheckpoint vertex;
  vertex.operators.resize(in.GetCount(kOperatorNameBytesMin));
  for (SavedOperator& op : vertex.operators) {
    op.id = GetId<OperatorId>(in);
    op.uid = in.GetString();
  }
  vertex.parallelism = in.Get<uint32_t>();
  vertex.max_parallelism = in.Get<uint32_t>();
  const bool bounds_hold = vertex.parallelism >= 1 && vertex.parallelism <= vertex.max_parallelism &&
                           vertex.max_parallelism <= kParallelismMax;
  if (!bounds_hold || in.GetCount() != vertex.parallelism) in.Fail();
  if (!in.ok()) return vertex;
  vertex.subtasks.resize(vertex.parallelism);
  for (SubtaskCheckpoint& subtask : vertex.subtasks) {
    subtask.finished = in.Get<bool>();
    if (!subtask.finished) subtask.snapshot = GetSnapshot(in, vertex.max_parallelism, version);
  }
  return vertex;
}

std::string EncodeDescriptions(const std::vector<VertexCheckpoint>& vertices) {
  ByteWriter out;
  for (const VertexCheckpoint& vertex : vertices) {
    for (const SavedOperator& op : vertex.operators) {
      out.Put(op.description.has_value());
      if (!op.description.has_value()) continue;
      out.PutString(op.description->name);
      out.PutString(op.description->key_schema);
      out.PutVarint(op.description->states.size());
      for (const SnapshotState& state : op.description->states) {
        out.PutString(state.name);
        out.PutString(state.kind);
        out.PutString(state.schema);
        out.PutString(state.options);
      }
    }
  }
  return out.Take();
}

bool DecodeDescriptions(std::string_view bytes, std::vector<VertexCheckpoint>& vertices) {
  ByteReader in(bytes);
  for (VertexCheckpoint& vertex : vertices) {
    for (SavedOperator& op : vertex.operators) {
      if (!in.Get<bool>()) continue;
      OperatorDescription& description = op.description.emplace();
      description.name = in.GetString();
      description.key_schema = in.GetString();
      description.states.resize(in.GetCount(kStateDescriptionBytesMin));
      for (SnapshotState& state : description.states) {
        state.name = in.GetString();
        state.kind = in.GetString();
        state.schema = in.GetString();
        state.options = in.GetString();
      }
    }
  }
  return in.ok() && in.AtEnd();
}

}  // namespace

std::string CheckpointMetadata::Encode() const {
  CHECK(PathsFit(*this));
  ByteWriter head;
  PutId(head, job_id);
  head.Put(id.value);
  head.Put(attempt.epoch.value);
  head.Put(attempt.restart);
  head.Put(timestamp_ms);
  head.Put(static_cast<uint8_t>(savepoint.has_value() ? static_cast<uint8_t>(*savepoint) + 1 : 0));
  ByteWriter body;
  body.PutVarint(vertices.size());
  for (const VertexCheckpoint& vertex : vertices) PutVertex(body, vertex);
  EnvelopeWriter envelope(kMagic, kVersion);
  envelope.AddSection(kHeadSection, head.view());
  envelope.AddSection(kVerticesSection, body.view());
  envelope.AddSection(kDescriptionsSection, EncodeDescriptions(vertices));
  return envelope.Finish();
}

StatusOr<CheckpointMetadata> CheckpointMetadata::Decode(std::string_view bytes) {
  ASSIGN_OR_RETURN(const EnvelopeReader envelope, EnvelopeReader::Open(bytes, kMagic, kVersion, "checkpoint metadata"));
  ASSIGN_OR_RETURN(const std::string_view head_bytes, envelope.Section(kHeadSection));
  ASSIGN_OR_RETURN(const std::string_view body_bytes, envelope.Section(kVerticesSection));
  CheckpointMetadata metadata;
  ByteReader head(head_bytes);
  metadata.job_id = GetId<JobId>(head);
  metadata.id.value = head.Get<uint64_t>();
  metadata.attempt.epoch.value = head.Get<uint64_t>();
  metadata.attempt.restart = head.Get<uint32_t>();
  metadata.timestamp_ms = head.Get<int64_t>();
  if (envelope.version() >= kVersionWithKind) {
    const uint8_t kind = head.Get<uint8_t>();
    if (kind > static_cast<uint8_t>(SavepointFormat::kNative) + 1) head.Fail();
    if (kind != 0) metadata.savepoint = static_cast<SavepointFormat>(kind - 1);
  }
  if (!head.ok() || !head.AtEnd()) return Corruption("checkpoint metadata: head does not decode");
  ByteReader body(body_bytes);
  const uint64_t vertex_count = body.GetCount(kVertexBytesMin);
  for (uint64_t i = 0; i < vertex_count && body.ok(); ++i) metadata.vertices.push_back(GetVertex(body, envelope.version()));
  if (!body.ok() || !body.AtEnd() || !PathsFit(metadata)) return Corruption("checkpoint metadata: vertices do not decode");
  if (envelope.version() >= kVersionWithDescriptions) {
    ASSIGN_OR_RETURN(const std::string_view descriptions, envelope.Section(kDescriptionsSection));
    if (!DecodeDescriptions(descriptions, metadata.vertices)) return Corruption("checkpoint metadata: descriptions of operators do not decode");
  }
  return metadata;
}

StatusOr<CheckpointMetadata> CheckpointMetadata::NamedIn(const std::string& directory) const {
  CheckpointMetadata named = *this;
  std::string stray;
  ForEachFile(named, [&](StateBytes& bytes) {
    const bool inside = bytes.path.starts_with(directory + "/") && IsFileName(std::string_view(bytes.path).substr(directory.size() + 1));
    if (!inside) stray = bytes.path;
    bytes.path = inside ? bytes.path.substr(directory.size() + 1) : "stray";
  });
  if (!stray.empty()) return Internal("file of a savepoint lies outside its directory, path=" + stray);
  return named;
}

void CheckpointMetadata::ResolveIn(const std::string& directory) {
  if (!savepoint.has_value()) return;
  ForEachFile(*this, [&](StateBytes& bytes) { bytes.path = directory + "/" + bytes.path; });
}

std::vector<std::string> CheckpointMetadata::ReferencedFiles() const {
  std::vector<std::string> paths;
  ForEachFile(*this, [&paths](const StateBytes& bytes) { paths.push_back(bytes.path); });
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

uint64_t CheckpointMetadata::StateSizeBytes() const {
  uint64_t sum = 0;
  for (const VertexCheckpoint& vertex : vertices) {
    for (const SubtaskCheckpoint& subtask : vertex.subtasks) sum += subtask.snapshot.SizeBytes();
  }
  return sum;
}

uint64_t CheckpointMetadata::WrittenBytes(const std::string& directory) const {
  uint64_t sum = 0;
  const auto add = [&](const StateBytes& bytes) {
    if (bytes.path.empty() || (bytes.path.starts_with(directory) && bytes.path.find('/', directory.size()) == directory.size())) sum += bytes.size_bytes;
  };
  for (const VertexCheckpoint& vertex : vertices) {
    for (const SubtaskCheckpoint& subtask : vertex.subtasks) {
      for (const OperatorSubtaskState& state : subtask.snapshot.operators) {
        for (const KeyedStateHandle& handle : state.keyed) add(handle.bytes);
        for (const OperatorStateHandle& handle : state.operator_state) add(handle.bytes);
      }
    }
  }
  return sum;
}

}  // namespace weir
