// A savepoint on disk: one directory with `_metadata` and all files that it names (docs/formats.md, "savepoint").
#pragma once

#include <string>

#include "base/file_system.h"
#include "state/checkpoint/checkpoint_metadata.h"
#include "state/checkpoint/checkpoint_storage.h"

namespace weir {

// Makes `<target>/savepoint-<6 hex digits of the job>-<12 random ones>` and returns its path. Blocks. kInvalidArgument for a
// target that is no absolute path, else what the file system says.
StatusOr<std::string> CreateSavepointDirectory(FileSystem& file_system, const std::string& target, JobId job);

// Completes the savepoint in `directory`: with its `_metadata` it exists, without it is nothing. A few tries. Blocks. Returns the
// length of the `_metadata`.
StatusOr<uint64_t> WriteSavepointMetadata(FileSystem& file_system, const CheckpointMetadata& metadata, const std::string& directory);

// Deletes what `snapshot` consists of: its `_metadata` first, so that nobody takes the rest for whole, then the files that it
// names, then its directory unless somebody else's files lie there. May be repeated. Blocks.
Status DeleteSnapshot(FileSystem& file_system, const LoadedCheckpoint& snapshot);

// The savepoint in `path` (a directory, or its `_metadata`), deleted. kInvalidArgument when there is a checkpoint, which belongs to
// its job; kNotFound, kCorruption. Blocks.
Status DisposeSavepoint(FileSystem& file_system, const std::string& path);

}  // namespace weir
