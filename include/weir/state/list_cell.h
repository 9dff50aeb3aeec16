// The elements of a list state under one key, encoded.
#pragma once

#include <vector>

#include <weir/state/state_cell.h>

namespace weir {

// A sequence of chunks; each is one unit. Only the last one is ever appended to. Thread: task.
class ListCell final : public StateCell {
 public:
  // Of a unit, its count of elements included. A larger element is a chunk of its own.
  static constexpr size_t kChunkBytesMax = 64 * 1024;

  struct Chunk {
    std::string bytes;    // The encoded elements, one behind the other.
    uint32_t count = 0;   // Of them.
    uint32_t number = 0;  // Its position in chunks(); during a restore some before it may be missing.
    uint16_t bits = 0;
  };

  // `element`: how restored bytes are checked.
  // `timed`: elements are Timed.
  explicit ListCell(const TypeInfo& element, bool timed = false) : element_(element), timed_(timed) {}

  // The latest time of last access of its elements. Requires: they are Timed.
  int64_t last_access_ms() const { return last_access_ms_; }

  const std::vector<Chunk>& chunks() const { return chunks_; }
  // The last chunk when so many more bytes fit into it; else no bits: AddChunk has to come first.
  CellUnit LastFor(size_t size_bytes);
  CellUnit AddChunk();
  // To the last chunk.
  void Append(std::string_view element);
  // The same, with a new chunk where it is needed. For lists that no row holds yet: sets no bits.
  void AppendUnmarked(std::string_view element);
  void MarkAll(uint16_t bits);
  // To `target`, as AppendUnmarked does: elements last accessed until `expired_until_ms` as they are, if `keep_expired`;
  // the others with `now_ms` as their last access. Requires: they are Timed.
  void CopyProlonged(ListCell& target, int64_t expired_until_ms, int64_t now_ms, bool keep_expired) const;

  CellMarks& marks() override { return marks_; }
  bool empty() const override { return chunks_.empty(); }
  bool large() const override;
  CellPosition Begin() const override { return {}; }
  bool IsAhead(const CellUnit& unit, const CellPosition& at) const override { return unit.index >= at.index; }
  void WriteUnit(const CellUnit& unit, UnitWriter& out) const override;
  bool Pass(CellPosition& at, const SnapshotMarks& marks, UnitWriter& out, size_t& work_left) override;
  bool DestroySome() override;
  Status Restore(std::string_view name_space, std::string_view value) override;
  Status RestoreRemoved(std::string_view name_space) override;
  bool complete() const override { return chunks_.empty() || chunks_.back().number + 1 == chunks_.size(); }

 private:
  void NoteAccess(std::string_view element);
  // The elements of the chunk that were accessed after `expired_until_ms`, encoded, and how many they are.
  uint32_t CopyAlive(const Chunk& chunk, int64_t expired_until_ms, ByteWriter& out) const;

  const TypeInfo& element_;
  const bool timed_;
  int64_t last_access_ms_ = INT64_MIN;
  CellMarks marks_;
  std::vector<Chunk> chunks_;  // Ascending by number.
};

}  // namespace weir
