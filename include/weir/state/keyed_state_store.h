// The keyed state of one operator subtask and the current key of its task.
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/status.h>
#include <weir/state/key_table.h>
#include <weir/state/packed_run.h>

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
  // Of a layout with `packed_bytes`, instead of Value: room for at least one record of the group, until the next call.
  // Null: this sink takes all records as values.
  virtual PackedRun* Packed(uint32_t key_group) {
    (void)key_group;
    return nullptr;
  }
};

// Where the table of a hash is. A small value; the tables belong to a KeyedStateStore.
class KeyGroupTables {
 public:
  KeyGroupTables(uint32_t key_group_start, uint32_t key_group_end, uint32_t max_parallelism, KeyTable* tables)
      : tables_(tables),
        start_(key_group_start),
        count_(key_group_end - key_group_start + 1),
        max_parallelism_(max_parallelism),
        mask_(std::has_single_bit(max_parallelism) ? max_parallelism - 1 : 0) {}

  uint32_t start() const { return start_; }
  uint32_t Of(uint64_t hash) const {
    return static_cast<uint32_t>(mask_ != 0 ? hash & mask_ : hash % max_parallelism_);
  }
  // Requires: the key group of `hash` is in the range; else the routing is broken and the process ends.
  KeyTable& Table(uint64_t hash) const {
    const uint32_t index = Of(hash) - start_;
    if (index >= count_) [[unlikely]] DieOfForeignKeyGroup(Of(hash), start_, count_);
    return tables_[index];
  }

 private:
  [[noreturn]] static void DieOfForeignKeyGroup(uint32_t key_group, uint32_t start, uint32_t count);

  KeyTable* tables_;
  uint32_t start_;
  uint32_t count_;
  uint32_t max_parallelism_;
  uint32_t mask_;  // 0 = max parallelism is no power of two, or 1.
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

  uint32_t KeyGroup(uint64_t hash) const { return groups_.Of(hash); }
  KeyTable& Table(uint64_t hash) { return groups_.Table(hash); }
  // Ahead of SetCurrentKey, in two steps: first the tags of a key, then, from these, its row. A loop over rows keeps
  // `groups` and `row_bytes` in registers, as copies of its own.
  const KeyGroupTables& groups() const { return groups_; }
  // Always inline: GCC 12 takes a function that only prefetches for one without effect and drops its calls.
  [[gnu::always_inline]] static void PrefetchTags(const KeyGroupTables& groups, uint64_t hash, KeyHint& hint) {
    KeySegment* const segment = &groups.Table(hash).Segment(hash);
    const uint32_t slot = segment->SlotOf(hash);
    __builtin_prefetch(segment->tags + slot);
    hint = {segment, slot};
  }
  [[gnu::always_inline]] static void PrefetchRow(uint32_t row_bytes, uint64_t hash, KeyHint& hint) {
    const KeySegment& segment = *hint.segment;
    const uint32_t slot = segment.FirstMatch(hash, hint.slot);
    __builtin_prefetch(segment.row(slot, row_bytes));
    hint.slot = slot;
  }
  // How often rows have moved: hints from before the last time are void.
  uint64_t moves() const { return moves_; }

  // ---- Current key ----
  // Makes `key` current; it must outlive its being current.
  template <class K>
  void SetCurrentKey(const K& key, uint64_t hash) {
    KeySegment* const segment = &Table(hash).Segment(hash);
    SetCurrentKey(key, hash, {segment, segment->SlotOf(hash)});
  }
  // The same with a valid hint, of PrefetchTags or PrefetchRow.
  template <class K>
  void SetCurrentKey(const K& key, uint64_t hash, KeyHint hint) {
    segment_ = hint.segment;
    slot_ = hint.slot;
    key_ = &key;
    hash_ = hash;
    row_ = hint.segment->row(hint.slot, layout_.size_bytes);
    const bool found = hint.segment->occupied(hint.slot) && *reinterpret_cast<const K*>(row_) == key;
    if (!found) [[unlikely]] Find(key);
  }
  bool HasRow() const { return row_ != nullptr; }
  std::byte* CurrentRow() { return row_; }
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
    // A single column is there whenever its row is.
    constructed = layout_.presence_offset == 0 || MarkPresent(column);
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
  // Before a base with so many rows of the key group is restored: makes their table at once, and voids hints. `rows` is
  // what memory is taken for: the caller bounds it. Nothing happens when the group has rows. Requires: the group is in the
  // range, no walk is running.
  void Reserve(uint32_t key_group, uint64_t rows);
  // Records of snapshots, oldest first; the next snapshot must be a full one. kCorruption when one does not decode: what
  // was restored so far is of no use then.
  Status Restore(uint32_t column, std::string_view key, std::string_view value);
  Status RestoreCleared(uint32_t column, std::string_view key);

 private:
  friend class KeyedStateStorePeer;  // Of tests: sets the bits.
  class RestoreRoom;

  template <class K>
  void Find(const K& key) {
    Select(segment_->Find(hash_, layout_.size_bytes, [&key](const std::byte* row) { return *reinterpret_cast<const K*>(row) == key; }));
  }
  void Select(uint32_t slot) {
    slot_ = slot;
    row_ = slot != KeySegment::kNone ? segment_->row(slot, layout_.size_bytes) : nullptr;
  }
  void InsertRow();
  void PlaceRow();                    // Without its content.
  bool MarkPresent(uint32_t column);  // Whether it was present before.
  void SaveBeforeWrite();
  void RememberCleared(uint32_t column);
  void ForgetValue(uint32_t column);  // Destroyed before; the row goes with its last value.
  void WriteRow(uint32_t group_index, const KeySegment& segment, uint32_t slot);
  bool WritePacked(uint32_t group_index, const std::byte* row);
  void PassSlot();
  void FinishSegment();
  void NextSegment();
  size_t SkipUnmarked();
  bool AheadOfCursor(uint32_t group_index, const KeySegment& segment, uint32_t slot) const;
  Status SelectDecoded(uint32_t column, std::string_view key);

  std::vector<KeyTable> tables_;  // One per key group of the range.
  const KeyGroupTables groups_;
  bool tracking_ = false;
  RowLayout layout_;

  KeySegment* segment_ = nullptr;  // Of the current key.
  const void* key_ = nullptr;
  uint64_t hash_ = 0;
  uint32_t slot_ = KeySegment::kNone;
  std::byte* row_ = nullptr;  // Null when the key has none.
  uint64_t moves_ = 0;

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
  PackedRun* run_ = nullptr;                // Of run_group_, in the sink's hands.
  uint32_t run_group_ = 0;
  ByteWriter key_bytes_;
  ByteWriter value_bytes_;
  std::unique_ptr<RestoreRoom> restore_room_;  // From the first restored record on.
};

}  // namespace weir
