// The part of KeyedStateStore that holds lists and maps, and walks over them.
#include <weir/state/keyed_state_store.h>

#include <algorithm>
#include <cstring>

#include <weir/state/list_cell.h>

#include "base/check.h"
#include "state/backend/encoded.h"

namespace weir {

const TypeInfo& CellPointerType() {
  static constexpr TypeInfo kInfo{
      .size_bytes = sizeof(StateCell*),
      .alignment = alignof(StateCell*),
      .flat = false,
      .trivial = false,
      .image = false,
      .schema = nullptr,
      .move_construct = [](void* to, void* from, size_t count) {
        std::memcpy(to, from, count * sizeof(StateCell*));
        std::memset(from, 0, count * sizeof(StateCell*));
      },
      .copy_construct = nullptr,
      .destroy = [](void* cells, size_t count) {
        for (size_t i = 0; i < count; ++i) std::unique_ptr<StateCell>(static_cast<StateCell**>(cells)[i]).reset();
      },
      .encode = nullptr,
      .decode = nullptr,
      .zero_padding = nullptr,
  };
  return kInfo;
}

StateCell& KeyedStateStore::CellForWrite(uint32_t column) {
  if (!dying_.empty()) [[unlikely]] DestroySomeCells();
  if (!HasValue(column)) return PlaceCell(column, layout_.columns[column].make_cell());
  StateCell& cell = **CellAt(column);
  const uint16_t bits = marks_.Born(marks_.walking == SnapshotWalk::kFull && RowIsAhead());
  segment_->tags[slot_] |= bits;
  cell.marks().bits |= bits;
  return cell;
}

StateCell& KeyedStateStore::PlaceCell(uint32_t column, std::unique_ptr<StateCell> cell) {
  if (!HasRow()) InsertRow();
  const uint16_t bits = marks_.Born(marks_.walking == SnapshotWalk::kFull && RowIsAhead());
  segment_->tags[slot_] |= bits;
  const uint32_t presence = Presence() | (1u << column);
  std::memcpy(row_ + layout_.presence_offset, &presence, sizeof(presence));
  cell->marks() = {bits, ++cell_versions_, nullptr};
  return *(*CellAt(column) = cell.release());
}

bool KeyedStateStore::UnitIsAhead(StateCell& cell, const CellUnit& unit) {
  if (marks_.walking != SnapshotWalk::kFull) return false;
  const OpenCell* const open = cell.marks().open;
  return open != nullptr ? cell.IsAhead(unit, open->at) : RowIsAhead();
}

void KeyedStateStore::SaveUnit(uint32_t column, StateCell& cell, const CellUnit& unit) {
  if (!marks_.NeedSaving(*unit.bits, UnitIsAhead(cell, unit))) return;
  UnitWriter out = WriterFor(KeyGroup(hash_), column, Encoded(*layout_.key->type, row_, key_bytes_));
  cell.WriteUnit(unit, out);
  slice_bytes_ += out.size_bytes();
  *unit.bits ^= marks_.walk;
}

void KeyedStateStore::SaveValuesBesideCells() {
  const bool ahead = marks_.walking == SnapshotWalk::kFull && RowIsAhead();
  uint32_t presence = Presence();
  const uint16_t bits = static_cast<uint16_t>(presence >> RowLayout::kValueBitsShift) & KeySegment::kSnapshotBits;
  if (marks_.NeedSaving(bits, ahead)) {
    WriteRow(KeyGroup(hash_) - groups_.start(), *segment_, slot_);
    presence ^= uint32_t{marks_.walk} << RowLayout::kValueBitsShift;
    std::memcpy(row_ + layout_.presence_offset, &presence, sizeof(presence));
  }
  if (ahead) segment_->tags[slot_] |= marks_.walk;
}

CellUnit KeyedStateStore::InsertEntry(uint32_t column, MapCell& cell, const void* key) {
  CellUnit unit;
  while ((unit = cell.TryInsert(key)).bits == nullptr) {
    OpenCell* const open = cell.marks().open;
    // What the walk stands in may not move: its rest is written first.
    if (open != nullptr && cell.StandsWhereGrows(open->at, key)) {
      UnitWriter out = WriterFor(open->key_group, column, open->key);
      cell.FinishSegment(open->at, marks_, out);
      slice_bytes_ += out.size_bytes();
    }
    cell.Grow(key);
  }
  cell.marks().version = ++cell_versions_;
  *unit.bits |= marks_.Born(UnitIsAhead(cell, unit));
  return unit;
}

void KeyedStateStore::RemoveEntry(uint32_t column, MapCell& cell, const CellUnit& unit) {
  if (snapshotting()) SaveUnit(column, cell, unit);
  if (marks_.tracking) RememberCleared(column, /*range=*/false, cell.KeyBytesOf(unit, unit_buffers_.name_space));
  cell.Erase(unit);
  if (cell.empty()) SaveAndDropCell(column);
}

void KeyedStateStore::AppendElement(uint32_t column, std::string_view element) {
  ListCell& list = static_cast<ListCell&>(CellForWrite(column));
  CellUnit unit = list.LastFor(element.size());
  if (unit.bits != nullptr) {
    BeginUnitWrite(column, list, unit);
  } else {
    unit = list.AddChunk();
    *unit.bits = marks_.Born(UnitIsAhead(list, unit));
  }
  list.Append(element);
  list.marks().version = ++cell_versions_;
}

void KeyedStateStore::ClearCell(uint32_t column) {
  if (!HasValue(column)) return;
  if (marks_.tracking) RememberCleared(column, /*range=*/true, {});
  SaveAndDropCell(column);
}

void KeyedStateStore::ReplaceList(uint32_t column, std::unique_ptr<StateCell> cell) {
  CHECK(!cell->empty());
  ClearCell(column);
  ListCell& list = static_cast<ListCell&>(PlaceCell(column, std::move(cell)));
  list.MarkAll(list.marks().bits);
}

void KeyedStateStore::SaveAndDropCell(uint32_t column) {
  std::unique_ptr<StateCell> cell(std::exchange(*CellAt(column), nullptr));
  const CellMarks& marks = cell->marks();
  const bool needed = marks_.walking == SnapshotWalk::kDelta ? (marks.bits & marks_.walk) != 0 : marks_.walking == SnapshotWalk::kFull && RowIsAhead();
  if (marks.open != nullptr) {
    marks.open->detached = std::move(cell);
  } else if (needed) {
    const std::string_view key = Encoded(*layout_.key->type, row_, key_bytes_);
    if (cell->large()) {
      OpenCell& open = Open(KeyGroup(hash_), column, key, *cell);
      open.detached = std::move(cell);
    } else {
      PassSmallCell(KeyGroup(hash_), column, key, *cell);
    }
  }
  if (cell != nullptr && cell->large()) dying_.push_back(std::move(cell));
  ForgetValue(column);
}

// Writes what the snapshot needs of the row under the cursor, and settles all bits but those of its tag.
void KeyedStateStore::PassRowWithCells() {
  if (marks_.walking == SnapshotWalk::kDelta && (cursor_segment_->tags[cursor_slot_] & marks_.walk) == 0) return;
  std::byte* const row = cursor_segment_->row(cursor_slot_, layout_.size_bytes);
  uint32_t presence;
  std::memcpy(&presence, row + layout_.presence_offset, sizeof(presence));
  const uint16_t bits = static_cast<uint16_t>(presence >> RowLayout::kValueBitsShift) & KeySegment::kSnapshotBits;
  if (marks_.NeedWriting(bits)) WriteRow(cursor_group_, *cursor_segment_, cursor_slot_);
  presence = (presence & layout_.presence_mask) | uint32_t{marks_.Passed(bits)} << RowLayout::kValueBitsShift;
  std::memcpy(row + layout_.presence_offset, &presence, sizeof(presence));

  const std::string_view key = Encoded(*layout_.key->type, row, key_bytes_);
  for (uint32_t column = 0; column < layout_.columns.size(); ++column) {
    const StateColumn& state = layout_.columns[column];
    if (!state.is_cell() || !layout_.Present(row, column)) continue;
    StateCell& cell = **reinterpret_cast<StateCell**>(row + state.offset);
    CellMarks& marks = cell.marks();
    if (marks_.walking == SnapshotWalk::kDelta && (marks.bits & marks_.walk) == 0) continue;
    marks.bits = marks_.Passed(marks.bits);
    const uint32_t key_group = groups_.start() + cursor_group_;
    if (cell.large()) {
      Open(key_group, column, key, cell);
    } else {
      PassSmallCell(key_group, column, key, cell);
    }
  }
}

void KeyedStateStore::PassSmallCell(uint32_t key_group, uint32_t column, std::string_view key, StateCell& cell) {
  UnitWriter out = WriterFor(key_group, column, key);
  CellPosition at = cell.Begin();
  size_t work_left = SIZE_MAX;
  CHECK(cell.Pass(at, marks_, out, work_left));
  slice_bytes_ += out.size_bytes();
}

UnitWriter KeyedStateStore::WriterFor(uint32_t key_group, uint32_t column, std::string_view key) {
  return UnitWriter(*sink_, unit_buffers_, key_group, column, key, ExpiredUntil(column));
}

OpenCell& KeyedStateStore::Open(uint32_t key_group, uint32_t column, std::string_view key, StateCell& cell) {
  CHECK(cell.marks().open == nullptr);
  OpenCell& open = *open_cells_.emplace_back(std::make_unique<OpenCell>());
  open.cell = &cell;
  open.key_group = key_group;
  open.column = column;
  open.key = key;
  open.at = cell.Begin();
  cell.marks().open = &open;
  return open;
}

void KeyedStateStore::WalkOpenCell(size_t work_max) {
  OpenCell& open = *open_cells_.front();
  UnitWriter out = WriterFor(open.key_group, open.column, open.key);
  size_t work_left = work_max;
  const bool passed = open.cell->Pass(open.at, marks_, out, work_left);
  slice_bytes_ += work_max - work_left;
  if (!dying_.empty()) DestroySomeCells();
  if (!passed) return;
  open.cell->marks().open = nullptr;
  if (open.detached != nullptr) dying_.push_back(std::move(open.detached));
  open_cells_.pop_front();
}

void KeyedStateStore::DestroySomeCells() {
  if (dying_.back()->DestroySome()) dying_.pop_back();
}

Status KeyedStateStore::RestoreUnit(uint32_t column, std::string_view name_space, std::string_view value) {
  StateCell& cell = CellForWrite(column);
  const bool was_complete = cell.complete();
  Status status = cell.Restore(name_space, value);
  NoteCompleteness(was_complete, cell.complete());
  if (cell.empty()) SaveAndDropCell(column);
  return status.ok() ? status : status.WithContext("state " + layout_.columns[column].name);
}

Status KeyedStateStore::RestoreUnitCleared(uint32_t column, std::string_view name_space, bool range) {
  if (range && !name_space.empty()) return Corruption("a snapshot clears a part of state " + layout_.columns[column].name);
  StateCell* const cell = FindCell(column);
  if (cell == nullptr) return Status::Ok();
  if (range) {
    NoteCompleteness(cell->complete(), true);
    SaveAndDropCell(column);
    return Status::Ok();
  }
  Status status = cell->RestoreRemoved(name_space);
  if (cell->empty()) SaveAndDropCell(column);
  return status.ok() ? status : status.WithContext("state " + layout_.columns[column].name);
}

}  // namespace weir
