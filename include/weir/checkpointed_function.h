// What a function implements to keep operator state and to hear of checkpoints.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <weir/state/operator_state.h>

namespace weir {

struct FunctionSnapshotContext {
  uint64_t checkpoint_id = 0;
  int64_t checkpoint_timestamp_ms = 0;  // Wall clock of the trigger.
};

class FunctionInitializationContext {
 public:
  FunctionInitializationContext(OperatorStateStore& store, std::optional<uint64_t> restored_checkpoint_id)
      : store_(store), restored_checkpoint_id_(restored_checkpoint_id) {}
  // The operator was in the checkpoint or savepoint that the job starts from.
  bool IsRestored() const { return restored_checkpoint_id_.has_value(); }
  std::optional<uint64_t> RestoredCheckpointId() const { return restored_checkpoint_id_; }
  OperatorStateStore& OperatorState() { return store_; }

 private:
  OperatorStateStore& store_;
  const std::optional<uint64_t> restored_checkpoint_id_;
};

// A base beside the function's own one. Thread: task. An exception fails the attempt.
class CheckpointedFunction {
 public:
  virtual ~CheckpointedFunction() = default;
  // Before Open, at every start. Asks for its states here and keeps them.
  virtual void InitializeState(FunctionInitializationContext& context) = 0;
  // At each barrier, before the states are written: they must be complete when it returns. Nothing is cleared for it.
  virtual void SnapshotState(const FunctionSnapshotContext& context) = 0;
};

// The short form: one list of items, dealt out evenly when the parallelism changes.
template <class T>
class ListCheckpointed {
 public:
  using CheckpointedItem = T;
  virtual ~ListCheckpointed() = default;
  virtual std::vector<T> SnapshotState(uint64_t checkpoint_id, int64_t checkpoint_timestamp_ms) = 0;
  // Before Open, when the operator was in the restored checkpoint; with an empty list, too.
  virtual void RestoreState(std::vector<T> items) = 0;
};

// Subsuming: the completion of a checkpoint stands for all older ones, whose own notification may never come; an abort may
// never be told. Not called again after a restore. An exception fails the attempt, never the checkpoint. Thread: task.
class CheckpointListener {
 public:
  virtual ~CheckpointListener() = default;
  virtual void NotifyCheckpointComplete(uint64_t checkpoint_id) = 0;
  virtual void NotifyCheckpointAborted(uint64_t) {}
};

}  // namespace weir
