#include <weir/state/keyed_state_store.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "state/backend/restore_room.h"

namespace weir {
namespace {

// The encoding of one value: its memory when that is the same, else made in `buffer`.
std::string_view Encoded(const TypeInfo& type, const std::byte* value, ByteWriter& buffer) {
  if (type.image) return {reinterpret_cast<const char*>(value), type.size_bytes};
  buffer.Clear();
  type.encode(value, 1, buffer);
  return buffer.view();
}

}  // namespace

KeyedStateStore::KeyedStateStore(uint32_t key_group_start, uint32_t key_group_end, uint32_t max_parallelism)
    : tables_(key_group_end - key_group_start + 1), groups_(key_group_start, key_group_end, max_parallelism, tables_.data()) {
  CHECK(key_group_start <= key_group_end);
  CHECK(key_group_end < max_parallelism);
}

KeyedStateStore::~KeyedStateStore() {
  for (KeyTable& table : tables_) table.Destroy(layout_);
}

void KeyedStateStore::SetLayout(const KeyOps& key, std::vector<StateColumn> columns) {
  CHECK(layout_.key == nullptr);
  layout_ = RowLayout::For(key, std::move(columns));
}

void KeyGroupTables::DieOfForeignKeyGroup(uint32_t key_group, uint32_t start, uint32_t count) {
  std::fprintf(stderr, "record routed to the wrong subtask: key group %u is not in %u..%u\n", key_group, start, start + count - 1);
  std::abort();
}

void KeyedStateStore::PlaceRow() {
  const uint32_t group_index = KeyGroup(hash_) - groups_.start();
  while ((slot_ = KeyTable::TryInsert(*segment_, hash_, 0)) == KeySegment::kNone) {
    // The segment under the cursor may not move its rows: its rest is written first.
    if (walking_ && segment_ == cursor_segment_) FinishSegment();
    tables_[group_index].Grow(hash_, layout_);
    ++moves_;
    segment_ = &tables_[group_index].Segment(hash_);
  }
  uint16_t& tag = segment_->tags[slot_];
  if (tracking_) tag |= dirty_bit_;
  // A row born ahead of the cursor is not part of the running full snapshot.
  if (walking_ && kind_ == SnapshotKind::kFull && AheadOfCursor(group_index, *segment_, slot_)) tag |= walk_bit_;
  Select(slot_);
}

void KeyedStateStore::InsertRow() {
  PlaceRow();
  layout_.key->type->copy_construct(row_, key_, 1);
  if (layout_.presence_offset != 0) std::memset(row_ + layout_.presence_offset, 0, 4);
}

bool KeyedStateStore::MarkPresent(uint32_t column) {
  std::byte* const row = CurrentRow();
  uint32_t presence;
  std::memcpy(&presence, row + layout_.presence_offset, 4);
  const bool was_present = (presence >> column) & 1;
  presence |= 1u << column;
  std::memcpy(row + layout_.presence_offset, &presence, 4);
  return was_present;
}

void KeyedStateStore::ClearValue(uint32_t column) {
  if (!HasValue(column)) return;
  if (walking_) SaveBeforeWrite();
  if (tracking_) RememberCleared(column);
  const StateColumn& state = layout_.columns[column];
  state.type->destroy(CurrentRow() + state.offset, 1);
  ForgetValue(column);
}

void KeyedStateStore::ForgetValue(uint32_t column) {
  std::byte* const row = CurrentRow();
  uint32_t presence = 0;
  if (layout_.presence_offset != 0) {
    std::memcpy(&presence, row + layout_.presence_offset, 4);
    presence &= ~(1u << column);
    std::memcpy(row + layout_.presence_offset, &presence, 4);
  }
  if (presence == 0) {
    layout_.key->type->destroy(row, 1);
    KeyTable::Erase(*segment_, slot_);
    Select(KeySegment::kNone);
  }
}

void KeyedStateStore::RememberCleared(uint32_t column) {
  const std::string_view key = Encoded(*layout_.key->type, CurrentRow(), key_bytes_);
  cleared_.entries.push_back({KeyGroup(hash_), column, cleared_.keys.size(), key.size()});
  cleared_.keys.append(key);
}

void KeyedStateStore::ForEachKey(const std::function<void(const void* key)>& visit) {
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
  Select(KeySegment::kNone);
}

uint64_t KeyedStateStore::row_count() const {
  uint64_t sum = 0;
  for (const KeyTable& table : tables_) sum += table.size();
  return sum;
}

size_t KeyedStateStore::memory_bytes() const {
  size_t sum = cleared_.entries.capacity() * sizeof(StateTombstone) + cleared_.keys.capacity();
  for (const KeyTable& table : tables_) sum += table.allocated_bytes(layout_.size_bytes);
  return sum;
}

bool KeyedStateStore::AheadOfCursor(uint32_t group_index, const KeySegment& segment, uint32_t slot) const {
  if (group_index != cursor_group_) return group_index > cursor_group_;
  if (&segment != cursor_segment_) return segment.first_prefix > cursor_segment_->first_prefix;
  return slot >= cursor_slot_;
}

void KeyedStateStore::BeginSnapshot(SnapshotKind kind, SnapshotRecordSink& sink) {
  CHECK(!walking_);
  CHECK(kind == SnapshotKind::kFull || tracking_);
  walking_ = true;
  run_ = nullptr;
  kind_ = kind;
  sink_ = &sink;
  cursor_group_ = 0;
  cursor_segment_ = tables_[0].First();
  cursor_slot_ = 0;
  StateTombstones cleared = std::exchange(cleared_, {});
  if (kind == SnapshotKind::kFull) return;
  std::swap(dirty_bit_, walk_bit_);
  sink.Cleared(std::move(cleared));
}

void KeyedStateStore::SaveBeforeWrite() {
  const uint32_t group_index = KeyGroup(hash_) - groups_.start();
  const uint16_t tag = segment_->tags[slot_];
  const bool marked = (tag & walk_bit_) != 0;
  const bool needed = kind_ == SnapshotKind::kDelta ? marked : !marked && AheadOfCursor(group_index, *segment_, slot_);
  if (!needed) return;
  WriteRow(group_index, *segment_, slot_);
  segment_->tags[slot_] = tag ^ walk_bit_;
}

void KeyedStateStore::WriteRow(uint32_t group_index, const KeySegment& segment, uint32_t slot) {
  const std::byte* const row = segment.row(slot, layout_.size_bytes);
  if (layout_.packed_bytes != 0 && WritePacked(group_index, row)) return;
  const std::string_view key = Encoded(*layout_.key->type, row, key_bytes_);
  for (uint32_t column = 0; column < layout_.columns.size(); ++column) {
    if (!layout_.Present(row, column)) continue;
    const StateColumn& state = layout_.columns[column];
    const std::string_view value = Encoded(*state.type, row + state.offset, value_bytes_);
    sink_->Value(groups_.start() + group_index, column, key, value);
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
    const bool marked = (tag & walk_bit_) != 0;
    if (marked == (kind_ == SnapshotKind::kDelta)) WriteRow(cursor_group_, *cursor_segment_, cursor_slot_);
    tag &= static_cast<uint16_t>(~walk_bit_);
    if (kind_ == SnapshotKind::kFull) tag = static_cast<uint16_t>(marked ? tag | dirty_bit_ : tag & ~dirty_bit_);
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
  const uint64_t marks = 0x0001'0001'0001'0001ULL * walk_bit_;
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
  CHECK(walking_);
  slice_bytes_ = 0;
  size_t scanned = 0;
  for (; cursor_group_ < tables_.size(); NextSegment()) {
    while (cursor_slot_ < cursor_segment_->slot_end) {
      // Slots without a record cost time too: a slice is bounded in both.
      if (slice_bytes_ >= bytes_max || ++scanned > bytes_max) return false;
      if (kind_ == SnapshotKind::kDelta) scanned += SkipUnmarked();
      if (cursor_slot_ < cursor_segment_->slot_end) PassSlot();
    }
  }
  walking_ = false;
  sink_ = nullptr;
  return true;
}

}  // namespace weir
