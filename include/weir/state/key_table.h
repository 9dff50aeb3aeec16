// Keyed state on the heap: one open-addressing table per key group, one row per key, one column per value state.
//
// Tag of a slot (32 bits): 0 = empty, 1 = deleted, else bit 31 set, bit 30 = W (written, or not part of the running
// snapshot), bits 0..28 = hash bits 35..63. Position = hash bits modulo table size, linear probing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/type_info.h>

namespace weir {

struct StateColumn {
  std::string name;
  const TypeInfo* type = nullptr;
  uint32_t offset = 0;  // In the row.
};

// [key][values of all columns][presence bits, one uint32], aligned for the strictest of them. With a single column a
// row exists only while its value does, and there are no presence bits.
struct RowLayout {
  static constexpr uint32_t kColumnsMax = 32;
  const KeyOps* key = nullptr;
  std::vector<StateColumn> columns;
  uint32_t presence_offset = 0;  // 0 = a single column.
  uint32_t size_bytes = 0;

  static RowLayout For(const KeyOps& key, std::vector<StateColumn> columns);
  bool Present(const std::byte* row, uint32_t column) const {
    if (presence_offset == 0) return true;
    return (*reinterpret_cast<const uint32_t*>(row + presence_offset) >> column) & 1;
  }
};

// One key group. Thread: task.
class KeyTable {
 public:
  static constexpr uint32_t kEmpty = 0;
  static constexpr uint32_t kDeleted = 1;
  static constexpr uint32_t kOccupied = 1u << 31;
  static constexpr uint32_t kWritten = 1u << 30;
  static constexpr uint32_t kHashMask = (1u << 29) - 1;
  static constexpr uint32_t kNone = UINT32_MAX;

  KeyTable() = default;
  KeyTable(KeyTable&&) noexcept;
  ~KeyTable();

  static uint32_t HashBits(uint64_t hash) { return static_cast<uint32_t>(hash >> 35); }

  void Prefetch(uint64_t hash, uint32_t row_bytes) const {
    const uint32_t slot = HashBits(hash) & mask_;
    __builtin_prefetch(&tags_[slot]);
    __builtin_prefetch(rows_ + size_t{slot} * row_bytes);
  }

  // Slot of the key, kNone when absent.
  template <class K>
  uint32_t Find(uint64_t hash, const K& key, uint32_t row_bytes) const {
    if (mask_ == 0) return kNone;
    const uint32_t wanted = HashBits(hash);
    for (uint32_t slot = wanted & mask_;; slot = (slot + 1) & mask_) {
      const uint32_t tag = tags_[slot];
      if (tag == kEmpty) return kNone;
      if ((tag & (kOccupied | kHashMask)) == (kOccupied | wanted) &&
          *reinterpret_cast<const K*>(rows_ + size_t{slot} * row_bytes) == key) {
        return slot;
      }
    }
  }

  std::byte* row(uint32_t slot, uint32_t row_bytes) { return rows_ + size_t{slot} * row_bytes; }
  uint32_t tag(uint32_t slot) const { return tags_[slot]; }
  void set_tag(uint32_t slot, uint32_t tag) { tags_[slot] = tag; }
  uint32_t slot_count() const { return mask_ == 0 ? 0 : mask_ + 1; }
  uint32_t size() const { return live_; }

  // A free slot for a key that is absent; the caller constructs the row. May rehash unless `pinned` (the snapshot's
  // cursor is in this group). Requires: !NeedsGrowth() when pinned.
  uint32_t Insert(uint64_t hash, const RowLayout& layout, uint32_t flags);
  bool NeedsGrowth() const { return used_ + 1 > (mask_ + 1) / 8 * 7; }
  // The caller destroyed the row's content.
  void Erase(uint32_t slot);
  size_t allocated_bytes(uint32_t row_bytes) const { return size_t{slot_count()} * (row_bytes + 4); }
  void Destroy(const RowLayout& layout);

 private:
  void Rehash(uint32_t slots, const RowLayout& layout);

  uint32_t* tags_ = nullptr;
  std::byte* rows_ = nullptr;
  uint32_t mask_ = 0;  // Slots - 1; 0 = no table yet.
  uint32_t live_ = 0;  // Occupied slots.
  uint32_t used_ = 0;  // Occupied and deleted slots.
};

}  // namespace weir
