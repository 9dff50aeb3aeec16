// Where the files of a job's checkpoints lie, and how they are published and loaded.
#pragma once

#include <string>

#include "base/file_system.h"
#include "base/ids.h"
#include "state/checkpoint/chain_record.h"
#include "state/checkpoint/checkpoint_metadata.h"

namespace weir {

// Paths below `<state.checkpoints.dir>/<job>`. Immutable.
class CheckpointLayout {
 public:
  // Requires: `checkpoints_directory` is absolute.
  CheckpointLayout(std::string checkpoints_directory, JobId job_id);

  const std::string& job_directory() const { return job_directory_; }
  std::string CheckpointDirectory(CheckpointId id) const;     // <job>/chk-<id>
  std::string MetadataPath(CheckpointId id) const;            // <job>/chk-<id>/_metadata
  std::string ChainDirectory() const;                         // <job>/chain
  std::string ChainRecordPath(ChainSlot slot) const;          // <job>/chain/<20 digits>
  std::string ChainPrunedPath(uint64_t block) const;          // <job>/chain/pruned/<20 digits>

  struct StateFile {
    CheckpointId checkpoint;  // The first one that may name the file.
    AttemptId attempt;
    SubtaskId subtask;
    uint32_t operator_index = 0;  // In the chain of the vertex.
    uint32_t sequence = 0;        // Within the snapshot.
    bool operator==(const StateFile&) const = default;
  };
  // Names carry attempt and subtask, so that a zombie overwrites nothing (R9).
  std::string StateFilePath(const StateFile& file) const;
  // The inverse; kInvalidArgument for any other path.
  StatusOr<StateFile> ParseStateFilePath(const std::string& path) const;

  // <job> of a `chk-` directory name, e.g. "chk-17" -> 17; kInvalidArgument for any other name.
  static StatusOr<CheckpointId> ParseCheckpointDirectoryName(std::string_view name);

 private:
  std::string job_directory_;
};

// What one try of an exclusive write has shown (R5).
enum class ExclusiveWrite : uint8_t {
  kCreated,       // Ours now.
  kExistsEqual,   // The same content was there: an earlier try of ours succeeded.
  kExistsOther,   // Somebody else's content is there and stays.
  kUnknown,       // It may or may not have happened: try again with the same content, delete nothing.
};
struct ExclusiveWriteResult {
  ExclusiveWrite outcome = ExclusiveWrite::kUnknown;
  Status error;          // Of kUnknown.
  std::string existing;  // Of kExistsOther.
};
// One try. Blocks.
ExclusiveWriteResult TryWriteExclusive(FileSystem& file_system, const std::string& path, std::string_view content);

struct LoadedCheckpoint {
  CheckpointMetadata metadata;
  std::string metadata_path;
  uint64_t metadata_checksum = 0;
};
// From a checkpoint or savepoint directory or its _metadata. Blocks. kNotFound, kUnavailable (R7: wait and retry),
// kCorruption (R7: stop).
StatusOr<LoadedCheckpoint> LoadCheckpoint(FileSystem& file_system, const std::string& path);

// The same for what a chain record names; content other than the recorded one is kCorruption (R5, R7).
StatusOr<LoadedCheckpoint> LoadCheckpoint(FileSystem& file_system, const CheckpointEntry& entry);

// The highest id of a chk- directory of the job, 0 if there is none: ids only grow, so a leader starts above it. Blocks.
StatusOr<CheckpointId> HighestCheckpointDirectory(FileSystem& file_system, const CheckpointLayout& layout);

}  // namespace weir
