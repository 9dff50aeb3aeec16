#include <weir/state/key_table.h>

#include <new>

#include "base/check.h"

namespace weir {
namespace {

constexpr std::align_val_t kTableAlignment{64};
constexpr uint32_t kSlotsMin = 8;

uint32_t AlignUp(uint32_t offset, uint32_t alignment) { return (offset + alignment - 1) / alignment * alignment; }

}  // namespace

RowLayout RowLayout::For(const KeyOps& key, std::vector<StateColumn> columns) {
  CHECK(columns.size() <= kColumnsMax);
  RowLayout layout;
  layout.key = &key;
  uint32_t offset = key.type->size_bytes;
  uint32_t alignment = key.type->alignment;
  for (StateColumn& column : columns) {
    column.offset = AlignUp(offset, column.type->alignment);
    offset = column.offset + column.type->size_bytes;
    alignment = std::max(alignment, column.type->alignment);
  }
  if (columns.size() != 1) {
    alignment = std::max<uint32_t>(alignment, alignof(uint32_t));
    layout.presence_offset = AlignUp(offset, alignof(uint32_t));
    offset = layout.presence_offset + sizeof(uint32_t);
  }
  layout.size_bytes = AlignUp(offset, alignment);
  layout.columns = std::move(columns);
  return layout;
}

KeyTable::KeyTable(KeyTable&& other) noexcept
    : tags_(std::exchange(other.tags_, nullptr)),
      rows_(std::exchange(other.rows_, nullptr)),
      mask_(std::exchange(other.mask_, 0)),
      live_(std::exchange(other.live_, 0)),
      used_(std::exchange(other.used_, 0)) {}

KeyTable::~KeyTable() { CHECK(tags_ == nullptr); }

uint32_t KeyTable::Insert(uint64_t hash, const RowLayout& layout, uint32_t flags) {
  if (NeedsGrowth()) {
    const uint32_t slots = slot_count();
    // Many deleted marks: a table of the same size has room again.
    Rehash(slots == 0 ? kSlotsMin : live_ > slots / 2 ? slots * 2 : slots, layout);
  }
  const uint32_t bits = HashBits(hash);
  uint32_t slot = bits & mask_;
  while (tags_[slot] != kEmpty && tags_[slot] != kDeleted) slot = (slot + 1) & mask_;
  if (tags_[slot] == kEmpty) ++used_;
  ++live_;
  tags_[slot] = kOccupied | flags | bits;
  return slot;
}

void KeyTable::Erase(uint32_t slot) {
  DCHECK(tags_[slot] & kOccupied);
  tags_[slot] = kDeleted;
  --live_;
}

void KeyTable::Rehash(uint32_t slots, const RowLayout& layout) {
  CHECK(slots <= kHashMask);
  const uint32_t old_slots = slot_count();
  uint32_t* const old_tags = tags_;
  std::byte* const old_rows = rows_;
  tags_ = static_cast<uint32_t*>(::operator new(size_t{slots} * sizeof(uint32_t), kTableAlignment));
  std::memset(tags_, 0, size_t{slots} * sizeof(uint32_t));
  rows_ = static_cast<std::byte*>(::operator new(size_t{slots} * layout.size_bytes, kTableAlignment));
  mask_ = slots - 1;
  for (uint32_t from = 0; from < old_slots; ++from) {
    const uint32_t tag = old_tags[from];
    if ((tag & kOccupied) == 0) continue;
    uint32_t slot = tag & kHashMask & mask_;
    while (tags_[slot] != kEmpty) slot = (slot + 1) & mask_;
    tags_[slot] = tag;
    std::byte* const source = old_rows + size_t{from} * layout.size_bytes;
    std::byte* const target = row(slot, layout.size_bytes);
    layout.key->type->move_construct(target, source, 1);
    layout.key->type->destroy(source, 1);
    for (uint32_t column = 0; column < layout.columns.size(); ++column) {
      if (!layout.Present(source, column)) continue;
      const StateColumn& state = layout.columns[column];
      state.type->move_construct(target + state.offset, source + state.offset, 1);
      state.type->destroy(source + state.offset, 1);
    }
    if (layout.presence_offset != 0) std::memcpy(target + layout.presence_offset, source + layout.presence_offset, 4);
  }
  used_ = live_;
  ::operator delete(old_tags, kTableAlignment);
  ::operator delete(old_rows, kTableAlignment);
}

void KeyTable::Destroy(const RowLayout& layout) {
  for (uint32_t slot = 0; slot < slot_count(); ++slot) {
    if ((tags_[slot] & kOccupied) == 0) continue;
    std::byte* const content = row(slot, layout.size_bytes);
    layout.key->type->destroy(content, 1);
    for (uint32_t column = 0; column < layout.columns.size(); ++column) {
      const StateColumn& state = layout.columns[column];
      if (layout.Present(content, column)) state.type->destroy(content + state.offset, 1);
    }
  }
  ::operator delete(tags_, kTableAlignment);
  ::operator delete(rows_, kTableAlignment);
  tags_ = nullptr;
  rows_ = nullptr;
  mask_ = live_ = used_ = 0;
}

}  // namespace weir
