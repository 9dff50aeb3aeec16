#include "runtime/task/keyed_restore.h"

#include <algorithm>

#include "base/status_macros.h"
#include "state/checkpoint/snapshot_reader.h"

namespace weir {
namespace {

// Of a saved state that the job does not declare any more.
constexpr uint32_t kNoColumn = UINT32_MAX;

std::string Where(const KeyedRestoreTarget& target) { return "operator \"" + target.operator_name + "\""; }

Status CheckHeader(const SnapshotHeader& header, const KeyedRestoreTarget& target) {
  if (header.max_parallelism != target.max_parallelism) {
    return FailedPrecondition(Where(target) + " was saved with max parallelism " + std::to_string(header.max_parallelism) + ", now it is " +
                              std::to_string(target.max_parallelism));
  }
  if (header.key_schema != target.key_schema) {
    return FailedPrecondition(Where(target) + " was saved with keys of " + header.key_schema + ", now they are " + target.key_schema);
  }
  return Status::Ok();
}

// Columns of the store by the index of their state in the snapshot.
StatusOr<std::vector<uint32_t>> ColumnsOf(const SnapshotHeader& header, const KeyedRestoreTarget& target, const RowLayout& layout) {
  std::vector<uint32_t> column_of(header.states.size(), kNoColumn);
  for (size_t saved = 0; saved < header.states.size(); ++saved) {
    for (uint32_t column = 0; column < layout.columns.size(); ++column) {
      if (layout.columns[column].name != header.states[saved].name) continue;
      if (layout.columns[column].kind != header.states[saved].kind) {
        return FailedPrecondition("state \"" + header.states[saved].name + "\" of " + Where(target) + " was saved as a " + header.states[saved].kind +
                                  " state, now it is a " + layout.columns[column].kind + " state");
      }
      if (const bool had_ttl = header.states[saved].options == kTtlOption; had_ttl != layout.columns[column].ttl.on()) {
        return FailedPrecondition("state \"" + header.states[saved].name + "\" of " + Where(target) +
                                  (had_ttl ? " was saved with a time-to-live, now it has none" : " was saved without a time-to-live, now it has one"));
      }
      const std::string schema = layout.columns[column].Schema();
      if (schema != header.states[saved].schema) {
        return FailedPrecondition("state \"" + header.states[saved].name + "\" of " + Where(target) + " was saved as " + header.states[saved].schema +
                                  ", now it is " + schema);
      }
      column_of[saved] = column;
    }
  }
  return column_of;
}

// What the record of a key and its smallest value takes in a file at least.
uint64_t RecordBytesMin(const RowLayout& layout) {
  if (layout.packed_bytes != 0) return layout.packed_bytes;
  uint64_t value_bytes = UINT64_MAX;
  for (const StateColumn& column : layout.columns) value_bytes = std::min<uint64_t>(value_bytes, column.type->image ? column.type->size_bytes : 0);
  return kSnapshotRecordBytesMin + (layout.key->type->image ? layout.key->type->size_bytes : 0) + (layout.columns.empty() ? 0 : value_bytes);
}

// How many rows a base has in a key group, at least: a record for each state that a key has. Nothing is verified yet, so
// no more than fit into the blocks: a wrong number takes no memory that the right one would not. Nothing is known with
// lists and maps: a key has any number of records.
uint64_t RowsOf(const SnapshotReader& base, uint32_t key_group, const RowLayout& layout) {
  if (layout.has_cells) return 0;
  const SnapshotReader::KeyGroupSize size = base.SizeOf(key_group);
  return std::min(size.record_count / std::max<uint64_t>(1, base.header().states.size()), size.size_bytes / RecordBytesMin(layout));
}

Status RestoreRecords(const SnapshotReader& reader, KeyGroupRange key_groups, const std::vector<uint32_t>& column_of, KeyedStateStore& store) {
  SnapshotReader::Cursor cursor = reader.Records(key_groups);
  while (cursor.Next()) {
    const SnapshotRecord& record = cursor.record();
    const uint32_t column = column_of[record.state_index];
    if (column == kNoColumn) continue;
    switch (record.kind) {
      case SnapshotRecordKind::kValue:
        RETURN_IF_ERROR(store.Restore(column, record.key, record.name_space, record.value));
        break;
      case SnapshotRecordKind::kTombstone:
      case SnapshotRecordKind::kRangeTombstone:
        RETURN_IF_ERROR(store.RestoreCleared(column, record.key, record.name_space, record.kind == SnapshotRecordKind::kRangeTombstone));
        break;
    }
  }
  return cursor.status();
}

}  // namespace

Status RestoreKeyedState(FileSystem& file_system, const std::vector<KeyedStateHandle>& handles, const KeyedRestoreTarget& target, KeyedStateStore& store) {
  std::vector<bool> begun(target.key_groups.count());  // By key group: its base is restored, what follows are deltas.
  for (const KeyedStateHandle& handle : handles) {
    ASSIGN_OR_RETURN(const SnapshotReader reader, SnapshotReader::Open(file_system, handle.bytes));
    RETURN_IF_ERROR(CheckHeader(reader.header(), target));
    ASSIGN_OR_RETURN(const std::vector<uint32_t> column_of, ColumnsOf(reader.header(), target, store.layout()));
    const KeyGroupRange held = reader.header().key_groups;
    const KeyGroupRange wanted{std::max(target.key_groups.start, held.start), std::min(target.key_groups.end, held.end)};
    for (uint32_t key_group = wanted.start; key_group <= wanted.end; ++key_group) {
      const size_t index = key_group - target.key_groups.start;
      if (!begun[index]) store.Reserve(key_group, RowsOf(reader, key_group, store.layout()));
      begun[index] = true;
      RETURN_IF_ERROR(RestoreRecords(reader, {key_group, key_group}, column_of, store));
    }
  }
  return store.FinishRestore();
}

}  // namespace weir
