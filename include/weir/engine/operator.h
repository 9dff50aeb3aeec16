// Operator: the erased interface between a task and the typed operators of the SDK. One virtual call per batch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/record_batch.h>
#include <weir/engine/output.h>
#include <weir/runtime_context.h>

namespace weir {

class KeyedStateStore;

// The items of one operator's non-keyed state, by name: written at a snapshot, read at a restore.
class OperatorStateSink {
 public:
  // How items are dealt out when the parallelism changes.
  enum class Mode : uint8_t { kEvenSplit = 0, kUnion = 1, kBroadcast = 2 };
  virtual ~OperatorStateSink() = default;
  // Makes the name exist, with or without items, which `schema` describes. Requires: once per name and snapshot.
  virtual void Declare(std::string_view name, Mode mode, std::string_view schema) = 0;
  // Requires: the name was declared.
  virtual void Add(std::string_view name, std::string_view item) = 0;
};

struct RestoredOperatorState {
  std::string name;
  OperatorStateSink::Mode mode = OperatorStateSink::Mode::kEvenSplit;
  std::string schema;
  std::vector<std::string> items;
};

// The channels of an operator that hands out work (split enumerators). Thread: task.
class WorkDistributor {
 public:
  virtual ~WorkDistributor() = default;
  // A consumer subtask that waits for work, each request once.
  virtual std::optional<uint32_t> NextRequest() = 0;
  virtual void Assign(uint32_t consumer, RecordBatch work) = 0;
};

// What a task gives its operator; lives as long as the operator.
struct OperatorContext {
  OperatorContext(RuntimeContext& task_runtime, BatchSink& task_output) : runtime(task_runtime), output(task_output) {}

  RuntimeContext& runtime;
  BatchSink& output;
  BatchBounds output_bounds;                   // Of a batch of the output.
  uint32_t read_rows_max = 1;                  // Of source readers: rows of one Read.
  KeyedStateStore* keyed_state = nullptr;      // Of keyed operators.
  WorkDistributor* distributor = nullptr;      // Of split enumerators.
  std::function<void(uint32_t)> request_work;  // Of source readers: asks the enumerator for this many splits.
  std::function<void(int)> wake_on_readable;   // Wakes the task once when the file descriptor has input.
  // Rows of the side output with that id go there; null when nobody reads it. std::logic_error when its readers take another type.
  std::function<BatchSink*(const std::string& id, const TypeInfo& type)> side_output;
  std::function<int64_t()> processing_time_ms;           // The wall clock.
  // Calls OnProcessingTime once the wall clock shows this; the earliest request counts.
  std::function<void(int64_t time_ms)> request_processing_time;
  int64_t auto_watermark_interval_ms = 0;                // Of periodic watermarks; 0 = none.
  int64_t watermark_ms = INT64_MIN;                      // The last one before the restored checkpoint.
  std::function<std::vector<RestoredOperatorState>()> restored_operator_state;  // Its names are unique.
  // The operator was in the restored checkpoint, with or without state.
  std::optional<uint64_t> restored_checkpoint_id;
  bool restored() const { return restored_checkpoint_id.has_value(); }
  // Items of one restored operator state.
  std::vector<std::string> RestoredItems(std::string_view name) const;
  std::string job_id;
  std::string operator_id;
  std::string attempt;
};

struct SnapshotContext {
  uint64_t checkpoint_id = 0;
  int64_t timestamp_ms = 0;  // Wall clock of the trigger.
  OperatorStateSink& state;
};

// Proof that a checkpoint was published: only the engine's completion path makes one (R11).
class CommitPermit {
 public:
  uint64_t checkpoint_id() const { return checkpoint_id_; }

 private:
  friend class TaskCheckpoints;
  friend class CommitPermitForTests;
  explicit CommitPermit(uint64_t checkpoint_id) : checkpoint_id_(checkpoint_id) {}
  uint64_t checkpoint_id_;
};

enum class PollResult : uint8_t {
  kMore,  // Call again soon.
  kWait,  // Nothing until new input, work or a wake-up.
  kEnd,   // No more records, ever.
};

// All calls on the task's thread. Exceptions out of user code pass through and fail the attempt.
class Operator {
 public:
  virtual ~Operator() = default;
  // Before Open, on keyed operators: sets the store's layout. Restored state is loaded between the two.
  virtual void DeclareKeyedState(KeyedStateStore&) {}
  virtual void Open(OperatorContext& context) = 0;
  // May take the rows out of `batch`.
  virtual void ProcessBatch(RecordBatch& batch) = 0;
  // The same for the second input of an operator that has two.
  virtual void ProcessSecondBatch(RecordBatch& batch);
  // The watermark of all inputs has grown to this. What it makes due is emitted; yields the watermark to pass on, if any.
  virtual std::optional<int64_t> OnWatermark(int64_t watermark_ms) { return watermark_ms; }
  // The wall clock has reached a time that was asked for.
  virtual void OnProcessingTime(int64_t) {}
  // Heads that produce by themselves; others are never polled. Returns after about one batch. `inputs_drained`: no more
  // input will come.
  virtual PollResult Poll(bool inputs_drained) { return inputs_drained ? PollResult::kEnd : PollResult::kWait; }
  // All input was processed; emits what is left.
  virtual void Finish() {}
  virtual void Snapshot(SnapshotContext&) {}
  virtual void NotifyCheckpointComplete(const CommitPermit&) {}
  virtual void NotifyCheckpointAborted(uint64_t) {}
  virtual void Close() = 0;
};

}  // namespace weir
