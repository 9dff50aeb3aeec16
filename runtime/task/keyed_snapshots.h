// The snapshots of one keyed operator in one subtask, as far as they outlive a single checkpoint.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/thread_pool.h"
#include "state/checkpoint/snapshot_chain.h"
#include "state/checkpoint/snapshot_format.h"
#include "state/checkpoint/snapshot_writer.h"

namespace weir {

// Keeps the chain of base and deltas, and merges deltas in the background. A merged file must carry the name of a
// checkpoint that can still name it (retention.h), so it is made in memory and written with the next snapshot.
// Shared by the task and the snapshot pool, whichever ends later.
class KeyedSnapshots : public std::enable_shared_from_this<KeyedSnapshots> {
 public:
  KeyedSnapshots(SnapshotHeader header, SnapshotChain::Limits limits) : header_(std::move(header)), chain_(limits) {}

  const SnapshotHeader& header() const { return header_; }
  SnapshotChain& chain() { return chain_; }

  // ---- Thread: the strand of the task's uploads ----
  // Begins a merge on the pool when one is due and none is under way.
  void StartMergeIfDue(FileSystem& files, ThreadPool& pool);
  // Writes what a merge has made, if one is done: from now on snapshots stand on it.
  bool HasMerged() const;
  void WriteMerged(FileSystem& files, SnapshotFileWriter::Options options);

 private:

  const SnapshotHeader header_;
  SnapshotChain chain_;
  std::optional<SnapshotChain::Merge> merge_;  // Out on the pool, or made.
  mutable std::mutex mutex_;                   // Guards made_.
  std::optional<StatusOr<std::vector<SnapshotBlock>>> made_;
};

}  // namespace weir
