// The part of KeyedStateStore that clears what has expired, a few units at a time.
#include <weir/state/keyed_state_store.h>

#include <tuple>

#include <weir/state/list_cell.h>

namespace weir {
namespace {

// Slots looked at for each unit that is asked for, at most: most are empty, or of keys without the state.
constexpr uint32_t kSlotsPerUnit = 8;

}  // namespace

int64_t KeyedStateStore::ExpiredUntil(uint32_t column) const {
  const TtlSettings& ttl = layout_.columns[column].ttl;
  return ttl.on() && marks_.walking == SnapshotWalk::kFull ? ttl.ExpiredUntil(barrier_ms_) : UnitWriter::kNothingExpires;
}

void KeyedStateStore::CleanUpAfter(uint32_t record_count) {
  ForgetKey();
  for (uint32_t column = 0; column < layout_.columns.size(); ++column) {
    const TtlSettings& ttl = layout_.columns[column].ttl;
    if (ttl.on() && ttl.cleanup_every_record) CleanUp(column, ttl.cleanup_units * record_count);
  }
}

// Makes the key at the position current, unless it is that of `but_row`; else moves the position on.
bool KeyedStateStore::SelectNext(CleanupPosition& at, const std::byte* but_row) {
  KeySegment& segment = tables_[at.group_index].Segment(at.prefix);
  if (at.slot >= segment.slot_end) {
    const KeySegment* const next = tables_[at.group_index].Next(segment);
    const uint32_t group_index = next != nullptr ? at.group_index : (at.group_index + 1) % static_cast<uint32_t>(tables_.size());
    at = {.group_index = group_index, .prefix = next != nullptr ? next->first_prefix : 0};
    return false;
  }
  if (!segment.occupied(at.slot) || segment.row(at.slot, layout_.size_bytes) == but_row) {
    ++at.slot;
    return false;
  }
  segment_ = &segment;
  Select(at.slot);
  key_ = row_;
  hash_ = layout_.key->hash(key_);
  return true;
}

void KeyedStateStore::CleanUp(uint32_t column, uint32_t units) {
  const auto current = std::tuple(segment_, key_, hash_, slot_, row_);
  const StateColumn& state = layout_.columns[column];
  const int64_t expired_until_ms = state.ttl.ExpiredUntil(NowMs());
  CleanupPosition& at = cleanups_[column];
  uint32_t left = units;
  for (uint64_t slots = uint64_t{units} * kSlotsPerUnit; left != 0 && slots != 0; --slots) {
    if (!SelectNext(at, std::get<4>(current))) continue;
    if (!HasValue(column)) {
      ++at.slot;
      continue;
    }
    if (!state.is_cell()) {
      --left;
      ++at.slot;
      if (*reinterpret_cast<const int64_t*>(row_ + state.offset) <= expired_until_ms) ClearValue(column);
    } else if (auto* const list = dynamic_cast<ListCell*>(FindCell(column)); list != nullptr) {
      --left;
      ++at.slot;
      if (list->last_access_ms() <= expired_until_ms) ClearCell(column);
    } else {
      left -= CleanUpMap(column, at, expired_until_ms, left);
    }
  }
  // No row has moved: what was current is where it was.
  std::tie(segment_, key_, hash_, slot_, row_) = current;
}

// Looks at up to so many entries of the current key's map, and moves on. Yields at how many.
uint32_t KeyedStateStore::CleanUpMap(uint32_t column, CleanupPosition& at, int64_t expired_until_ms, uint32_t units) {
  MapCell& map = static_cast<MapCell&>(*FindCell(column));
  const uint32_t first = map.large() && at.entry_index == UINT32_MAX ? 0 : at.entry_index;
  CellUnit unit = map.EntryFrom(at.entry_prefix, first);
  uint32_t looked_at = 0;
  while (unit.bits != nullptr && looked_at < units) {
    ++looked_at;
    const CellUnit visited = unit;
    unit = map.NextEntry(unit);
    if (map.LastAccessOf(visited) > expired_until_ms) continue;
    const bool last = map.size() == 1;
    RemoveEntry(column, map, visited);
    if (last) unit = {};  // With the map.
  }
  if (unit.bits == nullptr) {
    at = {.group_index = at.group_index, .prefix = at.prefix, .slot = at.slot + 1};
  } else if (unit.segment != nullptr) {
    at.entry_prefix = unit.segment->first_prefix;
    at.entry_index = unit.index;
  } else {
    at.entry_index = unit.index + 1;
  }
  return looked_at;
}

}  // namespace weir
