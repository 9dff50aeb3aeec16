// Merges consecutive snapshots of one operator into one that does the same.
#pragma once

#include <functional>
#include <vector>

#include "state/checkpoint/snapshot_reader.h"
#include "state/checkpoint/snapshot_writer.h"

namespace weir {

// Takes the blocks of the result, key groups ascending. Its error ends the merge.
using SnapshotBlockConsumer = std::function<Status(SnapshotBlock)>;

// Both hold one key group of all their snapshots at a time, however large the whole is. Their snapshots (at least one) are
// given oldest first and have equal headers; else kCorruption, as for any damage. Thread-safe. Block on reads.

// For each unit its newest record, tombstones included, since the base may still hold what they clear.
Status MergeDeltas(const std::vector<SnapshotReader>& deltas, const SnapshotBlockConsumer& consume);

// A base and all deltas since it, as a new base: the values that are left, by key, state and namespace.
Status MergeIntoBase(const std::vector<SnapshotReader>& base_and_deltas, const SnapshotBlockConsumer& consume);

// What they come to: each unit that is left, with its newest value, key group by key group; within one in no order. Ends with the
// first error of `visit`; the record is valid only during its call. Memory: one block of the base, which holds each unit once, and the
// deltas of one key group. Errors as above.
using UnitVisitor = std::function<Status(uint32_t key_group, const SnapshotRecord& record)>;
Status ForEachUnit(const std::vector<SnapshotReader>& base_and_deltas, KeyGroupRange key_groups, const UnitVisitor& visit);

}  // namespace weir
