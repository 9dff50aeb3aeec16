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
// checkpoint that can still name it (retention.h), so it is published with the next snapshot, and temporary until then.
// Shared by the task and the snapshot pool, whichever ends later.
class KeyedSnapshots : public std::enable_shared_from_this<KeyedSnapshots> {
 public:
  KeyedSnapshots(SnapshotHeader header, SnapshotChain::Limits limits) : header_(std::move(header)), chain_(limits) {}

  const SnapshotHeader& header() const { return header_; }
  SnapshotChain& chain() { return chain_; }

  // ---- Thread: the strand of the task's uploads ----
  // Begins a merge on the pool when one is due and none is under way. `options` has the path that the file would have by now.
  void StartMergeIfDue(FileSystem& files, ThreadPool& pool, SnapshotFileWriter::Options options);
  // Whether a merge is done, well or not.
  bool HasMerged() const;
  // Requires: HasMerged. Publishes what was made under `path`: from now on snapshots stand on it.
  void PublishMerged(const std::string& path);

 private:
  const SnapshotHeader header_;
  SnapshotChain chain_;
  std::optional<SnapshotChain::Merge> merge_;  // Out on the pool, or made.
  mutable std::mutex mutex_;                   // Guards made_.
  std::optional<StatusOr<std::unique_ptr<SnapshotFileWriter>>> made_;
};

}  // namespace weir
