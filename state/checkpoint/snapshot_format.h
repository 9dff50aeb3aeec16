// The parts of the keyed snapshot file that writer and reader share. Layout: docs/formats.md, "keyed snapshot".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/status.h>

#include "base/ids.h"

namespace weir {

inline constexpr std::string_view kSnapshotMagic = "WEIRKEYS";
inline constexpr std::string_view kSnapshotEndMagic = "WEIRKEND";
inline constexpr std::string_view kSnapshotHashName = "xxh3-64";
inline constexpr uint32_t kSnapshotVersion = 2;
inline constexpr uint32_t kSnapshotBlockMagic = 0x4b4c4257;
inline constexpr uint32_t kSnapshotPackedMagic = 0x4b4c4250;
inline constexpr size_t kSnapshotBlockHeaderBytes = 16;
inline constexpr size_t kSnapshotFooterBytes = 40;
inline constexpr size_t kSnapshotBlockBytesTarget = 64 * 1024;
inline constexpr size_t kSnapshotRecordBytesMin = 4;  // A tombstone of an empty key.
inline constexpr size_t kSnapshotIndexEntryBytes = 20;
inline constexpr uint64_t kSnapshotBlockBytesMax = uint64_t{1} << 31;

// The options of a state with a time-to-live: the time of last access is part of its bytes.
inline constexpr std::string_view kTtlOption = "ttl";

// One state of an operator as its snapshot describes it (R22, R26).
struct SnapshotState {
  std::string name;
  std::string kind;     // "value", "list", "map", "reducing", "aggregating", "timer".
  std::string schema;   // Canonical text.
  std::string options;  // What changes the meaning of the bytes: TTL, merge operator, comparator.
  bool operator==(const SnapshotState&) const = default;
};

struct SnapshotHeader {
  std::string hash_name{kSnapshotHashName};
  uint32_t max_parallelism = 128;
  KeyGroupRange key_groups;  // Blocks of other key groups are refused.
  std::string key_schema;
  std::vector<SnapshotState> states;  // A record names its state by its index here.
  bool operator==(const SnapshotHeader&) const = default;

  std::string Encode() const;  // From the magic to the checksum.
  // `size_bytes` gets the length of the encoded header at the beginning of `file`.
  static StatusOr<SnapshotHeader> Decode(std::string_view file, size_t* size_bytes);
};

enum class SnapshotRecordKind : uint8_t { kValue = 0, kTombstone = 1, kRangeTombstone = 2 };

// Views into the bytes of the snapshot.
struct SnapshotRecord {
  uint32_t state_index = 0;
  SnapshotRecordKind kind = SnapshotRecordKind::kValue;
  std::string_view key;
  std::string_view name_space;
  std::string_view value;  // Empty unless kValue.
  bool operator==(const SnapshotRecord&) const = default;
};

// What all records of a packed block have in common; none has a namespace, all are values.
struct PackedShape {
  uint32_t state_index = 0;
  uint32_t key_bytes = 0;
  uint32_t value_bytes = 0;
  uint32_t record_bytes() const { return key_bytes + value_bytes; }
};
inline constexpr size_t kPackedShapeBytes = 12;

// Where a block lies in its file.
struct SnapshotBlockEntry {
  uint32_t key_group = 0;
  uint64_t offset = 0;
  uint32_t size_bytes = 0;  // Header and checksum included.
  uint32_t record_count = 0;
};

}  // namespace weir
