// The part of KeyedStateStore that takes records of snapshots.
#include <weir/state/keyed_state_store.h>

#include <cstring>

#include "base/check.h"
#include "state/backend/restore_room.h"

namespace weir {
namespace {

// Constructs the value in `place` from all of `bytes`. On an error nothing is left constructed.
Status DecodeWhole(const TypeInfo& type, bool copied, std::string_view bytes, std::byte* place) {
  if (copied && bytes.size() == type.size_bytes) {
    std::memcpy(place, bytes.data(), bytes.size());
    return Status::Ok();
  }
  ByteReader reader(bytes);
  if (!type.decode(place, 1, reader)) return Corruption("record in a snapshot does not decode");
  if (reader.AtEnd()) return Status::Ok();
  type.destroy(place, 1);
  return Corruption("record in a snapshot is longer than what it holds");
}

}  // namespace

void KeyedStateStore::Reserve(uint32_t key_group, uint64_t rows) {
  CHECK(!snapshotting());
  CHECK(key_group >= groups_.start() && key_group - groups_.start() < tables_.size());
  if (cold_ != nullptr) return;  // Rows go to where memory is not taken for them.
  KeyTable& table = tables_[key_group - groups_.start()];
  if (table.size() > 0) return;
  table.Reserve(rows, layout_);
  segment_ = nullptr;
  Select(KeySegment::kNone);
  ++moves_;
}

// Decodes the key into the room and makes it current, without a look beyond memory. On an error nothing is left constructed.
Status KeyedStateStore::SelectDecoded(uint32_t column, std::string_view key) {
  if (column >= layout_.columns.size()) return Corruption("snapshot names an unknown state, index=" + std::to_string(column));
  if (restore_room_ == nullptr) restore_room_ = std::make_unique<RestoreRoom>(layout_);
  std::byte* const decoded = restore_room_->key();
  if (Status status = DecodeWhole(*layout_.key->type, restore_room_->key_copied(), key, decoded); !status.ok()) {
    return status.WithContext("key of state " + layout_.columns[column].name);
  }
  const uint64_t hash = layout_.key->hash(decoded);
  if (KeyGroup(hash) - groups_.start() >= tables_.size()) {
    layout_.key->type->destroy(decoded, 1);
    return Corruption("record in a snapshot does not belong to its key group, state=" + layout_.columns[column].name);
  }
  segment_ = &Table(hash).Segment(hash);
  key_ = decoded;
  hash_ = hash;
  Select(segment_->Find(hash, layout_.size_bytes, [this, decoded](const std::byte* row) { return layout_.key->equal(row, decoded); }));
  return Status::Ok();
}

Status KeyedStateStore::Restore(uint32_t column, std::string_view key, std::string_view name_space, std::string_view value) {
  CHECK(!snapshotting());
  if (Status status = SelectDecoded(column, key); !status.ok()) return status;
  const StateColumn& state = layout_.columns[column];
  if (cold_ != nullptr) {
    cold_->Put({KeyGroup(hash_), column, key}, value, /*changed=*/false);
    layout_.key->type->destroy(restore_room_->key(), 1);
    ForgetKey();
    return Status::Ok();
  }
  if (state.is_cell()) {
    Status status = RestoreUnit(column, name_space, value);
    layout_.key->type->destroy(restore_room_->key(), 1);
    ForgetKey();
    return status;
  }
  if (HasRow() && marks_.tracking) segment_->tags[slot_] |= marks_.dirty;
  Status status = PlaceValue(column, value);
  ForgetKey();
  return status;
}

// Of the key in the room, which is current; its row is made when absent. Takes the key.
Status KeyedStateStore::PlaceValue(uint32_t column, std::string_view value) {
  const StateColumn& state = layout_.columns[column];
  if (!HasRow()) {
    PlaceRow();
    layout_.key->type->move_construct(row_, restore_room_->key(), 1);
    if (layout_.presence_offset != 0) std::memset(row_ + layout_.presence_offset, 0, 4);
  } else if (layout_.Present(row_, column)) {
    state.type->destroy(row_ + state.offset, 1);
  }
  layout_.key->type->destroy(restore_room_->key(), 1);
  Status status = DecodeWhole(*state.type, restore_room_->column_copied(column), value, row_ + state.offset);
  if (!status.ok()) {
    ForgetValue(column);
    status = status.WithContext("state " + state.name);
  } else if (layout_.presence_offset != 0) {
    MarkPresent(column);
  }
  return status;
}

Status KeyedStateStore::RestoreCleared(uint32_t column, std::string_view key, std::string_view name_space, bool range) {
  CHECK(!snapshotting());
  if (Status status = SelectDecoded(column, key); !status.ok()) return status;
  layout_.key->type->destroy(restore_room_->key(), 1);
  const StateColumn& state = layout_.columns[column];
  Status status;
  // Not remembered for the next delta: a full snapshot comes first.
  if (cold_ != nullptr) {
    cold_->Erase({KeyGroup(hash_), column, key});
  } else if (state.is_cell()) {
    status = RestoreUnitCleared(column, name_space, range);
  } else if (HasValue(column)) {
    state.type->destroy(row_ + state.offset, 1);
    ForgetValue(column);
  }
  ForgetKey();
  return status;
}

Status KeyedStateStore::FinishRestore() const {
  if (cold_ != nullptr) return cold_->Write();
  return incomplete_lists_ == 0 ? Status::Ok() : Corruption("a list in a snapshot lacks a part");
}

}  // namespace weir
