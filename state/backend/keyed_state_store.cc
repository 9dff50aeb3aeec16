#include <weir/state/keyed_state_store.h>

#include <bit>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"

namespace weir {

KeyedStateStore::KeyedStateStore(uint32_t key_group_start, uint32_t key_group_end, uint32_t max_parallelism)
    : key_group_start_(key_group_start), max_parallelism_(max_parallelism), is_power_of_two_(std::has_single_bit(max_parallelism)) {
  CHECK(key_group_start <= key_group_end);
  CHECK(key_group_end < max_parallelism);
  tables_.resize(key_group_end - key_group_start + 1);
}

KeyedStateStore::~KeyedStateStore() {
  for (KeyTable& table : tables_) table.Destroy(layout_);
}

void KeyedStateStore::SetLayout(const KeyOps& key, std::vector<StateColumn> columns) {
  CHECK(layout_.key == nullptr);
  layout_ = RowLayout::For(key, std::move(columns));
}

void KeyedStateStore::DieOfForeignKeyGroup(uint64_t hash) const {
  std::fprintf(stderr, "record routed to the wrong subtask: key group %u is not in %u..%zu\n", KeyGroup(hash), key_group_start_,
               key_group_start_ + tables_.size() - 1);
  std::abort();
}

void KeyedStateStore::InsertRow() {
  const uint32_t group_index = static_cast<uint32_t>(table_ - tables_.data());
  // The group under the cursor may not move its rows: its rest is written first.
  if (walking_ && group_index == cursor_group_ && table_->NeedsGrowth()) FinishGroup(group_index);
  slot_ = table_->Insert(hash_, layout_, 0);
  // A row born ahead of the cursor is not part of the running snapshot.
  if (walking_ && AheadOfCursor(group_index, slot_)) table_->set_tag(slot_, table_->tag(slot_) | KeyTable::kWritten);
  std::byte* const row = CurrentRow();
  layout_.key->type->copy_construct(row, key_, 1);
  if (layout_.presence_offset != 0) std::memset(row + layout_.presence_offset, 0, 4);
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
  if (walking_) SaveBeforeWrite(*table_, slot_);
  std::byte* const row = CurrentRow();
  const StateColumn& state = layout_.columns[column];
  state.type->destroy(row + state.offset, 1);
  uint32_t presence = 0;
  if (layout_.presence_offset != 0) {
    std::memcpy(&presence, row + layout_.presence_offset, 4);
    presence &= ~(1u << column);
    std::memcpy(row + layout_.presence_offset, &presence, 4);
  }
  if (presence == 0) {
    layout_.key->type->destroy(row, 1);
    table_->Erase(slot_);
    slot_ = KeyTable::kNone;
  }
}

void KeyedStateStore::ForEachKey(const std::function<void(const void* key)>& visit) {
  for (KeyTable& table : tables_) {
    for (uint32_t slot = 0; slot < table.slot_count(); ++slot) {
      if ((table.tag(slot) & KeyTable::kOccupied) == 0) continue;
      table_ = &table;
      slot_ = slot;
      key_ = table.row(slot, layout_.size_bytes);
      hash_ = layout_.key->hash(key_);
      visit(key_);
    }
  }
  slot_ = KeyTable::kNone;
}

uint64_t KeyedStateStore::row_count() const {
  uint64_t sum = 0;
  for (const KeyTable& table : tables_) sum += table.size();
  return sum;
}

size_t KeyedStateStore::memory_bytes() const {
  size_t sum = 0;
  for (const KeyTable& table : tables_) sum += table.allocated_bytes(layout_.size_bytes);
  return sum;
}

bool KeyedStateStore::AheadOfCursor(uint32_t group_index, uint32_t slot) const {
  return group_index > cursor_group_ || (group_index == cursor_group_ && slot >= cursor_slot_);
}

void KeyedStateStore::BeginSnapshot(SnapshotRecordSink& sink) {
  CHECK(!walking_);
  walking_ = true;
  sink_ = &sink;
  cursor_group_ = 0;
  cursor_slot_ = 0;
}

void KeyedStateStore::SaveBeforeWrite(KeyTable& table, uint32_t slot) {
  const uint32_t group_index = static_cast<uint32_t>(&table - tables_.data());
  const uint32_t tag = table.tag(slot);
  if ((tag & KeyTable::kWritten) != 0 || !AheadOfCursor(group_index, slot)) return;
  WriteRow(group_index, table, slot);
  table.set_tag(slot, tag | KeyTable::kWritten);
}

void KeyedStateStore::WriteRow(uint32_t group_index, KeyTable& table, uint32_t slot) {
  const std::byte* const row = table.row(slot, layout_.size_bytes);
  key_bytes_.Clear();
  layout_.key->type->encode(row, 1, key_bytes_);
  for (uint32_t column = 0; column < layout_.columns.size(); ++column) {
    if (!layout_.Present(row, column)) continue;
    const StateColumn& state = layout_.columns[column];
    value_bytes_.Clear();
    state.type->encode(row + state.offset, 1, value_bytes_);
    sink_->Value(key_group_start_ + group_index, column, key_bytes_.view(), value_bytes_.view());
    slice_bytes_ += key_bytes_.size() + value_bytes_.size();
  }
}

void KeyedStateStore::FinishGroup(uint32_t group_index) {
  KeyTable& table = tables_[group_index];
  for (; cursor_slot_ < table.slot_count(); ++cursor_slot_) {
    const uint32_t tag = table.tag(cursor_slot_);
    if ((tag & KeyTable::kOccupied) == 0) continue;
    if ((tag & KeyTable::kWritten) == 0) WriteRow(group_index, table, cursor_slot_);
    table.set_tag(cursor_slot_, tag & ~KeyTable::kWritten);
  }
  ++cursor_group_;
  cursor_slot_ = 0;
}

bool KeyedStateStore::WriteSlice(size_t bytes_max) {
  CHECK(walking_);
  slice_bytes_ = 0;
  uint32_t scanned = 0;
  while (cursor_group_ < tables_.size()) {
    KeyTable& table = tables_[cursor_group_];
    while (cursor_slot_ < table.slot_count()) {
      // Empty slots cost time too: a slice is bounded in both.
      if (slice_bytes_ >= bytes_max || ++scanned > bytes_max) return false;
      const uint32_t tag = table.tag(cursor_slot_);
      if ((tag & KeyTable::kOccupied) != 0) {
        if ((tag & KeyTable::kWritten) == 0) WriteRow(cursor_group_, table, cursor_slot_);
        table.set_tag(cursor_slot_, tag & ~KeyTable::kWritten);
      }
      ++cursor_slot_;
    }
    ++cursor_group_;
    cursor_slot_ = 0;
  }
  walking_ = false;
  sink_ = nullptr;
  return true;
}

void KeyedStateStore::AbandonSnapshot() {
  if (!walking_) return;
  // The rest of the walk without output, so that every W bit is clear again.
  for (; cursor_group_ < tables_.size(); ++cursor_group_, cursor_slot_ = 0) {
    KeyTable& table = tables_[cursor_group_];
    for (; cursor_slot_ < table.slot_count(); ++cursor_slot_) {
      const uint32_t tag = table.tag(cursor_slot_);
      if ((tag & KeyTable::kOccupied) != 0) table.set_tag(cursor_slot_, tag & ~KeyTable::kWritten);
    }
  }
  walking_ = false;
  sink_ = nullptr;
}

Status KeyedStateStore::Restore(uint32_t column, std::string_view key, std::string_view value) {
  CHECK(!walking_);
  if (column >= layout_.columns.size()) return Corruption("snapshot names an unknown state, index=" + std::to_string(column));
  const TypeInfo& key_type = *layout_.key->type;
  const TypeInfo& value_type = *layout_.columns[column].type;
  // One aligned place for the decoded key and value, used per record at restore only.
  const size_t value_offset = (key_type.size_bytes + 63) / 64 * 64;
  if (restore_scratch_ == nullptr) restore_scratch_ = std::make_unique<RecordScratch>(value_offset, layout_);
  std::byte* const decoded_key = restore_scratch_->bytes();
  std::byte* const decoded_value = decoded_key + value_offset;
  ByteReader key_reader(key);
  if (!key_type.decode(decoded_key, 1, key_reader)) return Corruption("key in a snapshot does not decode, state=" + layout_.columns[column].name);
  ByteReader value_reader(value);
  if (!key_reader.AtEnd() || !value_type.decode(decoded_value, 1, value_reader)) {
    key_type.destroy(decoded_key, 1);
    return Corruption("record in a snapshot does not decode, state=" + layout_.columns[column].name);
  }
  const uint64_t hash = layout_.key->hash(decoded_key);
  const uint32_t group_index = KeyGroup(hash) - key_group_start_;
  Status status;
  if (!value_reader.AtEnd() || group_index >= tables_.size()) {
    status = Corruption("record in a snapshot does not belong to its key group, state=" + layout_.columns[column].name);
  } else {
    SelectErased(decoded_key, hash);
    bool constructed = false;
    void* const place = BeginWrite(column, constructed);
    if (constructed) value_type.destroy(place, 1);
    value_type.move_construct(place, decoded_value, 1);
  }
  value_type.destroy(decoded_value, 1);
  key_type.destroy(decoded_key, 1);
  slot_ = KeyTable::kNone;
  return status;
}

void KeyedStateStore::SelectErased(const void* key, uint64_t hash) {
  table_ = &Table(hash);
  key_ = key;
  hash_ = hash;
  slot_ = KeyTable::kNone;
  const uint32_t wanted = KeyTable::HashBits(hash);
  const uint32_t mask = table_->slot_count() - 1;
  if (table_->slot_count() == 0) return;
  for (uint32_t slot = wanted & mask;; slot = (slot + 1) & mask) {
    const uint32_t tag = table_->tag(slot);
    if (tag == KeyTable::kEmpty) return;
    if ((tag & (KeyTable::kOccupied | KeyTable::kHashMask)) == (KeyTable::kOccupied | wanted) &&
        layout_.key->equal(table_->row(slot, layout_.size_bytes), key)) {
      slot_ = slot;
      return;
    }
  }
}

RecordScratch::RecordScratch(size_t value_offset, const RowLayout& layout) {
  size_t value_bytes = 1;
  for (const StateColumn& column : layout.columns) value_bytes = std::max<size_t>(value_bytes, column.type->size_bytes);
  block_ = static_cast<std::byte*>(::operator new(value_offset + value_bytes, std::align_val_t{64}));
}

RecordScratch::~RecordScratch() { ::operator delete(block_, std::align_val_t{64}); }

}  // namespace weir
