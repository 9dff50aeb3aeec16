// Which files of a job may be deleted (R18).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "state/checkpoint/checkpoint_storage.h"

namespace weir {

// The files that a retained chain record stands for.
struct RetainedCheckpoint {
  CheckpointId id;
  std::string metadata_path;
  std::vector<std::string> files;  // CheckpointMetadata::ReferencedFiles.
};

struct PresentFile {
  std::string path;
  int64_t unreferenced_since_ms = 0;  // When the owner first saw it without a use; monotonic.
};

struct RetentionFacts {
  std::vector<RetainedCheckpoint> retained;  // Newest last; all of the chain's records that are kept.
  std::vector<CheckpointId> pending;         // Triggered, neither published nor known to have failed.
  std::vector<PresentFile> present;          // Listed below the job directory.
  AttemptId running;                         // The newest attempt that was deployed.
  bool ended = false;                        // The job has: nothing will be written or named any more.
  int64_t now_ms = 0;
  int64_t grace_ms = 0;
};

// Only for the owner of the chain. A file is deletable when it is a state file or _metadata of this job (lineage), in no
// retained checkpoint's file set, of no pending checkpoint, beyond use by later snapshots (see below), and the grace period is over.
//
// A file carries the id of the first checkpoint that may name it, and a snapshot names every delta since its base. So
// what the newest retained checkpoint does not name, and is not newer than it, no later snapshot will name. Files newer
// than it stay while the attempt that wrote them runs, though their own checkpoint was aborted.
//
// An unpublished file (NameBehindTemporary) is still being written, or was left by a process that was killed. It stays
// while its attempt runs, since a merge of deltas may last for several checkpoints; a _metadata until it or a newer one
// is retained.
//
// When the job has ended, what no retained checkpoint names goes, files of its last attempt too.
std::vector<std::string> DeletableFiles(const CheckpointLayout& layout, const RetentionFacts& facts);

}  // namespace weir
