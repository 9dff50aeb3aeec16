#include "runtime/task/keyed_restore.h"

#include <algorithm>
#include <optional>

#include "base/status_macros.h"
#include "runtime/graph/state_evolution.h"
#include "state/checkpoint/snapshot_reader.h"
#include "state/schema/schema_text.h"
#include "state/schema/value_migration.h"

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
  const StateChange keys = CompareKeys(header.key_schema, target.key_schema);
  return keys.verdict == SchemaVerdict::kAsIs ? Status::Ok() : FailedPrecondition(Where(target) + ": " + keys.reason);
}

// Where records of a saved state go.
struct Destination {
  uint32_t column = kNoColumn;
  std::optional<UnitMigration> migration;  // Unset: values are what they were.
};

StateDeclaration DeclarationOf(const StateColumn& column) {
  return {column.name, column.kind, column.Schema(), std::string(column.ttl.on() ? kTtlOption : ""), column.former_names};
}

StatusOr<Destination> DestinationOf(const SnapshotState& saved, const StateColumn& column, const StateDeclaration& now) {
  Destination destination;
  const StateChange change = CompareState(saved, now);
  if (change.verdict == SchemaVerdict::kIncompatible) return FailedPrecondition(change.reason);
  if (change.verdict == SchemaVerdict::kAsIs) return destination;
  ASSIGN_OR_RETURN(const Schema from, ParseSchema(saved.schema));
  ASSIGN_OR_RETURN(Schema to, ParseSchema(now.schema));
  if (column.complete_schema != nullptr) column.complete_schema(to);
  ASSIGN_OR_RETURN(UnitMigration migration, UnitMigration::Make({saved.kind, column.ttl.on(), from}, to));
  destination.migration = std::move(migration);
  return destination;
}

// By the index of the state in the snapshot.
StatusOr<std::vector<Destination>> DestinationsOf(const SnapshotHeader& header, const KeyedRestoreTarget& target, const RowLayout& layout) {
  std::vector<Destination> destinations(header.states.size());
  for (uint32_t column = 0; column < layout.columns.size(); ++column) {
    const StateDeclaration now = DeclarationOf(layout.columns[column]);
    const SnapshotState* const saved = FindSaved(header.states, now);
    if (saved == nullptr) continue;
    StatusOr<Destination> destination = DestinationOf(*saved, layout.columns[column], now);
    if (!destination.ok()) return destination.status().WithContext("state \"" + now.name + "\" of " + Where(target));
    destination->column = column;
    destinations[static_cast<size_t>(saved - header.states.data())] = std::move(*destination);
  }
  return destinations;
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

Status RestoreRecords(const SnapshotReader& reader, KeyGroupRange key_groups, const std::vector<Destination>& destinations, KeyedStateStore& store) {
  SnapshotReader::Cursor cursor = reader.Records(key_groups);
  ByteWriter migrated;
  while (cursor.Next()) {
    const SnapshotRecord& record = cursor.record();
    const auto& [column, migration] = destinations[record.state_index];
    if (column == kNoColumn) continue;
    switch (record.kind) {
      case SnapshotRecordKind::kValue:
        if (migration.has_value()) [[unlikely]] {
          migrated.Clear();
          if (!migration->Apply(record.value, migrated)) return Corruption("a value of a snapshot cannot be migrated: it does not decode");
        }
        RETURN_IF_ERROR(store.Restore(column, record.key, record.name_space, migration.has_value() ? migrated.view() : record.value));
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
    ASSIGN_OR_RETURN(const std::vector<Destination> destinations, DestinationsOf(reader.header(), target, store.layout()));
    const KeyGroupRange held = reader.header().key_groups;
    const KeyGroupRange wanted{std::max(target.key_groups.start, held.start), std::min(target.key_groups.end, held.end)};
    for (uint32_t key_group = wanted.start; key_group <= wanted.end; ++key_group) {
      const size_t index = key_group - target.key_groups.start;
      if (!begun[index]) store.Reserve(key_group, RowsOf(reader, key_group, store.layout()));
      begun[index] = true;
      RETURN_IF_ERROR(RestoreRecords(reader, {key_group, key_group}, destinations, store));
    }
  }
  return store.FinishRestore();
}

}  // namespace weir
