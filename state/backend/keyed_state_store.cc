#include <weir/state/keyed_state_store.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "state/backend/encoded.h"
#include "state/backend/restore_room.h"

namespace weir {

KeyedStateStore::KeyedStateStore(uint32_t key_group_start, uint32_t key_group_end, uint32_t max_parallelism)
    : tables_(key_group_end - key_group_start + 1),
      groups_(key_group_start, key_group_end, max_parallelism, tables_.data()),
      now_ms_([] { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }) {
  CHECK(key_group_start <= key_group_end);
  CHECK(key_group_end < max_parallelism);
}

KeyedStateStore::~KeyedStateStore() {
  for (KeyTable& table : tables_) table.Destroy(layout_);
}

void KeyedStateStore::SetLayout(const KeyOps& key, std::vector<StateColumn> columns) {
  CHECK(layout_.key == nullptr);
  layout_ = RowLayout::For(key, std::move(columns));
  cleanups_.resize(layout_.columns.size());
}

void KeyGroupTables::DieOfForeignKeyGroup(uint32_t key_group, uint32_t start, uint32_t count) {
  std::fprintf(stderr, "record routed to the wrong subtask: key group %u is not in %u..%u\n", key_group, start, start + count - 1);
  std::abort();
}

void KeyedStateStore::PlaceRow() {
  ++row_count_;
  const uint32_t group_index = KeyGroup(hash_) - groups_.start();
  while ((slot_ = KeyTable::TryInsert(*segment_, hash_, 0)) == KeySegment::kNone) {
    // The segment under the cursor may not move its rows: its rest is written first.
    if (snapshotting() && segment_ == cursor_segment_) FinishSegment();
    tables_[group_index].Grow(hash_, layout_);
    ++moves_;
    segment_ = &tables_[group_index].Segment(hash_);
  }
  segment_->tags[slot_] |= marks_.Born(marks_.walking == SnapshotWalk::kFull && AheadOfCursor(group_index, *segment_, slot_));
  Select(slot_);
}

void KeyedStateStore::InsertRow() {
  PlaceRow();
  layout_.key->type->copy_construct(row_, key_, 1);
  if (layout_.presence_offset == 0) return;
  uint32_t presence = 0;
  if (layout_.has_cells) presence = uint32_t{segment_->tags[slot_]} << RowLayout::kValueBitsShift & RowLayout::kValueBits;
  std::memcpy(row_ + layout_.presence_offset, &presence, sizeof(presence));
}

uint32_t KeyedStateStore::Presence() const {
  uint32_t presence;
  std::memcpy(&presence, row_ + layout_.presence_offset, sizeof(presence));
  return presence;
}

bool KeyedStateStore::MarkPresent(uint32_t column) {
  const uint32_t before = Presence();
  uint32_t presence = before | (1u << column);
  if (layout_.has_cells && marks_.tracking) presence |= uint32_t{marks_.dirty} << RowLayout::kValueBitsShift;
  std::memcpy(row_ + layout_.presence_offset, &presence, sizeof(presence));
  return (before >> column) & 1;
}

void KeyedStateStore::ClearValue(uint32_t column) {
  if (!HasValue(column)) return;
  if (snapshotting()) SaveBeforeWrite();
  if (cold_ != nullptr) EraseCold(column);
  // The first snapshot of cold rows is a full one: before it nothing needs to be remembered.
  if (cold_ != nullptr ? reports_changes_ : marks_.tracking) RememberCleared(column, /*range=*/false, {});
  const StateColumn& state = layout_.columns[column];
  state.type->destroy(row_ + state.offset, 1);
  ForgetValue(column);
}

void KeyedStateStore::ForgetValue(uint32_t column) {
  uint32_t presence = 0;
  if (layout_.presence_offset != 0) {
    presence = Presence() & ~(1u << column);
    std::memcpy(row_ + layout_.presence_offset, &presence, sizeof(presence));
  }
  if ((presence & layout_.presence_mask) != 0) return;
  layout_.key->type->destroy(row_, 1);
  KeyTable::Erase(*segment_, slot_);
  --row_count_;
  Select(KeySegment::kNone);
}

void KeyedStateStore::RememberCleared(uint32_t column, bool range, std::string_view name_space) {
  cleared_.Add(KeyGroup(hash_), column, range, Encoded(*layout_.key->type, row_, key_bytes_), name_space);
}

void KeyedStateStore::ForEachKey(const std::function<void(const void* key)>& visit) {
  if (cold_ != nullptr) return ForEachColdKey(visit);
  for (KeyTable& table : tables_) {
    for (KeySegment* segment = table.First(); segment != nullptr; segment = table.Next(*segment)) {
      for (uint32_t slot = 0; slot < segment->slot_end; ++slot) {
        if (!segment->occupied(slot)) continue;
        segment_ = segment;
        Select(slot);
        key_ = row_;
        hash_ = layout_.key->hash(key_);
        visit(key_);
      }
    }
  }
  ForgetKey();
}

size_t KeyedStateStore::memory_bytes() const {
  size_t sum = cleared_.entries.capacity() * sizeof(StateTombstone) + cleared_.bytes.capacity();
  for (const KeyTable& table : tables_) sum += table.allocated_bytes(layout_);
  return sum;
}

bool KeyedStateStore::AheadOfCursor(uint32_t group_index, const KeySegment& segment, uint32_t slot) const {
  if (group_index != cursor_group_) return group_index > cursor_group_;
  if (&segment != cursor_segment_) return segment.first_prefix > cursor_segment_->first_prefix;
  return slot >= cursor_slot_;
}

void KeyedStateStore::BeginSnapshot(SnapshotKind kind, SnapshotRecordSink& sink) {
  CHECK(!snapshotting());
  CHECK(kind == SnapshotKind::kFull || (cold_ != nullptr ? takes_deltas_ : marks_.tracking));
  CHECK(incomplete_lists_ == 0);
  run_ = nullptr;
  marks_.walking = kind == SnapshotKind::kFull ? SnapshotWalk::kFull : SnapshotWalk::kDelta;
  sink_ = &sink;
  if (layout_.has_ttl) barrier_ms_ = NowMs();
  cursor_group_ = 0;
  cursor_segment_ = tables_[0].First();
  cursor_slot_ = 0;
  StateTombstones cleared = std::exchange(cleared_, {});
  if (cold_ != nullptr) return BeginColdWalk(kind, std::move(cleared));
  if (kind == SnapshotKind::kFull) return;
  std::swap(marks_.dirty, marks_.walk);
  sink.Cleared(std::move(cleared));
}

void KeyedStateStore::SaveBeforeWrite() {
  if (layout_.has_cells) return SaveValuesBesideCells();
  if (cold_ != nullptr) return SaveCachedRow(KeyGroup(hash_) - groups_.start(), *segment_, slot_);
  const uint32_t group_index = KeyGroup(hash_) - groups_.start();
  const uint16_t tag = segment_->tags[slot_];
  if (!marks_.NeedSaving(tag, AheadOfCursor(group_index, *segment_, slot_))) return;
  WriteRow(group_index, *segment_, slot_);
  segment_->tags[slot_] = tag ^ marks_.walk;
}

void KeyedStateStore::WriteRow(uint32_t group_index, const KeySegment& segment, uint32_t slot) {
  const std::byte* const row = segment.row(slot, layout_.size_bytes);
  if (layout_.packed_bytes != 0 && WritePacked(group_index, row)) return;
  const std::string_view key = Encoded(*layout_.key->type, row, key_bytes_);
  for (uint32_t column = 0; column < layout_.columns.size(); ++column) {
    const StateColumn& state = layout_.columns[column];
    if (!layout_.Present(row, column) || state.is_cell()) continue;
    if (state.ttl.on() && *reinterpret_cast<const int64_t*>(row + state.offset) <= ExpiredUntil(column)) continue;
    const std::string_view value = Encoded(*state.type, row + state.offset, value_bytes_);
    sink_->Value(groups_.start() + group_index, column, key, {}, value);
    slice_bytes_ += key.size() + value.size();
  }
}

bool KeyedStateStore::WritePacked(uint32_t group_index, const std::byte* row) {
  if (run_ == nullptr || run_group_ != group_index || run_->at == run_->end) {
    run_ = sink_->Packed(groups_.start() + group_index);
    run_group_ = group_index;
    if (run_ == nullptr) return false;
  }
  const uint32_t size_bytes = layout_.packed_bytes;
  if (size_bytes == 16) {
    std::memcpy(run_->at, row, 16);
  } else {
    std::memcpy(run_->at, row, size_bytes);
  }
  run_->at += size_bytes;
  slice_bytes_ += size_bytes;
  return true;
}

// Writes what the snapshot needs of the slot under the cursor, and settles its bits.
void KeyedStateStore::PassSlot() {
  uint16_t& tag = cursor_segment_->tags[cursor_slot_];
  if ((tag & KeySegment::kOccupied) != 0) {
    if (layout_.has_cells) {
      PassRowWithCells();
    } else if (cold_ != nullptr) {
      PassCachedRow();
    } else if (marks_.NeedWriting(tag)) {
      WriteRow(cursor_group_, *cursor_segment_, cursor_slot_);
    }
    tag = marks_.Passed(tag);
  }
  ++cursor_slot_;
}

void KeyedStateStore::NextSegment() {
  cursor_slot_ = 0;
  cursor_segment_ = tables_[cursor_group_].Next(*cursor_segment_);
  if (cursor_segment_ != nullptr) return;
  if (++cursor_group_ < tables_.size()) cursor_segment_ = tables_[cursor_group_].First();
}

void KeyedStateStore::FinishSegment() {
  while (cursor_slot_ < cursor_segment_->slot_end) PassSlot();
  NextSegment();
}

// Slots that a delta does not need, many at a time: a change of 1 % is found at the speed of memory. Yields how many.
size_t KeyedStateStore::SkipUnmarked() {
  constexpr uint32_t kTagsPerStep = 16;
  const uint64_t marks = 0x0001'0001'0001'0001ULL * marks_.walk;
  const uint32_t begin = cursor_slot_;
  while (cursor_slot_ + kTagsPerStep <= cursor_segment_->slot_end) {
    uint64_t words[kTagsPerStep / 4];
    std::memcpy(words, cursor_segment_->tags + cursor_slot_, sizeof(words));
    if (((words[0] | words[1] | words[2] | words[3]) & marks) != 0) break;
    cursor_slot_ += kTagsPerStep;
  }
  return (cursor_slot_ - begin) / kTagsPerStep;
}

bool KeyedStateStore::WriteSlice(size_t bytes_max) {
  CHECK(snapshotting());
  slice_bytes_ = 0;
  size_t scanned = 0;
  for (; cursor_group_ < tables_.size(); NextSegment()) {
    while (cursor_slot_ < cursor_segment_->slot_end) {
      // Slots without a record cost time too: a slice is bounded in both.
      if (slice_bytes_ >= bytes_max || ++scanned > bytes_max) return false;
      if (!open_cells_.empty()) [[unlikely]] {
        WalkOpenCell(bytes_max - slice_bytes_);
        continue;
      }
      if (marks_.walking == SnapshotWalk::kDelta && !walks_all_differing_) scanned += SkipUnmarked();
      if (cursor_slot_ < cursor_segment_->slot_end) PassSlot();
    }
  }
  for (; !open_cells_.empty(); WalkOpenCell(bytes_max - slice_bytes_)) {
    if (slice_bytes_ >= bytes_max) return false;
  }
  marks_.walking = SnapshotWalk::kNone;
  walks_all_differing_ = false;
  sink_ = nullptr;
  return true;
}

}  // namespace weir
