// The keyed state of one operator subtask and the current key of its task.
#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/status.h>
#include <weir/state/cold_rows.h>
#include <weir/state/key_table.h>
#include <weir/state/map_cell.h>
#include <weir/state/snapshot_marks.h>
#include <weir/state/snapshot_sink.h>
#include <weir/state/state_cell.h>

namespace weir {

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
// serializes the old row first. Two bits of each tag serve them (SnapshotMarks). Lists and maps are cells, whose units have
// such bits too; then the values of a row share bits of their own, and the tag tells whether any of all these is set. A
// cell with many units is opened as the cursor passes its row, and written in slices like everything else.
// With cold rows (AttachCold) the rows in memory are a bounded cache of them; then all walks are those of deltas, and a full
// snapshot is what the cold rows held at its barrier, followed by the rows in memory that differed from it.
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
  void TrackChanges() { marks_.tracking = true; }
  // Before any key is set: the time by which state expires, in ms. The system's unless this is called.
  void SetProcessingTime(std::function<int64_t()> now_ms) { now_ms_ = std::move(now_ms); }
  int64_t NowMs() const { return now_ms_(); }

  // ---- Rows beyond memory: keyed_state_cold.cc ----
  // After SetLayout and TrackChanges, before any key is set: from here on rows in memory take about `cache_bytes_max` bytes, beyond which
  // some of them go to `cold` between batches. Requires: the layout has columns and no cells. Calls that
  // make a key current, FetchWanted and ForEachKey then throw std::runtime_error when cold rows cannot be read.
  void AttachCold(std::unique_ptr<ColdRows> cold, uint64_t cache_bytes_max);
  bool has_cold() const { return cold_ != nullptr; }
  // Ahead of a batch, for each of its keys, then FetchWanted: brings what is not in memory, all at once. Until EndBatch
  // no other key than these is made current. Requires of both: has_cold().
  template <class K>
  void Want(const K& key, uint64_t hash) {
    const KeySegment& segment = Table(hash).Segment(hash);
    const uint32_t slot = segment.Find(hash, layout_.size_bytes, [&key](const std::byte* row) { return *reinterpret_cast<const K*>(row) == key; });
    if (slot != KeySegment::kNone) {
      segment.cache_bits[slot] |= kTouched;
    } else {
      WantCold(&key, hash);
    }
  }
  void FetchWanted();
  // What came of keys that were not in memory.
  struct ColdCounts {
    uint64_t wanted = 0;   // Keys looked for beyond memory.
    uint64_t evicted = 0;  // Rows that left memory.
  };
  const ColdCounts& cold_counts() const { return cold_counts_; }

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
  // The current key is `key`, its equal, from here on: for one that stands in its row, which may go. It must outlive its
  // being current.
  template <class K>
  void KeepKey(const K& key) {
    key_ = &key;
  }
  // From here on no key is current: no state can be written, and none is there.
  void ForgetKey() {
    key_ = nullptr;
    Select(KeySegment::kNone);
    if (!dying_.empty()) [[unlikely]] DestroySomeCells();
  }
  // The same, behind a batch of so many records.
  void EndBatch(uint32_t record_count) {
    if (layout_.has_ttl) [[unlikely]] CleanUpAfter(record_count);
    ForgetKey();
    if (cold_ != nullptr) [[unlikely]] EndColdBatch();
  }
  bool HasKey() const { return key_ != nullptr; }
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
      if (snapshotting()) [[unlikely]] SaveBeforeWrite();
      uint16_t& tag = segment_->tags[slot_];
      if (marks_.tracking && (tag & marks_.dirty) == 0) tag |= marks_.dirty;
    }
    // A single column is there whenever its row is.
    constructed = layout_.presence_offset == 0 || MarkPresent(column);
    return CurrentRow() + layout_.columns[column].offset;
  }
  void ClearValue(uint32_t column);

  // ---- Lists and maps of the current key ----
  // Requires of all: a key is current, `column` holds cells. The current key's cell, null when it has none.
  StateCell* FindCell(uint32_t column) { return HasValue(column) ? *CellAt(column) : nullptr; }
  // The same, made when absent; one of its units is about to be written. An empty cell must not stay.
  StateCell& CellForWrite(uint32_t column);
  // Before an existing unit of a cell from CellForWrite changes.
  void BeginUnitWrite(uint32_t column, StateCell& cell, const CellUnit& unit) {
    if (snapshotting()) [[unlikely]] SaveUnit(column, cell, unit);
    if (marks_.tracking) *unit.bits |= marks_.dirty;
  }
  // A new entry in a cell from CellForWrite; the caller constructs key and value.
  CellUnit InsertEntry(uint32_t column, MapCell& cell, const void* key);
  // Removes an entry of the current key's cell, and the cell with its last one.
  void RemoveEntry(uint32_t column, MapCell& cell, const CellUnit& unit);
  // To the list of the current key; `element` is encoded.
  void AppendElement(uint32_t column, std::string_view element);
  void ClearCell(uint32_t column);
  // Instead of what is there. Requires: `cell` is not empty and has no bits set.
  void ReplaceList(uint32_t column, std::unique_ptr<StateCell> cell);
  // Before an access to a state with a time-to-live: looks at some units of other keys and clears what has expired.
  void CleanUpOnAccess(uint32_t column) {
    if (const uint32_t units = layout_.columns[column].ttl.cleanup_units; units != 0) CleanUp(column, units);
  }
  // For encoding keys, entries and elements. One at a time.
  ByteWriter& Scratch() {
    scratch_.Clear();
    return scratch_;
  }

  // ---- All keys ----
  // Calls visit(key) for each live key, with that key current. A visit that clears and then writes calls KeepKey before.
  void ForEachKey(const std::function<void(const void* key)>& visit);
  uint64_t row_count() const { return row_count_; }  // In memory.
  size_t memory_bytes() const;  // Without what values and cells own on the heap.

  // ---- Snapshot and restore ----
  // Requires: no walk is running; for kDelta, TrackChanges, and a snapshot was begun before. `sink` lives until WriteSlice
  // returned true. What a walk has begun it completes: only so do the bits tell the next delta the truth.
  void BeginSnapshot(SnapshotKind kind, SnapshotRecordSink& sink);
  // Serializes about `bytes_max` bytes; true when the snapshot is complete.
  bool WriteSlice(size_t bytes_max);
  bool snapshotting() const { return marks_.walking != SnapshotWalk::kNone; }
  // Before a base with so many rows of the key group is restored: makes their table at once, and voids hints. `rows` is
  // what memory is taken for: the caller bounds it. Nothing happens when the group has rows. Requires: the group is in the
  // range, no walk is running.
  void Reserve(uint32_t key_group, uint64_t rows);
  // Records of snapshots, oldest first, then FinishRestore; the next snapshot must be a full one. kCorruption when one does
  // not decode, or part of a list is missing: what was restored so far is of no use then.
  Status Restore(uint32_t column, std::string_view key, std::string_view name_space, std::string_view value);
  // One unit; or all of the key whose name space begins with `name_space`, which is empty for lists and maps.
  Status RestoreCleared(uint32_t column, std::string_view key, std::string_view name_space, bool range);
  Status FinishRestore() const;

 private:
  friend class KeyedStateStorePeer;  // Of tests: sets the bits.
  class RestoreRoom;

  template <class K>
  void Find(const K& key) {
    Select(segment_->Find(hash_, layout_.size_bytes, [&key](const std::byte* row) { return *reinterpret_cast<const K*>(row) == key; }));
    if (cold_ != nullptr && row_ == nullptr) [[unlikely]] LoadCurrent();
  }
  void Select(uint32_t slot) {
    slot_ = slot;
    row_ = slot != KeySegment::kNone ? segment_->row(slot, layout_.size_bytes) : nullptr;
  }
  void InsertRow();
  void PlaceRow();                    // Without its content.
  bool MarkPresent(uint32_t column);  // Whether it was present before.
  uint32_t Presence() const;
  void ForgetValue(uint32_t column);  // Destroyed before; the row goes with its last value.
  void SaveBeforeWrite();
  void RememberCleared(uint32_t column, bool range, std::string_view name_space);
  void WriteRow(uint32_t group_index, const KeySegment& segment, uint32_t slot);  // Its values.
  bool WritePacked(uint32_t group_index, const std::byte* row);
  void PassSlot();
  void FinishSegment();
  void NextSegment();
  size_t SkipUnmarked();
  bool AheadOfCursor(uint32_t group_index, const KeySegment& segment, uint32_t slot) const;
  Status SelectDecoded(uint32_t column, std::string_view key);
  Status PlaceValue(uint32_t column, std::string_view value);

  // ---- Rows beyond memory: keyed_state_cold.cc ----
  static constexpr uint8_t kTouched = 1;  // Wanted since the eviction passed by.
  static constexpr uint8_t kDiffers = 2;  // From the cold row, though neither D nor W tells.
  static constexpr uint8_t kSaved = 4;    // Ahead of the cursor of a full snapshot: written to it already.
  struct EvictionPosition {
    uint32_t group_index = 0;
    uint64_t prefix = 0;  // Of the segment.
    uint32_t slot = 0;
  };
  struct WantedKey {
    uint32_t key_group = 0;
    uint32_t begin = 0;  // In wanted_bytes_.
    uint32_t size_bytes = 0;
  };
  void WantCold(const void* key, uint64_t hash);
  void LoadCurrent();
  Status PlaceFound(std::string_view key, const ColdRows::Found& found);
  void EraseCold(uint32_t column);
  void EndColdBatch();
  void MakeRoom();
  void SampleOwnedBytes();
  uint64_t OwnedBytes(const std::byte* row);
  bool EvictNext(uint64_t& dirty_passed_by, uint64_t dirty_passed_by_max);
  void Evict(uint32_t group_index, KeySegment& segment, uint32_t slot);
  void PutCold(uint32_t group_index, const std::byte* row, bool changed);
  bool Differs(const KeySegment& segment, uint32_t slot) const {
    return (segment.tags[slot] & KeySegment::kSnapshotBits) != 0 || (segment.cache_bits[slot] & kDiffers) != 0;
  }
  void BeginColdWalk(SnapshotKind kind, StateTombstones cleared);
  bool WalkNeeds(uint32_t group_index, const KeySegment& segment, uint32_t slot) const;
  void SaveCachedRow(uint32_t group_index, KeySegment& segment, uint32_t slot);
  void PassCachedRow();
  void ForEachColdKey(const std::function<void(const void* key)>& visit);
  void VisitWanted(const std::function<void(const void* key)>& visit);

  // ---- Cells: keyed_state_cells.cc ----
  StateCell** CellAt(uint32_t column) { return reinterpret_cast<StateCell**>(row_ + layout_.columns[column].offset); }
  bool RowIsAhead() const { return AheadOfCursor(KeyGroup(hash_) - groups_.start(), *segment_, slot_); }
  // Whether a unit of the current key's cell is ahead of the running full walk.
  bool UnitIsAhead(StateCell& cell, const CellUnit& unit);
  void SaveValuesBesideCells();
  void SaveUnit(uint32_t column, StateCell& cell, const CellUnit& unit);
  void SaveAndDropCell(uint32_t column);  // The row goes with its last column.
  void PassRowWithCells();
  StateCell& PlaceCell(uint32_t column, std::unique_ptr<StateCell> cell);
  void PassSmallCell(uint32_t key_group, uint32_t column, std::string_view key, StateCell& cell);
  OpenCell& Open(uint32_t key_group, uint32_t column, std::string_view key, StateCell& cell);
  void WalkOpenCell(size_t work_max);
  void DestroySomeCells();
  UnitWriter WriterFor(uint32_t key_group, uint32_t column, std::string_view key);

  // ---- Time-to-live: keyed_state_ttl.cc ----
  // Where a round over the units of one state stands. Rows may have moved since: then it misses some.
  struct CleanupPosition {
    uint32_t group_index = 0;
    uint64_t prefix = 0;  // Of the segment.
    uint32_t slot = 0;
    uint64_t entry_prefix = 0;  // Within a map.
    uint32_t entry_index = UINT32_MAX;
  };
  // Units of a full snapshot that were last accessed until then are left out.
  int64_t ExpiredUntil(uint32_t column) const;
  void CleanUp(uint32_t column, uint32_t units);
  void CleanUpAfter(uint32_t record_count);
  bool SelectNext(CleanupPosition& at, const std::byte* but_row);
  uint32_t CleanUpMap(uint32_t column, CleanupPosition& at, int64_t expired_until_ms, uint32_t units);

  Status RestoreUnit(uint32_t column, std::string_view name_space, std::string_view value);
  Status RestoreUnitCleared(uint32_t column, std::string_view name_space, bool range);
  void NoteCompleteness(bool was_complete, bool is_complete) { incomplete_lists_ += int64_t{was_complete} - int64_t{is_complete}; }

  std::vector<KeyTable> tables_;  // One per key group of the range.
  const KeyGroupTables groups_;
  RowLayout layout_;

  KeySegment* segment_ = nullptr;  // Of the current key.
  const void* key_ = nullptr;
  uint64_t hash_ = 0;
  uint32_t slot_ = KeySegment::kNone;
  std::byte* row_ = nullptr;  // Null when the key has none.
  uint64_t moves_ = 0;
  uint64_t row_count_ = 0;

  std::unique_ptr<ColdRows> cold_;  // Null: all rows are in memory.
  Status cold_failure_;             // Of an eviction: told by the next call that can.
  uint64_t cache_bytes_max_ = 0;
  uint64_t owned_bytes_mean_ = 0;   // Of a row beyond its own size, estimated.
  uint64_t sampled_rows_ = 0;       // How many there were when that was done.
  bool takes_deltas_ = false;       // TrackChanges was called.
  bool reports_changes_ = false;    // There was a snapshot on which a delta may stand.
  bool fetched_ = false;            // The keys of the batch: what is not in memory is nowhere.
  bool evicts_dirty_ = false;       // Until the next barrier: too few rows are clean.
  bool walks_all_differing_ = false;
  EvictionPosition eviction_;
  std::vector<WantedKey> wanted_;
  std::string wanted_bytes_;
  ColdCounts cold_counts_;

  SnapshotMarks marks_;
  StateTombstones cleared_;        // Since the last barrier; empty unless changes are tracked.
  SnapshotRecordSink* sink_ = nullptr;
  uint32_t cursor_group_ = 0;               // Index in tables_.
  KeySegment* cursor_segment_ = nullptr;    // Invariant while a walk is running: never grown or split before it is finished.
  uint32_t cursor_slot_ = 0;
  size_t slice_bytes_ = 0;                  // Written in the running slice.
  PackedRun* run_ = nullptr;                // Of run_group_, in the sink's hands.
  uint32_t run_group_ = 0;
  std::deque<std::unique_ptr<OpenCell>> open_cells_;    // The walk goes on once they are written.
  std::vector<std::unique_ptr<StateCell>> dying_;       // Large cells that nobody needs, destroyed in steps.
  std::function<int64_t()> now_ms_;
  int64_t barrier_ms_ = 0;                   // When the running snapshot began.
  std::vector<CleanupPosition> cleanups_;    // By column.
  uint32_t cell_versions_ = 0;
  int64_t incomplete_lists_ = 0;  // Of a restore under way.
  ByteWriter key_bytes_;
  ByteWriter value_bytes_;
  ByteWriter scratch_;
  UnitWriter::Buffers unit_buffers_;
  std::unique_ptr<RestoreRoom> restore_room_;  // From the first restored record on.
};

}  // namespace weir
