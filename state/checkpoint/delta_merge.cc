#include "state/checkpoint/delta_merge.h"

#include <algorithm>
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
  std::vector<const SnapshotRecord*> ranges;                         // Oldest first.
  std::unordered_map<Unit, const SnapshotRecord*, UnitHash> newest;  // Newer than every range that would cover it.

  Status Read(const std::vector<SnapshotReader>& snapshots, uint32_t key_group) {
    for (const SnapshotReader& snapshot : snapshots) RETURN_IF_ERROR(snapshot.ReadKeyGroup(key_group, content));
    newest.reserve(content.records.size());
    std::unordered_map<Unit, const SnapshotRecord*, UnitHash> cleared;  // By state and key: the newest range over all of its units.
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
    for (const auto& [unit, range] : cleared) ranges.push_back(range);
    return Status::Ok();
  }
};

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
  CHECK(!snapshots.empty());
  const SnapshotHeader& header = snapshots.front().header();
  for (const SnapshotReader& snapshot : snapshots) {
    if (!(snapshot.header() == header)) return Corruption("snapshots that are to be merged have different headers");
  }
  for (uint32_t key_group = header.key_groups.start; key_group <= header.key_groups.end; ++key_group) {
    MergedGroup group;
    RETURN_IF_ERROR(group.Read(snapshots, key_group));
    RETURN_IF_ERROR(Write(key_group, choose(group), consume));
  }
  return Status::Ok();
}

std::vector<const SnapshotRecord*> RangesAndNewest(MergedGroup& group) {
  std::vector<const SnapshotRecord*> records = std::move(group.ranges);
  records.reserve(records.size() + group.newest.size());
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

}  // namespace weir
