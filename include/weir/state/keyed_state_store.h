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

// One cleared value, to be written into a delta.
struct StateTombstone {
  uint32_t key_group = 0;
  uint32_t column = 0;
  uint64_t key_begin = 0;  // In StateTombstones::keys.
  uint64_t key_size = 0;
};

// Values cleared between two barriers, oldest first; keys are encoded.
struct StateTombstones {
  std::vector<StateTombstone> entries;
  std::string keys;
  std::string_view KeyOf(const StateTombstone& entry) const { return std::string_view(keys).substr(entry.key_begin, entry.key_size); }
};

// Receives what a snapshot walk serializes. Thread: task.
class SnapshotRecordSink {
 public:
  virtual ~SnapshotRecordSink() = default;
  // Of a delta, once, before any value: a value that comes later for the same key is newer.
  virtual void Cleared(StateTombstones tombstones) = 0;
  virtual void Value(uint32_t key_group, uint32_t column, std::string_view key, std::string_view value) = 0;
};

// Raw room for one decoded key and value, at restore only.
class RecordScratch {
 public:
  explicit RecordScratch(const RowLayout& layout);
  ~RecordScratch();
  RecordScratch(const RecordScratch&) = delete;
  RecordScratch& operator=(const RecordScratch&) = delete;
  std::byte* key() { return block_; }
  std::byte* value() { return block_ + value_offset_; }

 private:
  const size_t value_offset_;
  std::byte* block_ = nullptr;
};

// Owns the rows of a key-group range. Thread: task. Snapshots are cooperative (docs/architecture.md): beginning one is
// O(1); WriteSlice is called between batches until it returns true; a write to a row that the snapshot still needs
// serializes the old row first.
//
// Two bits of each tag serve them. D: written since the last barrier. W: clear between snapshots; during a delta, still
// to be written; during a full snapshot, ahead of the cursor, written already (or born since). The barrier of a delta
// swaps the meaning of the two. A full snapshot does not: ahead of its cursor D is stale, and the cursor does D := W,
// W := 0 as it passes.
class KeyedStateStore {
 public:
  enum class SnapshotKind : uint8_t {
    kFull,   // Every row.
    kDelta,  // The rows written, and the values cleared, since the barrier of the snapshot before.
  };

  KeyedStateStore(uint32_t key_group_start, uint32_t key_group_end, uint32_t max_parallelism);
  ~KeyedStateStore();
  KeyedStateStore(const KeyedStateStore&) = delete;
  KeyedStateStore& operator=(const KeyedStateStore&) = delete;

  // Before any key is set. Column order is the order of the declarations.
  void SetLayout(const KeyOps& key, std::vector<StateColumn> columns);
  const RowLayout& layout() const { return layout_; }
  // Before any key is set: keeps what deltas need. Without it only full snapshots are possible.
  void TrackChanges() { tracking_ = true; }

  uint32_t KeyGroup(uint64_t hash) const {
    return static_cast<uint32_t>(is_power_of_two_ ? hash & (max_parallelism_ - 1) : hash % max_parallelism_);
  }
  // Requires: the key group of `hash` is in the range; else the routing is broken and the process ends.
  KeyTable& Table(uint64_t hash) {
    const uint32_t index = KeyGroup(hash) - key_group_start_;
    if (index >= tables_.size()) [[unlikely]] DieOfForeignKeyGroup(hash);
    return tables_[index];
  }
  // Ahead of SetCurrentKey, in two steps: first its tags, then, from these, its row; yields a hint where that is.
  [[gnu::always_inline]] void PrefetchTags(uint64_t hash) { Table(hash).PrefetchTags(hash); }
  [[gnu::always_inline]] uint32_t PrefetchRow(uint64_t hash) { return Table(hash).PrefetchRow(hash, layout_.size_bytes); }

  // ---- Current key ----
  // Makes `key` current; it must outlive its being current.
  template <class K>
  void SetCurrentKey(const K& key, uint64_t hash) {
    segment_ = &Table(hash).Segment(hash);
    key_ = &key;
    hash_ = hash;
    Find(key);
  }
  // The same with a hint of PrefetchRow, of whatever age.
  template <class K>
  void SetCurrentKey(const K& key, uint64_t hash, uint32_t hint) {
    segment_ = &Table(hash).Segment(hash);
    key_ = &key;
    hash_ = hash;
    slot_ = hint;
    const bool found = hint < segment_->slot_end && segment_->occupied(hint) && *reinterpret_cast<const K*>(CurrentRow()) == key;
    if (!found) [[unlikely]] Find(key);
  }
  bool HasRow() const { return slot_ != KeySegment::kNone; }
  std::byte* CurrentRow() { return segment_->row(slot_, layout_.size_bytes); }
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
    } else {
      if (walking_) [[unlikely]] SaveBeforeWrite();
      uint16_t& tag = segment_->tags[slot_];
      if (tracking_ && (tag & dirty_bit_) == 0) tag |= dirty_bit_;
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
  // Requires: no walk is running; for kDelta, TrackChanges, and a snapshot was begun before. `sink` lives until WriteSlice
  // returned true. What a walk has begun it completes: only so do the bits tell the next delta the truth.
  void BeginSnapshot(SnapshotKind kind, SnapshotRecordSink& sink);
  // Serializes about `bytes_max` bytes; true when the snapshot is complete.
  bool WriteSlice(size_t bytes_max);
  bool snapshotting() const { return walking_; }
  // Records of snapshots, oldest first. kCorruption when one does not decode.
  Status Restore(uint32_t column, std::string_view key, std::string_view value);
  Status RestoreCleared(uint32_t column, std::string_view key);

 private:
  friend class KeyedStateStorePeer;  // Of tests: sets the bits.

  template <class K>
  void Find(const K& key) {
    slot_ = segment_->Find(hash_, layout_.size_bytes, [&key](const std::byte* row) { return *reinterpret_cast<const K*>(row) == key; });
  }
  void InsertRow();
  bool MarkPresent(uint32_t column);  // Whether it was present before.
  void SelectErased(const void* key, uint64_t hash);
  void SaveBeforeWrite();
  void RememberCleared(uint32_t column);
  void WriteRow(uint32_t group_index, const KeySegment& segment, uint32_t slot);
  void PassSlot();
  void FinishSegment();
  void NextSegment();
  size_t SkipUnmarked();
  bool AheadOfCursor(uint32_t group_index, const KeySegment& segment, uint32_t slot) const;
  Status SelectDecoded(uint32_t column, std::string_view key);
  [[noreturn]] void DieOfForeignKeyGroup(uint64_t hash) const;

  const uint32_t key_group_start_;
  const uint32_t max_parallelism_;
  const bool is_power_of_two_;
  bool tracking_ = false;
  RowLayout layout_;
  std::vector<KeyTable> tables_;  // One per key group of the range.

  KeySegment* segment_ = nullptr;  // Of the current key.
  const void* key_ = nullptr;
  uint64_t hash_ = 0;
  uint32_t slot_ = KeySegment::kNone;

  uint16_t dirty_bit_ = 1u << 14;  // D.
  uint16_t walk_bit_ = 1u << 13;   // W.
  StateTombstones cleared_;        // Since the last barrier; empty unless tracking_.
  bool walking_ = false;
  SnapshotKind kind_ = SnapshotKind::kFull;
  SnapshotRecordSink* sink_ = nullptr;
  uint32_t cursor_group_ = 0;               // Index in tables_.
  KeySegment* cursor_segment_ = nullptr;    // Invariant while walking_: never grown or split before it is finished.
  uint32_t cursor_slot_ = 0;
  size_t slice_bytes_ = 0;                  // Written in the running slice.
  ByteWriter key_bytes_;
  ByteWriter value_bytes_;
  std::unique_ptr<RecordScratch> restore_scratch_;
};

}  // namespace weir
