#include "state/checkpoint/delta_merge.h"

#include <tuple>
#include <unordered_map>

#include "base/check.h"
#include "base/checksum.h"

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

void MergeGroup(const std::vector<SnapshotReader>& deltas, uint32_t key_group, std::vector<SnapshotBlock>& blocks) {
  std::unordered_map<Unit, SnapshotRecord, UnitHash> newest;
  std::vector<SnapshotRecord> ranges;
  for (const SnapshotReader& delta : deltas) {
    SnapshotReader::Cursor cursor = delta.Records({key_group, key_group});
    while (cursor.Next()) {
      const SnapshotRecord& record = cursor.record();
      if (record.kind == SnapshotRecordKind::kRangeTombstone) {
        std::erase_if(newest, [&](const auto& entry) { return Covers(record, entry.first); });
        ranges.push_back(record);
      } else {
        newest.insert_or_assign(Unit{record.state_index, record.key, record.name_space}, record);
      }
    }
  }
  BlockBuilder builder;
  const auto append = [&](const SnapshotRecord& record) {
    if (!builder.started()) builder.Start(key_group);
    builder.Append(record);
    if (builder.full()) blocks.push_back(builder.Finish());
  };
  // What is left of the others is newer than every range that would cover it.
  for (const SnapshotRecord& range : ranges) append(range);
  for (const auto& [unit, record] : newest) append(record);
  if (builder.started()) blocks.push_back(builder.Finish());
}

}  // namespace

std::vector<SnapshotBlock> MergeDeltas(const std::vector<SnapshotReader>& deltas) {
  CHECK(!deltas.empty());
  const SnapshotHeader& header = deltas.front().header();
  for (const SnapshotReader& delta : deltas) CHECK(delta.header() == header);
  std::vector<SnapshotBlock> blocks;
  for (uint32_t group = header.key_groups.start; group <= header.key_groups.end; ++group) MergeGroup(deltas, group, blocks);
  return blocks;
}

}  // namespace weir
