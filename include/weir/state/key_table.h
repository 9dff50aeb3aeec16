// Keyed state on the heap: one open-addressing table per key group, one row per key, one column per value state.
//
// A group is cut into segments by the upper bits of the hash (extendible hashing): growth moves the rows of one small
// segment, never those of a group, so that no record waits for a large rehash and memory grows in small steps.
// Tag of a slot (16 bits): 0 = empty, 1 = deleted, else bit 15 set, bits 14 and 13 belong to the snapshots
// (KeyedStateStore), bits 0..12 = hash bits 15..27. Position = hash bits 15..46 scaled to the slots, linear probing.
#pragma once

#include <emmintrin.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/type_info.h>
#include <weir/state/ttl_settings.h>

namespace weir {

class StateCell;
struct Schema;
using SchemaCompletion = void (*)(Schema& schema);

struct StateColumn {
  std::string name;
  const TypeInfo* type = nullptr;  // Of what stands in the row: the value; of a list or map, a pointer to its cell.
  uint32_t offset = 0;             // In the row.
  std::string kind = "value";      // As in a snapshot's header.
  std::string (*schema_of)() = nullptr;                     // Null: that of the type.
  std::unique_ptr<StateCell> (*make_cell)() = nullptr;      // Of lists and maps.
  TtlSettings ttl = {};
  SchemaCompletion complete_schema = nullptr;               // CompleteSchema<T> of the schema's type, for migrations.
  std::vector<std::string> former_names = {};               // In older snapshots.

  std::string Schema() const { return schema_of != nullptr ? schema_of() : type->schema(); }
  bool is_cell() const { return make_cell != nullptr; }
};

// [key][values of all columns][presence bits, one uint32], aligned for the strictest of them. With a single column that is
// a value, a row exists only while its value does, and there are no presence bits. Beside cells the values of a row have
// bits D and W of their own, which follow the presence bits.
struct RowLayout {
  static constexpr uint32_t kColumnsMax = 32;
  static constexpr uint32_t kColumnsMaxWithCells = 30;
  static constexpr uint32_t kValueBitsShift = 17;  // From the snapshot bits of a tag to those of a row's values.
  static constexpr uint32_t kValueBits = 3u << 30;
  const KeyOps* key = nullptr;
  std::vector<StateColumn> columns;
  bool has_cells = false;
  bool has_ttl = false;
  uint32_t presence_offset = 0;  // 0 = a single column, a value.
  uint32_t presence_mask = 0;    // The presence bits, without those of the snapshots.
  uint32_t size_bytes = 0;
  uint32_t packed_bytes = 0;       // Of key and value where a row begins with their encodings; 0 = it does not.
  uint32_t segment_slots_max = 0;  // A segment that large is split instead of grown.
  bool cached = false;             // Rows are a cache of others: segments have cache bits.

  static RowLayout For(const KeyOps& key, std::vector<StateColumn> columns);
  bool Present(const std::byte* row, uint32_t column) const {
    if (presence_offset == 0) return true;
    return (*reinterpret_cast<const uint32_t*>(row + presence_offset) >> column) & 1;
  }
};

// Slots of the keys whose hashes share their upper `depth` bits. Data of KeyTable.
struct KeySegment {
  static constexpr uint16_t kEmpty = 0;
  static constexpr uint16_t kDeleted = 1;
  static constexpr uint16_t kOccupied = 1u << 15;
  static constexpr uint16_t kSnapshotBits = 3u << 13;
  static constexpr uint16_t kHashMask = (1u << 13) - 1;
  static constexpr uint32_t kNone = UINT32_MAX;
  uint16_t* tags = nullptr;
  std::byte* rows = nullptr;
  uint32_t slots = 0;         // Where probes begin.
  uint32_t slot_end = 0;      // Some more, so that a probe never wraps; the tag at slot_end is always empty.
  uint32_t live = 0;          // Occupied slots.
  uint32_t used = 0;          // Occupied and deleted slots.
  uint32_t depth = 0;
  uint64_t first_prefix = 0;  // The lowest upper bits of its hashes, left-aligned: segments are walked in this order.
  uint8_t* cache_bits = nullptr;  // Of each slot, when the layout is cached; 0 for a new row (KeyedStateStore).

  static uint32_t HashBits(uint64_t hash) { return static_cast<uint32_t>(hash >> 15); }
  static uint16_t TagOf(uint64_t hash) { return static_cast<uint16_t>(kOccupied | (HashBits(hash) & kHashMask)); }
  uint32_t SlotOf(uint64_t hash) const { return static_cast<uint32_t>((uint64_t{HashBits(hash)} * slots) >> 32); }
  std::byte* row(uint32_t slot, uint32_t row_bytes) const { return rows + size_t{slot} * row_bytes; }
  bool occupied(uint32_t slot) const { return (tags[slot] & kOccupied) != 0; }

  // Slot of the key, kNone when absent. `equal(row)` compares keys. Looks at eight tags at a time: how long a probe is
  // costs no branch that is hard to predict.
  template <class Equal>
  uint32_t Find(uint64_t hash, uint32_t row_bytes, Equal&& equal) const {
    for (uint32_t slot = SlotOf(hash);; slot += kTagsPerStep) {
      const TagMatch found = Match(hash, slot);
      for (uint32_t matches = found.matches; matches != 0; matches &= matches - 1) {
        const uint32_t at = slot + static_cast<uint32_t>(__builtin_ctz(matches));
        if (equal(row(at, row_bytes))) [[likely]] return at;
      }
      if (found.ends) return kNone;
    }
  }
  // The slot where Find would look first, `slot` being SlotOf(hash): right nearly always when the key is there.
  uint32_t FirstMatch(uint64_t hash, uint32_t slot) const {
    const uint32_t matches = Match(hash, slot).matches;
    return matches != 0 ? slot + static_cast<uint32_t>(__builtin_ctz(matches)) : slot;
  }

 private:
  friend class KeyTable;
  static constexpr uint32_t kTagsPerStep = 8;  // Readable behind slot_end, too.

  struct TagMatch {
    uint32_t matches = 0;  // Bit i: the tag at slot + i matches, and no empty one lies before it.
    bool ends = false;     // An empty tag was among them.
  };
  TagMatch Match(uint64_t hash, uint32_t slot) const {
    __m128i found;
    std::memcpy(&found, tags + slot, sizeof(found));
    found = _mm_andnot_si128(_mm_set1_epi16(static_cast<int16_t>(kSnapshotBits)), found);
    const __m128i equal = _mm_cmpeq_epi16(found, _mm_set1_epi16(static_cast<int16_t>(TagOf(hash))));
    const __m128i empty = _mm_cmpeq_epi16(found, _mm_setzero_si128());
    // One bit per tag: 16-bit masks packed to bytes.
    const uint32_t bits = static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(equal, empty)));
    const uint32_t empties = bits >> 8;
    return {bits & 0xff & ((empties & -empties) - 1), empties != 0};
  }
};

// Where a key probably is. Void once any row of its store has moved.
struct KeyHint {
  KeySegment* segment;
  uint32_t slot;
};

// One key group. Thread: task.
class KeyTable {
 public:
  KeyTable();
  KeyTable(KeyTable&&) noexcept;
  ~KeyTable();

  KeySegment& Segment(uint64_t hash) const { return *directory_[(hash >> 1) >> directory_shift_]; }
  uint64_t size() const;
  size_t allocated_bytes(const RowLayout& layout) const;

  // ---- Segments in walking order ----
  KeySegment* First() const { return directory_[0]; }
  KeySegment* Next(const KeySegment& segment) const;  // Null behind the last one.

  // ---- Changes ----
  // Makes all segments for `rows` rows at once: as many rows whose hashes are spread evenly go in without growth. Their
  // slots are then 55 % full or more, unless a row is larger than 512 bytes. Requires: no rows are there.
  void Reserve(uint64_t rows, const RowLayout& layout);
  // A free slot for a key that is absent, its tag set with `bits` of the snapshot; the caller constructs the row. kNone
  // when the segment has to grow first.
  static uint32_t TryInsert(KeySegment& segment, uint64_t hash, uint16_t bits);
  // Makes room in the segment of `hash`: moves its rows to a larger one, or to two.
  void Grow(uint64_t hash, const RowLayout& layout);
  // The caller destroyed the row's content.
  static void Erase(KeySegment& segment, uint32_t slot);
  void Destroy(const RowLayout& layout);
  // Destroys the last segment; true when it was the only one. Then, and only then, the table can be used again.
  bool DestroyLast(const RowLayout& layout);

 private:
  KeySegment* MakeFrom(KeySegment& old, uint32_t depth, uint64_t first_prefix, uint32_t slots, const RowLayout& layout);
  void Publish(KeySegment* segment);
  void DoubleDirectory();

  std::vector<KeySegment*> directory_;  // 2^depth entries, owned; a segment of lower depth stands in several.
  uint32_t directory_shift_ = 63;       // 63 - depth of the directory.
};

}  // namespace weir
