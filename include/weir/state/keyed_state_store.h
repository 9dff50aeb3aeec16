// The keyed state of one operator subtask and the current key of its task.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/status.h>
#include <weir/state/key_table.h>

namespace weir {

// Receives what a snapshot walk serializes. Thread: task.
class SnapshotRecordSink {
 public:
  virtual ~SnapshotRecordSink() = default;
  virtual void Value(uint32_t key_group, uint32_t column, std::string_view key, std::string_view value) = 0;
};

// Raw room for one decoded key and value.
class RecordScratch {
 public:
  RecordScratch(size_t value_offset, const RowLayout& layout);
  ~RecordScratch();
  RecordScratch(const RecordScratch&) = delete;
  RecordScratch& operator=(const RecordScratch&) = delete;
  std::byte* bytes() { return block_; }

 private:
  std::byte* block_ = nullptr;
};

// Owns the rows of a key-group range. Thread: task. Snapshots are cooperative (docs/architecture.md): BeginSnapshot is
// O(1); WriteSlice is called between batches until it returns true; a write to a row that the snapshot still needs
// serializes the old row first.
class KeyedStateStore {
 public:
  KeyedStateStore(uint32_t key_group_start, uint32_t key_group_end, uint32_t max_parallelism);
  ~KeyedStateStore();
  KeyedStateStore(const KeyedStateStore&) = delete;
  KeyedStateStore& operator=(const KeyedStateStore&) = delete;

  // Before any key is set. Column order is the order of the declarations.
  void SetLayout(const KeyOps& key, std::vector<StateColumn> columns);
  const RowLayout& layout() const { return layout_; }

  uint32_t KeyGroup(uint64_t hash) const {
    return static_cast<uint32_t>(is_power_of_two_ ? hash & (max_parallelism_ - 1) : hash % max_parallelism_);
  }
  // Requires: the key group of `hash` is in the range; else the routing is broken and the process ends.
  KeyTable& Table(uint64_t hash) {
    const uint32_t index = KeyGroup(hash) - key_group_start_;
    if (index >= tables_.size()) [[unlikely]] DieOfForeignKeyGroup(hash);
    return tables_[index];
  }
  void Prefetch(uint64_t hash) {
    KeyTable& table = Table(hash);
    if (table.slot_count() != 0) table.Prefetch(hash, layout_.size_bytes);
  }

  // ---- Current key ----
  // Makes `key` current; it must outlive its being current.
  template <class K>
  void SetCurrentKey(const K& key, uint64_t hash) {
    table_ = &Table(hash);
    key_ = &key;
    hash_ = hash;
    slot_ = table_->Find(hash, key, layout_.size_bytes);
  }
  bool HasRow() const { return slot_ != KeyTable::kNone; }
  std::byte* CurrentRow() { return table_->row(slot_, layout_.size_bytes); }
  bool HasValue(uint32_t column) { return HasRow() && layout_.Present(CurrentRow(), column); }
  // The place of the current key's value in `column`, about to be written: makes the row when absent; `constructed` tells
  // whether a value is there to assign to. The caller must leave a constructed value.
  void* BeginWrite(uint32_t column, bool& constructed) {
    if (!HasRow()) [[unlikely]] {
      InsertRow();
      if (layout_.presence_offset == 0) {
        constructed = false;
        return CurrentRow() + layout_.columns[column].offset;
      }
    } else if (walking_) [[unlikely]] {
      SaveBeforeWrite(*table_, slot_);
    }
    constructed = true;
    // A single column is there whenever its row is.
    if (layout_.presence_offset != 0) constructed = MarkPresent(column);
    return CurrentRow() + layout_.columns[column].offset;
  }
  void ClearValue(uint32_t column);

  // ---- All keys ----
  // Calls visit(key) for each live key, with that key current.
  void ForEachKey(const std::function<void(const void* key)>& visit);
  uint64_t row_count() const;
  size_t memory_bytes() const;

  // ---- Snapshot and restore ----
  void BeginSnapshot(SnapshotRecordSink& sink);
  // Serializes about `bytes_max` bytes; true when the snapshot is complete.
  bool WriteSlice(size_t bytes_max);
  bool snapshotting() const { return walking_; }
  void AbandonSnapshot();
  // One record of a snapshot. kCorruption when it does not decode.
  Status Restore(uint32_t column, std::string_view key, std::string_view value);

 private:
  void InsertRow();
  bool MarkPresent(uint32_t column);  // Whether it was present before.
  void SelectErased(const void* key, uint64_t hash);
  void SaveBeforeWrite(KeyTable& table, uint32_t slot);
  void WriteRow(uint32_t group_index, KeyTable& table, uint32_t slot);
  void DestroyRow(std::byte* row);
  bool AheadOfCursor(uint32_t group_index, uint32_t slot) const;
  void FinishGroup(uint32_t group_index);
  [[noreturn]] void DieOfForeignKeyGroup(uint64_t hash) const;

  const uint32_t key_group_start_;
  const uint32_t max_parallelism_;
  const bool is_power_of_two_;
  RowLayout layout_;
  std::vector<KeyTable> tables_;  // One per key group of the range.

  KeyTable* table_ = nullptr;  // Of the current key.
  const void* key_ = nullptr;
  uint64_t hash_ = 0;
  uint32_t slot_ = KeyTable::kNone;

  bool walking_ = false;
  SnapshotRecordSink* sink_ = nullptr;
  uint32_t cursor_group_ = 0;  // Index in tables_.
  uint32_t cursor_slot_ = 0;
  size_t slice_bytes_ = 0;  // Written in the running slice.
  ByteWriter key_bytes_;
  ByteWriter value_bytes_;
  std::unique_ptr<RecordScratch> restore_scratch_;
};

}  // namespace weir
