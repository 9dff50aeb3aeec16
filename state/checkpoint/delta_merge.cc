#include "state/checkpoint/delta_merge.h"

#include <algorithm>
#include <span>
#include <tuple>
#include <unordered_map>

#include "base/check.h"
#include "base/checksum.h"
#include "base/status_macros.h"

namespace weir {
namespace {

struct Unit {
  uint32_t state_index = 0;
  std::string_view key;
  std::string_view name_space;
  bool operator==(const Unit&) const = default;
};

struct UnitHash {
  size_t operator()(const Unit& unit) const { return Checksum64(unit.key) * 31 + Checksum64(unit.name_space) * 7 + unit.state_index; }
};

bool Covers(const SnapshotRecord& range, const Unit& unit) {
  return range.state_index == unit.state_index && (range.key.empty() || range.key == unit.key) && unit.name_space.starts_with(range.name_space);
}

// One key group of all snapshots.
struct MergedGroup {
  KeyGroupRecords content;
  std::vector<const SnapshotRecord*> ranges;                         // But those of one whole key; oldest first.
  std::unordered_map<Unit, const SnapshotRecord*, UnitHash> cleared; // By state and key: the newest range over all of its units.
  std::unordered_map<Unit, const SnapshotRecord*, UnitHash> newest;  // Newer than every range that would cover it.

  Status Read(std::span<const SnapshotReader> snapshots, uint32_t key_group) {
    for (const SnapshotReader& snapshot : snapshots) RETURN_IF_ERROR(snapshot.ReadKeyGroup(key_group, content));
    newest.reserve(content.records.size());
    for (const SnapshotRecord& record : content.records) {
      if (record.kind != SnapshotRecordKind::kRangeTombstone) {
        newest.insert_or_assign(Unit{record.state_index, record.key, record.name_space}, &record);
      } else if (!record.key.empty() && record.name_space.empty()) {
        cleared.insert_or_assign(Unit{record.state_index, record.key, {}}, &record);
      } else {
        std::erase_if(newest, [&](const auto& entry) { return Covers(record, entry.first); });
        ranges.push_back(&record);
      }
    }
    if (cleared.empty()) return Status::Ok();
    // A key may be cleared many times: its units are looked at once. Records stand in their order in memory.
    std::erase_if(newest, [&](const auto& entry) {
      const auto found = cleared.find(Unit{entry.first.state_index, entry.first.key, {}});
      return found != cleared.end() && entry.second < found->second;
    });
    return Status::Ok();
  }

  // Whether a record of an older snapshot counts no more.
  bool Hides(const SnapshotRecord& older) const {
    const Unit unit{older.state_index, older.key, older.name_space};
    if (newest.contains(unit) || cleared.contains(Unit{older.state_index, older.key, {}})) return true;
    return std::any_of(ranges.begin(), ranges.end(), [&unit](const SnapshotRecord* range) { return Covers(*range, unit); });
  }
};

Status CheckHeaders(const std::vector<SnapshotReader>& snapshots) {
  CHECK(!snapshots.empty());
  for (const SnapshotReader& snapshot : snapshots) {
    if (!(snapshot.header() == snapshots.front().header())) return Corruption("snapshots that are to be merged have different headers");
  }
  return Status::Ok();
}

Status Write(uint32_t key_group, const std::vector<const SnapshotRecord*>& records, const SnapshotBlockConsumer& consume) {
  BlockBuilder builder;
  for (const SnapshotRecord* const record : records) {
    if (!builder.started()) builder.Start(key_group);
    builder.Append(*record);
    if (builder.full()) RETURN_IF_ERROR(consume(builder.Finish()));
  }
  return builder.started() ? consume(builder.Finish()) : Status::Ok();
}

// Calls `choose` for each key group, which yields the records to write.
Status MergeGroups(const std::vector<SnapshotReader>& snapshots, const SnapshotBlockConsumer& consume,
                   std::vector<const SnapshotRecord*> (*choose)(MergedGroup&)) {
  RETURN_IF_ERROR(CheckHeaders(snapshots));
  const SnapshotHeader& header = snapshots.front().header();
  for (uint32_t key_group = header.key_groups.start; key_group <= header.key_groups.end; ++key_group) {
    MergedGroup group;
    RETURN_IF_ERROR(group.Read(snapshots, key_group));
    RETURN_IF_ERROR(Write(key_group, choose(group), consume));
  }
  return Status::Ok();
}

std::vector<const SnapshotRecord*> RangesAndNewest(MergedGroup& group) {
  std::vector<const SnapshotRecord*> records = std::move(group.ranges);
  records.reserve(records.size() + group.cleared.size() + group.newest.size());
  for (const auto& [unit, record] : group.cleared) records.push_back(record);
  for (const auto& [unit, record] : group.newest) records.push_back(record);
  return records;
}

std::vector<const SnapshotRecord*> SortedValues(MergedGroup& group) {
  std::vector<const SnapshotRecord*> records;
  for (const auto& [unit, record] : group.newest) {
    if (record->kind == SnapshotRecordKind::kValue) records.push_back(record);
  }
  std::sort(records.begin(), records.end(), [](const SnapshotRecord* a, const SnapshotRecord* b) {
    return std::tie(a->key, a->state_index, a->name_space) < std::tie(b->key, b->state_index, b->name_space);
  });
  return records;
}

}  // namespace

Status MergeDeltas(const std::vector<SnapshotReader>& deltas, const SnapshotBlockConsumer& consume) { return MergeGroups(deltas, consume, &RangesAndNewest); }

Status MergeIntoBase(const std::vector<SnapshotReader>& base_and_deltas, const SnapshotBlockConsumer& consume) {
  return MergeGroups(base_and_deltas, consume, &SortedValues);
}

Status ForEachUnit(const std::vector<SnapshotReader>& base_and_deltas, KeyGroupRange key_groups, const UnitVisitor& visit) {
  RETURN_IF_ERROR(CheckHeaders(base_and_deltas));
  const SnapshotReader& base = base_and_deltas.front();
  const KeyGroupRange held = base.header().key_groups;
  const uint32_t end = std::min(key_groups.end, held.end);
  for (uint32_t key_group = std::max(key_groups.start, held.start); key_group <= end; ++key_group) {
    MergedGroup deltas;
    RETURN_IF_ERROR(deltas.Read(std::span(base_and_deltas).subspan(1), key_group));
    SnapshotReader::Cursor cursor = base.Records({key_group, key_group});
    while (cursor.Next()) {
      const SnapshotRecord& record = cursor.record();
      if (record.kind == SnapshotRecordKind::kValue && !deltas.Hides(record)) RETURN_IF_ERROR(visit(key_group, record));
    }
    RETURN_IF_ERROR(cursor.status());
    for (const auto& [unit, record] : deltas.newest) {
      if (record->kind == SnapshotRecordKind::kValue) RETURN_IF_ERROR(visit(key_group, *record));
    }
  }
  return Status::Ok();
}

}  // namespace weir
