// Merges consecutive deltas of one operator into one that does the same.
#pragma once

#include <vector>

#include "state/checkpoint/snapshot_reader.h"
#include "state/checkpoint/snapshot_writer.h"

namespace weir {

// Blocks by key group, ascending: for each unit the newest record of `deltas` (oldest first), tombstones included, since
// the base may still hold what they clear. Requires: at least one delta, and equal headers. Thread-safe; no I/O.
std::vector<SnapshotBlock> MergeDeltas(const std::vector<SnapshotReader>& deltas);

}  // namespace weir
