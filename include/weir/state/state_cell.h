// Cells: what a row holds of a list or map state. A cell owns its units, the pieces that snapshots and deltas speak of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <weir/core/bytes.h>
#include <weir/core/status.h>
#include <weir/state/key_table.h>
#include <weir/state/snapshot_marks.h>
#include <weir/state/snapshot_sink.h>

namespace weir {

// The place of one unit in its cell. Void once the cell got or lost a unit.
struct CellUnit {
  KeySegment* segment = nullptr;  // Of large maps.
  uint32_t index = 0;             // Slot there; else position.
  uint16_t* bits = nullptr;       // D and W, as a row has them. Null: there is no such unit.
};

// Where a walk stands in a cell: units at and behind it are still ahead.
struct CellPosition {
  KeySegment* segment = nullptr;  // Of large maps: null behind the last.
  uint32_t index = 0;
};

// Writes units of one cell to a sink. The buffers are lent by the store.
class UnitWriter {
 public:
  struct Buffers {
    ByteWriter name_space;
    ByteWriter value;
  };
  static constexpr int64_t kNothingExpires = INT64_MIN;

  UnitWriter(SnapshotRecordSink& sink, Buffers& buffers, uint32_t key_group, uint32_t column, std::string_view key, int64_t expired_until_ms)
      : sink_(sink), buffers_(buffers), key_group_(key_group), column_(column), key_(key), expired_until_ms_(expired_until_ms) {}

  Buffers& buffers() { return buffers_; }
  // Units, or elements, that were last accessed until then are left out.
  int64_t expired_until_ms() const { return expired_until_ms_; }
  void Write(std::string_view name_space, std::string_view value) {
    sink_.Value(key_group_, column_, key_, name_space, value);
    size_bytes_ += key_.size() + name_space.size() + value.size();
  }
  size_t size_bytes() const { return size_bytes_; }

 private:
  SnapshotRecordSink& sink_;
  Buffers& buffers_;
  const uint32_t key_group_;
  const uint32_t column_;
  const std::string_view key_;
  const int64_t expired_until_ms_;
  size_t size_bytes_ = 0;
};

struct OpenCell;

// What the store keeps with each cell.
struct CellMarks {
  uint16_t bits = 0;         // D and W of the cell: D is set when any unit has it.
  uint32_t version = 0;      // New whenever units come, never the same for two cells: iterators compare it.
  OpenCell* open = nullptr;  // While the walk stands in it.
};

// Thread: task. No call takes longer the more units there are, but for the destructor of a cell that is large.
class StateCell {
 public:
  virtual ~StateCell() = default;
  virtual CellMarks& marks() = 0;
  virtual bool empty() const = 0;
  // Whether it is too much to be passed or destroyed in one go.
  virtual bool large() const = 0;

  // ---- Snapshots ----
  virtual CellPosition Begin() const = 0;
  virtual bool IsAhead(const CellUnit& unit, const CellPosition& at) const = 0;
  virtual void WriteUnit(const CellUnit& unit, UnitWriter& out) const = 0;
  // Passes units from `at` on and moves it: writes those that are needed and settles their bits. Takes bytes and slots from
  // `work_left` and ends when nothing of it is left; true when all units were passed.
  virtual bool Pass(CellPosition& at, const SnapshotMarks& marks, UnitWriter& out, size_t& work_left) = 0;

  // Destroys some units, about 100 us of work; true when none is left. Nothing but this and the destructor may follow.
  virtual bool DestroySome() = 0;

  // ---- Restore: kCorruption for what does not decode ----
  virtual Status Restore(std::string_view name_space, std::string_view value) = 0;
  virtual Status RestoreRemoved(std::string_view name_space) = 0;
  // Whether no unit is missing in between.
  virtual bool complete() const = 0;
};

// A large cell that a walk has come to and not left yet, or that its key lost before the walk came.
struct OpenCell {
  StateCell* cell = nullptr;
  std::unique_ptr<StateCell> detached;  // Owns the cell once its row does not.
  uint32_t key_group = 0;
  uint32_t column = 0;
  std::string key;  // Encoded.
  CellPosition at;
};

// The type of a row's column that holds a cell: a pointer that the row owns.
const TypeInfo& CellPointerType();

}  // namespace weir
