#include <weir/state/key_table.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include "base/check.h"

namespace weir {
namespace {

constexpr std::align_val_t kTableAlignment{64};
constexpr uint32_t kSlotsMin = 8;
// Beyond so many slots or bytes a segment is split: about 100 us of moving at most.
constexpr uint32_t kSlotsMax = 8'192;
constexpr uint32_t kSegmentBytesMax = 256 * 1024;
constexpr uint32_t kDoublingSlotsMax = 2'048;
// Reserved segments of large rows may be larger than grown ones: the fewer rows, the more their number varies.
constexpr uint32_t kReservedSlotsMax = 1'024;
constexpr uint32_t kReservedBytesMax = 1024 * 1024;
// With cells a row may take 50 times as long to pass, and the rest of a segment is passed at once when it has to grow.
constexpr uint32_t kSlotsMaxWithCells = 512;
constexpr uint32_t kTagsBehind = 8;  // Empty ones behind the last slot, since tags are read eight at a time.
constexpr uint32_t kDirectoryDepthMax = 17;  // Hash bits 47..63; those below are the position's.

uint32_t AlignUp(uint32_t offset, uint32_t alignment) { return (offset + alignment - 1) / alignment * alignment; }

// Room behind the last slot for probes that begin near it.
uint32_t SlotEnd(uint32_t slots) { return slots + std::min(48u, slots / 2); }

size_t RowBytes(uint32_t slots, uint32_t row_bytes) { return (size_t{SlotEnd(slots)} * row_bytes + 63) / 64 * 64; }

size_t TagBytes(uint32_t slots) { return (size_t{SlotEnd(slots)} + kTagsBehind) * sizeof(uint16_t); }

size_t SegmentBytes(uint32_t slots, const RowLayout& layout) {
  return RowBytes(slots, layout.size_bytes) + TagBytes(slots) + (layout.cached ? SlotEnd(slots) : 0);
}

// A miss looks at some 13 tags at this load, a hit at 3.
bool IsOverloaded(uint64_t used, uint64_t slots) { return used * 16 > slots * 13; }

uint64_t SlotsFor(uint64_t rows) { return (rows * 16 + 12) / 13; }

// What every group begins with: nothing is found in it, nothing fits into it.
// Shared by all threads: never written.
uint16_t no_tags[kTagsBehind] = {};
constinit KeySegment no_segment{.tags = no_tags};

KeySegment* NewSegment(uint32_t slots, uint32_t depth, uint64_t first_prefix, const RowLayout& layout) {
  auto* const segment = new KeySegment;
  segment->slots = slots;
  segment->slot_end = SlotEnd(slots);
  segment->depth = depth;
  segment->first_prefix = first_prefix;
  segment->rows = static_cast<std::byte*>(::operator new(SegmentBytes(slots, layout), kTableAlignment));
  segment->tags = reinterpret_cast<uint16_t*>(segment->rows + RowBytes(slots, layout.size_bytes));
  std::memset(segment->tags, 0, TagBytes(slots));
  if (layout.cached) segment->cache_bits = reinterpret_cast<uint8_t*>(segment->tags) + TagBytes(slots);
  return segment;
}

void FreeSegment(KeySegment* segment) {
  if (segment == &no_segment) return;
  ::operator delete(segment->rows, kTableAlignment);
  delete segment;
}

void MoveRow(std::byte* target, std::byte* source, const RowLayout& layout) {
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

void DestroyRow(std::byte* content, const RowLayout& layout) {
  layout.key->type->destroy(content, 1);
  for (uint32_t column = 0; column < layout.columns.size(); ++column) {
    const StateColumn& state = layout.columns[column];
    if (layout.Present(content, column)) state.type->destroy(content + state.offset, 1);
  }
}

// The next size of a segment with so many live rows: in small steps once it is large, so that slots are never idle in
// number; the same size when only deleted marks filled it.
uint32_t GrownSlots(const KeySegment& segment) {
  if (segment.slots == 0) return kSlotsMin;
  if (segment.live <= segment.slots / 2 && segment.used > segment.slots / 4 * 3) return segment.slots;
  return segment.slots < kDoublingSlotsMax ? segment.slots * 2 : segment.slots + segment.slots / 4;
}

}  // namespace

RowLayout RowLayout::For(const KeyOps& key, std::vector<StateColumn> columns) {
  RowLayout layout;
  layout.has_cells = std::any_of(columns.begin(), columns.end(), [](const StateColumn& column) { return column.is_cell(); });
  layout.has_ttl = std::any_of(columns.begin(), columns.end(), [](const StateColumn& column) { return column.ttl.on(); });
  CHECK(columns.size() <= (layout.has_cells ? kColumnsMaxWithCells : kColumnsMax));
  layout.presence_mask = static_cast<uint32_t>((uint64_t{1} << columns.size()) - 1);
  layout.key = &key;
  uint32_t offset = key.type->size_bytes;
  uint32_t alignment = key.type->alignment;
  for (StateColumn& column : columns) {
    column.offset = AlignUp(offset, column.type->alignment);
    offset = column.offset + column.type->size_bytes;
    alignment = std::max(alignment, column.type->alignment);
  }
  if (columns.size() != 1 || layout.has_cells) {
    alignment = std::max<uint32_t>(alignment, alignof(uint32_t));
    layout.presence_offset = AlignUp(offset, alignof(uint32_t));
    offset = layout.presence_offset + sizeof(uint32_t);
  }
  layout.size_bytes = AlignUp(offset, alignment);
  constexpr uint32_t kPackedBytesMin = 8;  // A reader bounds the number of records by the size of their block.
  constexpr uint32_t kPackedBytesMax = 4'096;
  // With a time-to-live each row is looked at: what has expired is not written.
  const bool one_value = columns.size() == 1 && !layout.has_cells && !columns[0].ttl.on();
  if (one_value && offset >= kPackedBytesMin && offset <= kPackedBytesMax && key.type->image && columns[0].type->image &&
      columns[0].offset == key.type->size_bytes) {
    layout.packed_bytes = offset;
  }
  layout.segment_slots_max = std::clamp(kSegmentBytesMax / std::max(1u, layout.size_bytes), 64u, layout.has_cells ? kSlotsMaxWithCells : kSlotsMax);
  layout.columns = std::move(columns);
  return layout;
}

KeyTable::KeyTable() : directory_{&no_segment} {}

KeyTable::KeyTable(KeyTable&& other) noexcept
    : directory_(std::exchange(other.directory_, {&no_segment})), directory_shift_(std::exchange(other.directory_shift_, 63)) {}

KeyTable::~KeyTable() { CHECK(directory_.size() == 1 && directory_[0] == &no_segment); }

KeySegment* KeyTable::Next(const KeySegment& segment) const {
  const uint64_t span = uint64_t{1} << (63 - directory_shift_ - segment.depth);  // Entries that stand for it.
  const uint64_t index = ((segment.first_prefix >> 1) >> directory_shift_) + span;
  return index < directory_.size() ? directory_[index] : nullptr;
}

uint64_t KeyTable::size() const {
  uint64_t sum = 0;
  for (const KeySegment* segment = First(); segment != nullptr; segment = Next(*segment)) sum += segment->live;
  return sum;
}

size_t KeyTable::allocated_bytes(const RowLayout& layout) const {
  size_t sum = directory_.capacity() * sizeof(KeySegment*);
  for (const KeySegment* segment = First(); segment != nullptr; segment = Next(*segment)) {
    if (segment->slots != 0) sum += sizeof(KeySegment) + SegmentBytes(segment->slots, layout);
  }
  return sum;
}

uint32_t KeyTable::TryInsert(KeySegment& segment, uint64_t hash, uint16_t bits) {
  uint32_t slot = segment.SlotOf(hash);
  while (slot < segment.slot_end && segment.occupied(slot)) ++slot;
  if (slot >= segment.slot_end) return KeySegment::kNone;
  // A deleted mark is used again whatever the load: a key that is cleared and set while all are visited never moves a row.
  if (segment.tags[slot] == KeySegment::kEmpty) {
    if (IsOverloaded(uint64_t{segment.used} + 1, segment.slots)) return KeySegment::kNone;
    ++segment.used;
  }
  ++segment.live;
  segment.tags[slot] = static_cast<uint16_t>(KeySegment::TagOf(hash) | bits);
  if (segment.cache_bits != nullptr) segment.cache_bits[slot] = 0;
  return slot;
}

void KeyTable::Erase(KeySegment& segment, uint32_t slot) {
  DCHECK(segment.occupied(slot));
  segment.tags[slot] = KeySegment::kDeleted;
  --segment.live;
}

void KeyTable::Reserve(uint64_t rows, const RowLayout& layout) {
  CHECK(size() == 0);
  Destroy(layout);
  if (rows == 0) return;
  const uint32_t slots_max = std::max(layout.segment_slots_max, std::min(kReservedSlotsMax, kReservedBytesMax / std::max(1u, layout.size_bytes)));
  uint32_t depth = 0;
  uint64_t rows_max = rows;  // In one segment: with several of them six standard deviations above the mean.
  while (SlotsFor(rows_max) > slots_max && depth < kDirectoryDepthMax) {
    const double mean = std::ldexp(static_cast<double>(rows), -static_cast<int>(++depth));
    rows_max = static_cast<uint64_t>(mean + 6 * std::sqrt(mean)) + 6;
  }
  const uint64_t slots = std::clamp<uint64_t>(SlotsFor(rows_max), kSlotsMin, kSlotsMax * 16);  // Less only for billions of rows in one group.
  directory_.assign(size_t{1} << depth, nullptr);
  directory_shift_ = 63 - depth;
  for (size_t i = 0; i < directory_.size(); ++i) {
    const uint64_t first_prefix = depth == 0 ? 0 : i << (64 - depth);
    directory_[i] = NewSegment(static_cast<uint32_t>(slots), depth, first_prefix, layout);
  }
}

void KeyTable::Grow(uint64_t hash, const RowLayout& layout) {
  KeySegment& old = Segment(hash);
  if (old.slots >= layout.segment_slots_max && old.live > old.slots / 2 && old.depth < kDirectoryDepthMax) {
    if (old.depth == 63 - directory_shift_) DoubleDirectory();
    const uint32_t depth = old.depth + 1;
    const uint64_t upper_prefix = old.first_prefix | (uint64_t{1} << (64 - depth));
    const uint32_t slots = old.live / 2 / 2 * 3;
    KeySegment* const lower = MakeFrom(old, depth, old.first_prefix, slots, layout);
    Publish(MakeFrom(old, depth, upper_prefix, slots, layout));
    Publish(lower);
  } else {
    Publish(MakeFrom(old, old.depth, old.first_prefix, GrownSlots(old), layout));
  }
  FreeSegment(&old);
}

// Moves the rows of `old` whose hashes begin with the prefix to a new segment of at least `slots`.
KeySegment* KeyTable::MakeFrom(KeySegment& old, uint32_t depth, uint64_t first_prefix, uint32_t slots, const RowLayout& layout) {
  struct Move {
    uint32_t from;
    uint32_t to;
    uint64_t hash;
  };
  std::vector<Move> moves;
  moves.reserve(old.live);
  for (uint32_t slot = 0; slot < old.slot_end; ++slot) {
    if (!old.occupied(slot)) continue;
    const uint64_t hash = layout.key->hash(old.row(slot, layout.size_bytes));
    if (((hash ^ first_prefix) >> 1) >> (63 - depth) == 0) moves.push_back({slot, 0, hash});
  }
  // All rows find their places before one moves: a crowded end asks for more slots.
  const auto fits = [&](KeySegment& segment) {
    return std::all_of(moves.begin(), moves.end(), [&](Move& move) {
      move.to = TryInsert(segment, move.hash, old.tags[move.from] & KeySegment::kSnapshotBits);
      return move.to != KeySegment::kNone;
    });
  };
  KeySegment* made = NewSegment(std::max(slots, kSlotsMin), depth, first_prefix, layout);
  while (!fits(*made)) {
    const uint32_t more = made->slots + made->slots / 4;
    FreeSegment(made);
    made = NewSegment(more, depth, first_prefix, layout);
  }
  for (const Move& move : moves) {
    MoveRow(made->row(move.to, layout.size_bytes), old.row(move.from, layout.size_bytes), layout);
    if (layout.cached) made->cache_bits[move.to] = old.cache_bits[move.from];
  }
  return made;
}

void KeyTable::Publish(KeySegment* segment) {
  const uint64_t first = (segment->first_prefix >> 1) >> directory_shift_;
  const uint64_t span = uint64_t{1} << (63 - directory_shift_ - segment->depth);
  std::fill_n(directory_.begin() + static_cast<ptrdiff_t>(first), span, segment);
}

void KeyTable::DoubleDirectory() {
  std::vector<KeySegment*> doubled;
  doubled.reserve(directory_.size() * 2);
  for (KeySegment* const segment : directory_) doubled.insert(doubled.end(), 2, segment);
  directory_ = std::move(doubled);
  --directory_shift_;
}

void KeyTable::Destroy(const RowLayout& layout) {
  while (!DestroyLast(layout)) {
  }
}

bool KeyTable::DestroyLast(const RowLayout& layout) {
  KeySegment* const segment = directory_.back();
  for (uint32_t slot = 0; slot < segment->slot_end; ++slot) {
    if (segment->occupied(slot)) DestroyRow(segment->row(slot, layout.size_bytes), layout);
  }
  // Segments stand in the directory in their order.
  directory_.resize(directory_.size() - (uint64_t{1} << (63 - directory_shift_ - segment->depth)));
  FreeSegment(segment);
  if (!directory_.empty()) return false;
  directory_.assign(1, &no_segment);
  directory_shift_ = 63;
  return true;
}

}  // namespace weir
