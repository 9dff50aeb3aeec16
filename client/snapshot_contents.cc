#include "client/snapshot_contents.h"

#include <algorithm>
#include <filesystem>

#include "base/status_macros.h"
#include "state/checkpoint/delta_merge.h"
#include "state/checkpoint/operator_state_file.h"
#include "state/checkpoint/state_bytes.h"
#include "state/schema/schema_text.h"

namespace weir {
namespace {

// Text that is no schema: its values are bytes.
Schema SchemaOrUnknown(const std::string& text) {
  StatusOr<Schema> schema = ParseSchema(text);
  if (schema.ok()) return std::move(*schema);
  return Schema{.kind = Schema::Kind::kUser, .name = text};
}

// Of its kind, so that later code may look at the parts.
Status CheckState(const SnapshotState& state, const Schema& schema) {
  const bool fits = (state.kind != "list" || schema.kind == Schema::Kind::kList) && (state.kind != "map" || schema.kind == Schema::Kind::kMap);
  return fits ? Status::Ok() : Corruption("state \"" + state.name + "\" is a " + state.kind + " state and has the schema " + state.schema);
}

Status AddHeader(FileSystem& files, const KeyedStateHandle& handle, OperatorContents& op) {
  ASSIGN_OR_RETURN(const SnapshotReader reader, SnapshotReader::Open(files, handle.bytes));
  op.key_schema_text = reader.header().key_schema;
  op.key_schema = SchemaOrUnknown(op.key_schema_text);
  for (const SnapshotState& state : reader.header().states) {
    StateContents& added = op.states.emplace_back(StateContents{state, SchemaOrUnknown(state.schema)});
    RETURN_IF_ERROR(CheckState(state, added.schema).WithContext(handle.bytes.path));
  }
  return Status::Ok();
}

StatusOr<OperatorContents> ContentsOf(FileSystem& files, const VertexCheckpoint& vertex, const SavedOperator& saved) {
  OperatorContents op;
  op.uid = saved.uid.empty() ? saved.id.ToHex() : saved.uid;
  op.id = saved.id;
  if (saved.description.has_value()) op.name = saved.description->name;
  op.max_parallelism = vertex.max_parallelism;
  for (uint32_t subtask = 0; subtask < vertex.subtasks.size(); ++subtask) {
    for (const OperatorSubtaskState& state : vertex.subtasks[subtask].snapshot.operators) {
      if (state.operator_id != saved.id) continue;
      if (!state.keyed.empty()) op.keyed.push_back({subtask, state.keyed});
      for (const OperatorStateHandle& handle : state.operator_state) op.unkeyed.push_back({subtask, handle});
    }
  }
  if (!op.keyed.empty()) RETURN_IF_ERROR(AddHeader(files, op.keyed.front().handles.front(), op).WithContext("operator \"" + op.uid + "\""));
  return op;
}

}  // namespace

StatusOr<SnapshotContents> SnapshotContents::Open(FileSystem& files, const std::string& path) {
  SnapshotContents contents;
  ASSIGN_OR_RETURN(contents.loaded_, LoadCheckpoint(files, std::filesystem::absolute(path).lexically_normal().string()));
  for (const VertexCheckpoint& vertex : contents.loaded_.metadata.vertices) {
    for (const SavedOperator& saved : vertex.operators) {
      ASSIGN_OR_RETURN(OperatorContents op, ContentsOf(files, vertex, saved));
      contents.operators_.push_back(std::move(op));
    }
  }
  return contents;
}

std::string SnapshotContents::Title() const {
  const CheckpointMetadata& metadata = loaded_.metadata;
  std::string kind = "checkpoint";
  if (metadata.savepoint.has_value()) kind = *metadata.savepoint == SavepointFormat::kNative ? "native savepoint" : "canonical savepoint";
  return kind + " of job " + metadata.job_id.ToHex() + ", checkpoint " + std::to_string(metadata.id.value);
}

StatusOr<const OperatorContents*> SnapshotContents::Find(const std::string& name) const {
  const OperatorContents* found = nullptr;
  size_t of_name = 0;
  std::string known;
  for (const OperatorContents& op : operators_) {
    if (op.uid == name || op.id.ToHex() == name) return &op;
    known += (known.empty() ? "" : ", ") + op.uid;
    if (op.name != name) continue;
    ++of_name;
    found = &op;
  }
  if (of_name == 1) return found;
  return NotFound("the snapshot has no operator \"" + name + "\"; it has: " + (known.empty() ? "none" : known));
}

Status ForEachKeyedUnit(FileSystem& files, const OperatorContents& op, std::optional<uint32_t> key_group, const KeyedUnitVisitor& visit) {
  for (const OperatorContents::Keyed& part : op.keyed) {
    std::vector<SnapshotReader> readers;
    for (const KeyedStateHandle& handle : part.handles) {
      ASSIGN_OR_RETURN(SnapshotReader reader, SnapshotReader::Open(files, handle.bytes));
      readers.push_back(std::move(reader));
    }
    const std::vector<SnapshotState>& states = readers.front().header().states;
    const auto is_same = [](const SnapshotState& state, const StateContents& known) { return state == known.description; };
    if (!std::equal(states.begin(), states.end(), op.states.begin(), op.states.end(), is_same)) {
      return Corruption("subtasks of operator \"" + op.uid + "\" describe their states differently, subtask=" + std::to_string(part.subtask));
    }
    const KeyGroupRange all = part.handles.front().key_groups;
    const KeyGroupRange wanted = key_group.has_value() ? KeyGroupRange{std::max(all.start, *key_group), std::min(all.end, *key_group)} : all;
    if (wanted.empty()) continue;
    RETURN_IF_ERROR(ForEachUnit(readers, wanted, [&](uint32_t group, const SnapshotRecord& record) {
      return visit(KeyedUnit{op.states[record.state_index], record.state_index, group, record});
    }));
  }
  return Status::Ok();
}

Status ForEachUnkeyedItem(FileSystem& files, const OperatorContents& op, const UnkeyedItemVisitor& visit) {
  for (const OperatorContents::Unkeyed& part : op.unkeyed) {
    StatusOr<std::string> content = ReadStateBytes(files, part.handle.bytes);
    if (!content.ok()) return content.status();
    const StatusOr<OperatorStateReader> reader = OperatorStateReader::Open(part.handle, std::move(*content));
    if (!reader.ok()) return reader.status().WithContext(part.handle.bytes.path.empty() ? "(inline)" : part.handle.bytes.path);
    for (const OperatorStatePartition& state : reader->partitions()) {
      for (const OperatorStatePartition::Item& item : state.items) RETURN_IF_ERROR(visit(UnkeyedItem{part.subtask, state, reader->Item(item)}));
    }
  }
  return Status::Ok();
}

std::string_view RedistributionModeName(RedistributionMode mode) {
  switch (mode) {
    case RedistributionMode::kEvenSplit: return "list";
    case RedistributionMode::kUnion: return "union list";
    case RedistributionMode::kBroadcast: return "broadcast";
  }
  return "unknown";
}

}  // namespace weir
