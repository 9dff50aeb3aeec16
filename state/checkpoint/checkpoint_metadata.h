// What a completed checkpoint is: which states of which subtasks make it up. Layout: docs/formats.md, "checkpoint metadata".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/savepoint_order.h"
#include "state/checkpoint/snapshot_format.h"
#include "state/checkpoint/state_handle.h"

namespace weir {

struct SubtaskCheckpoint {
  bool finished = false;  // The subtask had ended before the checkpoint began (R25); it has no state.
  TaskSnapshot snapshot;
  bool operator==(const SubtaskCheckpoint&) const = default;
};

// What an operator declared.
struct OperatorDescription {
  std::string name;
  std::string key_schema;             // Empty: it was not keyed.
  std::vector<SnapshotState> states;  // Its keyed states.
  bool operator==(const OperatorDescription&) const = default;
};

struct SavedOperator {
  OperatorId id;
  std::string uid;
  std::optional<OperatorDescription> description = std::nullopt;  // Unset before version 4.
  bool operator==(const SavedOperator&) const = default;
};

struct VertexCheckpoint {
  std::vector<SavedOperator> operators;  // Of the chain, head first.
  uint32_t parallelism = 1;
  uint32_t max_parallelism = 128;             // R20: fixed from here on.
  std::vector<SubtaskCheckpoint> subtasks;    // One per subtask.
  bool operator==(const VertexCheckpoint&) const = default;
};

struct CheckpointMetadata {
  JobId job_id;
  CheckpointId id;
  AttemptId attempt;
  int64_t timestamp_ms = 0;  // Wall clock when it was triggered.
  std::optional<SavepointFormat> savepoint;  // Unset: a checkpoint.
  std::vector<VertexCheckpoint> vertices;
  bool operator==(const CheckpointMetadata&) const = default;

  // Requires of a savepoint: NamedIn was called.
  std::string Encode() const;
  // Checks what later code relies on: counts, modes, ranges, at most 32768 subtasks a vertex. kCorruption.
  static StatusOr<CheckpointMetadata> Decode(std::string_view bytes);

  // A savepoint may be moved, so its encoded form names files, not paths. Of absolute paths: the names in `directory`.
  // kInternal when a file lies elsewhere.
  StatusOr<CheckpointMetadata> NamedIn(const std::string& directory) const;
  // The inverse, after Decode. Nothing for a checkpoint.
  void ResolveIn(const std::string& directory);

  // Paths of all files that the checkpoint needs besides its metadata: sorted, each once.
  std::vector<std::string> ReferencedFiles() const;
  uint64_t StateSizeBytes() const;
  // What was written for this checkpoint alone: inline state and files in `directory`, the checkpoint's.
  uint64_t WrittenBytes(const std::string& directory) const;
};

}  // namespace weir
