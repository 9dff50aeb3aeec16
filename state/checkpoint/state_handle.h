// State handles: what a subtask reports of its snapshot and what it gets to restore from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include <weir/core/status.h>

namespace weir {

// Bytes of a snapshot: in a durable file, or inline when they are few (state.storage.fs.memory-threshold).
struct StateBytes {
  std::string path;          // Absolute; empty = inline.
  std::string inline_bytes;  // Only when path is empty.
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;     // XXH3-64 of the whole content; of a keyed snapshot the one in its footer.
  bool operator==(const StateBytes&) const = default;
};

// Where a worker puts the bytes of its state.
struct StatePlacement {
  uint64_t inline_size_bytes_max = 20'480;  // More than that goes into a file (execution.checkpointing.data-inline-threshold),
  bool files = true;                        // or is an error: the JobManager keeps all of it (execution.checkpointing.storage).
};
// kResourceExhausted, with what to do: `size_bytes` is more than the placement takes without files.
Status CheckPlacement(const StatePlacement& placement, uint64_t size_bytes);

// Keyed state of a key-group range; format in docs/formats.md ("keyed snapshot").
struct KeyedStateHandle {
  KeyGroupRange key_groups;
  StateBytes bytes;
  bool operator==(const KeyedStateHandle&) const = default;
};

// How the items of an operator state are dealt out when the parallelism changes.
enum class RedistributionMode : uint8_t { kEvenSplit = 0, kUnion = 1, kBroadcast = 2 };

// One named operator state inside the bytes of a handle: where each of its items starts. An item ends where the
// next one (of any name) starts, or with the bytes.
struct OperatorStatePartition {
  std::string name;
  RedistributionMode mode = RedistributionMode::kEvenSplit;
  std::string schema;  // Of each item.
  struct Item {
    uint64_t offset = 0;
    uint64_t size_bytes = 0;
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  bool operator==(const OperatorStatePartition&) const = default;
};

struct OperatorStateHandle {
  std::vector<OperatorStatePartition> partitions;
  StateBytes bytes;
  bool operator==(const OperatorStateHandle&) const = default;
};

// All state of one operator in one subtask: what it snapshotted, or what it is to restore.
struct OperatorSubtaskState {
  OperatorId operator_id;
  std::vector<KeyedStateHandle> keyed;
  std::vector<OperatorStateHandle> operator_state;
  bool operator==(const OperatorSubtaskState&) const = default;
};

// What one subtask acknowledges: the states of the operators of its chain.
struct TaskSnapshot {
  std::vector<OperatorSubtaskState> operators;
  bool drained = false;  // All its input had been processed when the barrier passed (R25).
  int64_t watermark = INT64_MIN;  // R24: of the task's output when the barrier passed.
  bool operator==(const TaskSnapshot&) const = default;
  uint64_t SizeBytes() const {
    uint64_t sum = 0;
    for (const OperatorSubtaskState& state : operators) {
      for (const KeyedStateHandle& handle : state.keyed) sum += handle.bytes.size_bytes;
      for (const OperatorStateHandle& handle : state.operator_state) sum += handle.bytes.size_bytes;
    }
    return sum;
  }
};

}  // namespace weir
