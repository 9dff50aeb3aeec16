// The entries of a map state under one key.
#pragma once

#include <weir/state/state_cell.h>

namespace weir {

// Up to kSmallMax entries stand side by side; more are a KeyTable, which grows in small steps and never moves an entry
// because another one is removed. Each entry is one unit. Thread: task.
class MapCell final : public StateCell {
 public:
  static constexpr uint32_t kSmallMax = 8;

  // `entry`: key and, in its only column, value. It outlives the cell.
  explicit MapCell(const RowLayout& entry) : entry_(entry) {}
  ~MapCell() override;
  MapCell(const MapCell&) = delete;
  MapCell& operator=(const MapCell&) = delete;

  uint64_t size() const { return size_; }
  std::byte* RowOf(const CellUnit& unit) const {
    return unit.segment != nullptr ? unit.segment->row(unit.index, entry_.size_bytes) : rows_ + size_t{unit.index} * entry_.size_bytes;
  }
  void* ValueOf(const CellUnit& unit) const { return RowOf(unit) + entry_.columns[0].offset; }
  // Requires: its values are Timed.
  int64_t& LastAccessOf(const CellUnit& unit) const { return *static_cast<int64_t*>(ValueOf(unit)); }
  // The encoded key, made in `buffer` where it is not in memory.
  std::string_view KeyBytesOf(const CellUnit& unit, ByteWriter& buffer) const;

  // The entry of `key`; K is the type of the layout's key.
  template <class K>
  CellUnit Find(const K& key) {
    const auto equal = [&key](const std::byte* row) { return *reinterpret_cast<const K*>(row) == key; };
    return table_ == nullptr ? FindSmall(equal) : FindLarge(HashKey(key), equal);
  }
  CellUnit FindErased(const void* key);

  // A place for an entry that is absent, its content and its bits not set yet; no bits when Grow has to come first.
  CellUnit TryInsert(const void* key);
  void Grow(const void* key);
  // Whether the walk at `at` stands in what Grow would move.
  bool StandsWhereGrows(const CellPosition& at, const void* key) const;
  // Passes that part to its end, and moves `at` behind it.
  void FinishSegment(CellPosition& at, const SnapshotMarks& marks, UnitWriter& out);
  // Destroys the entry.
  void Erase(const CellUnit& unit);

  // ---- All entries, in no order. The one that was visited last may be erased meanwhile ----
  CellUnit FirstEntry() const;
  CellUnit NextEntry(const CellUnit& unit) const;
  // From a place on that need not be an entry any more, in the order of the two above: for rounds that go on later. Of
  // large maps `prefix` names the segment.
  CellUnit EntryFrom(uint64_t prefix, uint32_t index) const;

  CellMarks& marks() override { return marks_; }
  bool empty() const override { return size_ == 0; }
  bool large() const override { return table_ != nullptr; }
  CellPosition Begin() const override;
  bool IsAhead(const CellUnit& unit, const CellPosition& at) const override;
  void WriteUnit(const CellUnit& unit, UnitWriter& out) const override;
  bool Pass(CellPosition& at, const SnapshotMarks& marks, UnitWriter& out, size_t& work_left) override;
  bool DestroySome() override;
  Status Restore(std::string_view name_space, std::string_view value) override;
  Status RestoreRemoved(std::string_view name_space) override;
  bool complete() const override { return true; }

 private:
  template <class Equal>
  CellUnit FindSmall(Equal&& equal) {
    for (uint32_t i = 0; i < size_; ++i) {
      if (equal(rows_ + size_t{i} * entry_.size_bytes)) return {nullptr, i, &small_bits_[i]};
    }
    return {};
  }
  template <class Equal>
  CellUnit FindLarge(uint64_t hash, Equal&& equal) {
    KeySegment& segment = table_->Segment(hash);
    const uint32_t slot = segment.Find(hash, entry_.size_bytes, equal);
    return slot != KeySegment::kNone ? CellUnit{&segment, slot, &segment.tags[slot]} : CellUnit{};
  }
  CellUnit FirstFrom(KeySegment* segment, uint32_t slot) const;
  void MoveRow(std::byte* to, std::byte* from) const;
  void DestroyRow(std::byte* row) const;
  void GrowSmall();
  void BecomeLarge();
  void PassUnit(const CellUnit& unit, const SnapshotMarks& marks, UnitWriter& out);

  const RowLayout& entry_;
  CellMarks marks_;
  uint64_t size_ = 0;
  std::unique_ptr<KeyTable> table_;  // Beyond kSmallMax entries; then for ever.
  std::byte* rows_ = nullptr;        // Else these: capacity_ of them.
  uint8_t capacity_ = 0;
  uint16_t small_bits_[kSmallMax] = {};
};

}  // namespace weir
