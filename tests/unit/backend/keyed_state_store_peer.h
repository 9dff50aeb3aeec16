// Reaches into a KeyedStateStore: to begin tests from any legal state, and to break its protocol on purpose.
#pragma once

#include <algorithm>
#include <functional>
#include <random>

#include <weir/state/keyed_state_store.h>
#include <weir/state/list_cell.h>

namespace weir {

class KeyedStateStorePeer {
 public:
  // Any mix of D bits is a legal beginning: nothing is known of a base yet.
  static void RandomizeDirty(KeyedStateStore& store, std::mt19937& random) {
    for (KeyTable& table : store.tables_) {
      for (KeySegment* segment = table.First(); segment != nullptr; segment = table.Next(*segment)) {
        for (uint32_t slot = 0; slot < segment->slot_end; ++slot) {
          if (segment->occupied(slot) && random() % 2 == 0) segment->tags[slot] ^= store.marks_.dirty;
        }
      }
    }
    ForEachCell(store, [&](StateCell& cell) {
      if (random() % 2 == 0) cell.marks().bits ^= store.marks_.dirty;
      ForEachUnit(cell, [&](uint16_t& bits) {
        if (random() % 2 == 0) bits ^= store.marks_.dirty;
      });
    });
  }
  static void SplitSegmentsAt(KeyedStateStore& store, uint32_t slots) { store.layout_.segment_slots_max = slots; }

  // ---- Mutants ----
  static void SwapBits(KeyedStateStore& store) { std::swap(store.marks_.dirty, store.marks_.walk); }
  // Rows look as if they were what the cold ones are.
  static void ForgetDiffering(KeyedStateStore& store) {
    ForEachSlot(store, [](KeySegment& segment, uint32_t slot) { segment.cache_bits[slot] &= static_cast<uint8_t>(~KeyedStateStore::kDiffers); });
  }
  // The walk passes rows by that were written before its barrier.
  static void ForgetToBeWritten(KeyedStateStore& store) {
    ForEachSlot(store, [&store](KeySegment& segment, uint32_t slot) {
      segment.tags[slot] &= static_cast<uint16_t>(~store.marks_.walk);
      segment.cache_bits[slot] |= KeyedStateStore::kDiffers;
    });
  }
  // Cells that the walk needs and their keys do not have any more are lost.
  static void DropDetachedCells(KeyedStateStore& store) {
    std::erase_if(store.open_cells_, [](const std::unique_ptr<OpenCell>& open) { return open->detached != nullptr; });
  }
  // Units that were born or saved ahead of the cursor look as if they were old.
  static void ForgetWalkBits(KeyedStateStore& store) {
    if (store.marks_.walking != SnapshotWalk::kFull) return;
    ForEachCell(store, [&](StateCell& cell) {
      ForEachUnit(cell, [&](uint16_t& bits) { bits &= static_cast<uint16_t>(~store.marks_.walk); });
    });
  }
  // Rows and cells know that they were written, their units do not.
  static void ForgetDirtyUnits(KeyedStateStore& store) {
    ForEachCell(store, [&](StateCell& cell) {
      ForEachUnit(cell, [&](uint16_t& bits) { bits &= static_cast<uint16_t>(~store.marks_.dirty); });
    });
  }
  // Units know that they were written, their cells do not.
  static void ForgetDirtyCells(KeyedStateStore& store) {
    ForEachCell(store, [&](StateCell& cell) { cell.marks().bits &= static_cast<uint16_t>(~store.marks_.dirty); });
  }
  static void DropRangeTombstones(KeyedStateStore& store) {
    std::erase_if(store.cleared_.entries, [](const StateTombstone& entry) { return entry.range; });
  }
  // The walk jumps over the rest of large cells.
  static void CloseOpenCells(KeyedStateStore& store) {
    for (const std::unique_ptr<OpenCell>& open : store.open_cells_) open->cell->marks().open = nullptr;
    store.open_cells_.clear();
  }

 private:
  static void ForEachSlot(KeyedStateStore& store, const std::function<void(KeySegment&, uint32_t slot)>& visit) {
    for (KeyTable& table : store.tables_) {
      for (KeySegment* segment = table.First(); segment != nullptr; segment = table.Next(*segment)) {
        for (uint32_t slot = 0; slot < segment->slot_end; ++slot) {
          if (segment->occupied(slot)) visit(*segment, slot);
        }
      }
    }
  }
  static void ForEachCell(KeyedStateStore& store, const std::function<void(StateCell&)>& visit) {
    for (KeyTable& table : store.tables_) {
      for (KeySegment* segment = table.First(); segment != nullptr; segment = table.Next(*segment)) {
        for (uint32_t slot = 0; slot < segment->slot_end; ++slot) {
          if (!segment->occupied(slot)) continue;
          std::byte* const row = segment->row(slot, store.layout_.size_bytes);
          for (uint32_t column = 0; column < store.layout_.columns.size(); ++column) {
            const StateColumn& state = store.layout_.columns[column];
            if (state.is_cell() && store.layout_.Present(row, column)) visit(**reinterpret_cast<StateCell**>(row + state.offset));
          }
        }
      }
    }
  }
  static void ForEachUnit(StateCell& cell, const std::function<void(uint16_t&)>& visit) {
    if (auto* const map = dynamic_cast<MapCell*>(&cell)) {
      for (CellUnit unit = map->FirstEntry(); unit.bits != nullptr; unit = map->NextEntry(unit)) visit(*unit.bits);
    } else {
      for (const ListCell::Chunk& chunk : static_cast<ListCell&>(cell).chunks()) visit(const_cast<uint16_t&>(chunk.bits));
    }
  }
};

}  // namespace weir
