// One record of a job's chain (R1). Layout: docs/formats.md, "chain record".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include <weir/core/status.h>

#include "base/ids.h"

namespace weir {

using ChainSlot = Id<struct ChainSlotTag, uint64_t>;  // 1, 2, 3 ...; 0 = before the first record.

// The leader of the record's epoch owns the chain from here on (R2).
struct TakeoverEntry {
  bool operator==(const TakeoverEntry&) const = default;
};

struct CheckpointEntry {
  CheckpointId id;
  AttemptId attempt;
  std::string metadata_path;
  uint64_t metadata_checksum = 0;  // XXH3-64 of the whole file (R5).
  bool operator==(const CheckpointEntry&) const = default;
};

// The job has ended; written before anything of it is deleted (R4, R8).
struct TerminalEntry {
  enum class State : uint8_t { kFinished = 1, kCanceled = 2, kFailed = 3 };
  State state = State::kFinished;
  std::string reason;
  bool operator==(const TerminalEntry&) const = default;
};

using ChainEntry = std::variant<TakeoverEntry, CheckpointEntry, TerminalEntry>;

struct ChainRecord {
  ChainSlot slot;
  LeaderEpoch epoch;             // Of the leader that wrote it (R3).
  uint64_t parent_checksum = 0;  // XXH3-64 of the whole encoded record before this one; 0 for slot 1.
  ChainEntry entry;
  bool operator==(const ChainRecord&) const = default;

  std::string Encode() const;
  static StatusOr<ChainRecord> Decode(std::string_view bytes);  // kCorruption
};

}  // namespace weir
