#include <weir/state/map_cell.h>

#include <algorithm>

#include "base/check.h"
#include "state/backend/encoded.h"
#include "state/backend/raw_room.h"

namespace weir {
namespace {

uint32_t AlignmentOf(const RowLayout& entry) { return std::max(entry.key->type->alignment, entry.columns[0].type->alignment); }

void Take(size_t& work_left, size_t work) { work_left -= std::min(work_left, work); }

}  // namespace

MapCell::~MapCell() {
  if (table_ != nullptr) {
    table_->Destroy(entry_);
    return;
  }
  for (uint32_t i = 0; i < size_; ++i) DestroyRow(rows_ + size_t{i} * entry_.size_bytes);
  ::operator delete(rows_, std::align_val_t{AlignmentOf(entry_)});
}

CellUnit MapCell::FindErased(const void* key) {
  const auto equal = [this, key](const std::byte* row) { return entry_.key->equal(row, key); };
  return table_ == nullptr ? FindSmall(equal) : FindLarge(entry_.key->hash(key), equal);
}

std::string_view MapCell::KeyBytesOf(const CellUnit& unit, ByteWriter& buffer) const { return Encoded(*entry_.key->type, RowOf(unit), buffer); }

void MapCell::MoveRow(std::byte* to, std::byte* from) const {
  const StateColumn& value = entry_.columns[0];
  entry_.key->type->move_construct(to, from, 1);
  value.type->move_construct(to + value.offset, from + value.offset, 1);
  DestroyRow(from);
}

void MapCell::DestroyRow(std::byte* row) const {
  const StateColumn& value = entry_.columns[0];
  entry_.key->type->destroy(row, 1);
  value.type->destroy(row + value.offset, 1);
}

CellUnit MapCell::TryInsert(const void* key) {
  if (table_ == nullptr) {
    if (size_ == capacity_) return {};
    const uint32_t index = static_cast<uint32_t>(size_++);
    small_bits_[index] = 0;
    return {nullptr, index, &small_bits_[index]};
  }
  const uint64_t hash = entry_.key->hash(key);
  KeySegment& segment = table_->Segment(hash);
  const uint32_t slot = KeyTable::TryInsert(segment, hash, 0);
  if (slot == KeySegment::kNone) return {};
  ++size_;
  return {&segment, slot, &segment.tags[slot]};
}

void MapCell::Grow(const void* key) {
  if (table_ != nullptr) {
    table_->Grow(entry_.key->hash(key), entry_);
  } else if (capacity_ < kSmallMax) {
    GrowSmall();
  } else {
    BecomeLarge();
  }
}

void MapCell::GrowSmall() {
  const uint8_t capacity = capacity_ == 0 ? 1 : static_cast<uint8_t>(capacity_ * 2);
  const std::align_val_t alignment{AlignmentOf(entry_)};
  std::byte* const rows = static_cast<std::byte*>(::operator new(size_t{capacity} * entry_.size_bytes, alignment));
  for (uint32_t i = 0; i < size_; ++i) MoveRow(rows + size_t{i} * entry_.size_bytes, rows_ + size_t{i} * entry_.size_bytes);
  ::operator delete(rows_, alignment);
  rows_ = rows;
  capacity_ = capacity;
}

void MapCell::BecomeLarge() {
  auto table = std::make_unique<KeyTable>();
  for (uint32_t i = 0; i < size_; ++i) {
    std::byte* const row = rows_ + size_t{i} * entry_.size_bytes;
    const uint64_t hash = entry_.key->hash(row);
    uint32_t slot;
    while ((slot = KeyTable::TryInsert(table->Segment(hash), hash, small_bits_[i])) == KeySegment::kNone) table->Grow(hash, entry_);
    MoveRow(table->Segment(hash).row(slot, entry_.size_bytes), row);
  }
  ::operator delete(rows_, std::align_val_t{AlignmentOf(entry_)});
  rows_ = nullptr;
  table_ = std::move(table);
}

bool MapCell::StandsWhereGrows(const CellPosition& at, const void* key) const {
  return table_ != nullptr && at.segment == &table_->Segment(entry_.key->hash(key));
}

void MapCell::FinishSegment(CellPosition& at, const SnapshotMarks& marks, UnitWriter& out) {
  KeySegment& segment = *at.segment;
  for (; at.index < segment.slot_end; ++at.index) {
    if (segment.occupied(at.index)) PassUnit({&segment, at.index, &segment.tags[at.index]}, marks, out);
  }
  at = {table_->Next(segment), 0};
}

void MapCell::Erase(const CellUnit& unit) {
  std::byte* const row = RowOf(unit);
  DestroyRow(row);
  --size_;
  if (table_ != nullptr) {
    KeyTable::Erase(*unit.segment, unit.index);
  } else if (unit.index != size_) {
    MoveRow(row, rows_ + size_ * entry_.size_bytes);
    small_bits_[unit.index] = small_bits_[size_];
  }
}

CellUnit MapCell::FirstFrom(KeySegment* segment, uint32_t slot) const {
  for (; segment != nullptr; segment = table_->Next(*segment), slot = 0) {
    for (; slot < segment->slot_end; ++slot) {
      if (segment->occupied(slot)) return {segment, slot, &segment->tags[slot]};
    }
  }
  return {};
}

CellUnit MapCell::FirstEntry() const {
  if (table_ != nullptr) return FirstFrom(table_->First(), 0);
  return NextEntry({nullptr, static_cast<uint32_t>(size_), nullptr});
}

CellUnit MapCell::NextEntry(const CellUnit& unit) const {
  if (table_ != nullptr) return FirstFrom(unit.segment, unit.index + 1);
  // Backwards: what takes the place of an erased entry was visited before.
  if (unit.index == 0) return {};
  return {nullptr, unit.index - 1, const_cast<uint16_t*>(&small_bits_[unit.index - 1])};
}

CellUnit MapCell::EntryFrom(uint64_t prefix, uint32_t index) const {
  if (table_ != nullptr) return FirstFrom(&table_->Segment(prefix), index);
  return NextEntry({nullptr, std::min(index, static_cast<uint32_t>(size_)), nullptr});
}

CellPosition MapCell::Begin() const { return {table_ != nullptr ? table_->First() : nullptr, 0}; }

bool MapCell::IsAhead(const CellUnit& unit, const CellPosition& at) const {
  if (at.segment == nullptr) return false;
  if (unit.segment != at.segment) return unit.segment->first_prefix > at.segment->first_prefix;
  return unit.index >= at.index;
}

void MapCell::WriteUnit(const CellUnit& unit, UnitWriter& out) const {
  if (out.expired_until_ms() != UnitWriter::kNothingExpires && LastAccessOf(unit) <= out.expired_until_ms()) return;
  const std::byte* const row = RowOf(unit);
  const StateColumn& value = entry_.columns[0];
  out.Write(Encoded(*entry_.key->type, row, out.buffers().name_space), Encoded(*value.type, row + value.offset, out.buffers().value));
}

void MapCell::PassUnit(const CellUnit& unit, const SnapshotMarks& marks, UnitWriter& out) {
  if (marks.NeedWriting(*unit.bits)) WriteUnit(unit, out);
  *unit.bits = marks.Passed(*unit.bits);
}

bool MapCell::Pass(CellPosition& at, const SnapshotMarks& marks, UnitWriter& out, size_t& work_left) {
  if (table_ == nullptr) {
    for (uint32_t i = 0; i < size_; ++i) PassUnit({nullptr, i, &small_bits_[i]}, marks, out);
    return true;
  }
  for (; at.segment != nullptr; at = {table_->Next(*at.segment), 0}) {
    while (at.index < at.segment->slot_end) {
      if (work_left == 0) return false;
      const size_t before = out.size_bytes();
      const uint32_t slot = at.index++;
      if (at.segment->occupied(slot)) PassUnit({at.segment, slot, &at.segment->tags[slot]}, marks, out);
      Take(work_left, 1 + out.size_bytes() - before);
    }
  }
  return true;
}

bool MapCell::DestroySome() { return table_ == nullptr || table_->DestroyLast(entry_); }

Status MapCell::Restore(std::string_view name_space, std::string_view value) {
  const StateColumn& column = entry_.columns[0];
  const TypeInfo& key_type = *entry_.key->type;
  RawRoom room(entry_.size_bytes, AlignmentOf(entry_));
  std::byte* const decoded = room.begin();
  ByteReader key_reader(name_space);
  if (!key_type.decode(decoded, 1, key_reader)) return Corruption("key of a map entry in a snapshot does not decode");
  ByteReader value_reader(value);
  if (!column.type->decode(decoded + column.offset, 1, value_reader)) {
    key_type.destroy(decoded, 1);
    return Corruption("value of a map entry in a snapshot does not decode");
  }
  if (!key_reader.AtEnd() || !value_reader.AtEnd()) {
    DestroyRow(decoded);
    return Corruption("map entry in a snapshot is longer than what it holds");
  }
  CellUnit unit = FindErased(decoded);
  if (unit.bits != nullptr) {
    DestroyRow(RowOf(unit));
  } else {
    while ((unit = TryInsert(decoded)).bits == nullptr) Grow(decoded);
  }
  MoveRow(RowOf(unit), decoded);
  return Status::Ok();
}

Status MapCell::RestoreRemoved(std::string_view name_space) {
  const TypeInfo& key_type = *entry_.key->type;
  RawRoom room(key_type.size_bytes, key_type.alignment);
  ByteReader reader(name_space);
  if (!key_type.decode(room.begin(), 1, reader)) return Corruption("key of a removed map entry in a snapshot does not decode");
  if (const CellUnit unit = FindErased(room.begin()); unit.bits != nullptr) Erase(unit);
  key_type.destroy(room.begin(), 1);
  return reader.AtEnd() ? Status::Ok() : Corruption("key of a removed map entry in a snapshot is longer than what it holds");
}

}  // namespace weir
