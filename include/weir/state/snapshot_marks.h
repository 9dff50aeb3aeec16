// The two bits that rows, lists, maps and their units carry for snapshots. The protocol: docs/architecture.md, "State".
#pragma once

#include <cstdint>

namespace weir {

enum class SnapshotWalk : uint8_t { kNone, kFull, kDelta };

// What the bits mean now. D: written since the last barrier. W: clear between snapshots; during a delta, still to be
// written; during a full snapshot, ahead of the cursor, written already (or born since). The barrier of a delta swaps the
// two for everything at once. A full snapshot does not: ahead of its cursor D is stale, and the cursor does D := W, W := 0
// as it passes.
struct SnapshotMarks {
  uint16_t dirty = 1u << 14;  // D.
  uint16_t walk = 1u << 13;   // W.
  bool tracking = false;      // Deltas will be taken.
  SnapshotWalk walking = SnapshotWalk::kNone;

  // Whether the running walk must save what `bits` belong to before it changes. `ahead` of its cursor: for full walks.
  bool NeedSaving(uint16_t bits, bool ahead) const {
    const bool marked = (bits & walk) != 0;
    return walking == SnapshotWalk::kDelta ? marked : walking == SnapshotWalk::kFull && !marked && ahead;
  }
  // Whether the cursor, as it passes, writes what `bits` belong to. Requires: a walk is running.
  bool NeedWriting(uint16_t bits) const { return ((bits & walk) != 0) == (walking == SnapshotWalk::kDelta); }
  // The bits behind the cursor; what else `bits` holds stays.
  uint16_t Passed(uint16_t bits) const {
    const uint16_t rest = static_cast<uint16_t>(bits & ~walk);
    if (walking != SnapshotWalk::kFull) return rest;
    return static_cast<uint16_t>((bits & walk) != 0 ? rest | dirty : rest & ~dirty);
  }
  // The bits of what is born now: ahead of the cursor it is not part of the running full snapshot.
  uint16_t Born(bool ahead) const {
    return static_cast<uint16_t>((tracking ? dirty : 0) | (walking == SnapshotWalk::kFull && ahead ? walk : 0));
  }
};

}  // namespace weir
