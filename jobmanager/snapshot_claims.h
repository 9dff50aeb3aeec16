// Which snapshots a job may start from while other jobs live: nobody deletes what another one needs (R18). Pure.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "state/checkpoint/checkpoint_metadata.h"

namespace weir {

// What a job that has not ended has to do with snapshots.
struct SnapshotUse {
  JobId job;
  std::string job_directory;               // <state.checkpoints.dir>/<job>: its own checkpoints.
  std::string restore_path;                // What it was submitted with; empty: nothing.
  bool claims = false;                     // It deletes that snapshot in its turn.
  std::string recovery_path;               // What a restart begins with; empty: nothing.
  std::vector<std::string> claimed_files;  // State files of the snapshot that it claims,
  std::vector<std::string> recovery_files;  // and of what a restart begins with.
};

// A snapshot that somebody is about to start from, or to delete.
struct SnapshotStart {
  std::string path;  // Its directory, or its _metadata.
  bool claims = false;
  const CheckpointMetadata* metadata = nullptr;  // Null before it was read: then only paths are compared.
};

// "/a/savepoint-1" of "/a/savepoint-1/_metadata", "/a//savepoint-1/" and "/a/./savepoint-1".
std::string SnapshotDirectoryOf(const std::string& path);

// kFailedPrecondition, with the job and the path: `use` has claimed the snapshot or files of it; or `start` claims it, and it is a
// checkpoint of that job, which deletes it itself, or that job would recover from it. A savepoint is nobody's checkpoint.
Status CheckSnapshotStart(const SnapshotStart& start, const SnapshotUse& use);

}  // namespace weir
