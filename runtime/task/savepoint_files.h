// Makes the files of a savepoint out of the snapshot that was taken at its barrier.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/savepoint_order.h"
#include "state/checkpoint/snapshot_format.h"
#include "state/checkpoint/snapshot_writer.h"
#include "state/checkpoint/state_handle.h"

namespace weir {

// The name of `checkpoint_file` in the savepoint's directory.
std::string SavepointFilePath(const SavepointOrder& order, const std::string& checkpoint_file);

// Thread-compatible: on the snapshot pool. Blocks. kCancelled once `cancelled` is set; kCorruption when a part is damaged.
class SavepointFiles {
 public:
  // Both outlive it.
  SavepointFiles(FileSystem& files, const std::atomic<bool>& cancelled) : files_(files), cancelled_(cancelled) {}

  // One keyed snapshot with the newest value of each unit, by key group, without tombstones. `parts`: base first, newest delta last.
  StatusOr<std::vector<KeyedStateHandle>> MakeCanonical(const SnapshotHeader& header, const std::vector<KeyedStateHandle>& parts,
                                                        SnapshotFileWriter::Options file);
  // The parts as they are: linked, or copied to where that cannot be done. `next_file` names one file after the other.
  StatusOr<std::vector<KeyedStateHandle>> MakeNative(const std::vector<KeyedStateHandle>& parts, const std::function<SnapshotFileWriter::Options()>& next_file);

 private:
  Status CheckWanted() const;

  FileSystem& files_;
  const std::atomic<bool>& cancelled_;
};

}  // namespace weir
