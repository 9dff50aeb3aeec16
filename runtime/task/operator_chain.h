// The operators of one task, linked head to tail, with their state.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/metrics.h"
#include "runtime/graph/job_graph.h"
#include "runtime/task/task_runtime_context.h"
#include "state/checkpoint/state_handle.h"
#include <weir/engine/operator.h>
#include <weir/engine/stream_graph.h>
#include <weir/state/cold_rows_factory.h>
#include <weir/state/keyed_state_store.h>

namespace weir {

// Thread: task. User code may throw out of Open, Process, Finish and Close.
class OperatorChain {
 public:
  struct Options {
    const JobVertex* vertex = nullptr;
    const std::vector<const StreamNode*>* nodes = nullptr;  // Parallel to vertex->chain.
    uint32_t subtask = 0;
    std::string job_name;
    std::string job_id;
    std::string attempt;
    uint32_t attempt_number = 0;
    const TaskSnapshot* restored_state = nullptr;
    FileSystem* files = nullptr;
    const Clock* clock = nullptr;             // By its wall time state expires.
    bool track_changes = false;               // Snapshots are incremental.
    ColdRowsFactory* cold_rows = nullptr;     // Null: keyed state is in memory, all of it.
    uint64_t cache_bytes_max = 0;             // Of one keyed operator's rows in memory before cold ones.
    MetricRegistry* metrics = nullptr;
    MetricLabels metric_labels;               // Of the task.
    WorkDistributor* distributor = nullptr;   // Of enumerators.
    std::optional<uint64_t> restored_checkpoint;  // Nothing for a fresh start.
    int64_t watermark_ms = INT64_MIN;             // Of the task, when the restored checkpoint was taken.
    std::function<BatchSink*(const std::string& id, const TypeInfo& type)> side_output;
    std::function<void(uint32_t)> request_work;
    std::function<void(int)> wake_on_readable;
    std::function<uint32_t(const TypeInfo&)> rows_per_batch;
    int64_t auto_watermark_interval_ms = 0;
    size_t batch_bytes_max = SIZE_MAX;  // What the rows of an output batch may own beyond their own size.
    bool tail_copies_rows = false;            // Each partition behind the chain does (ResultPartition::CopiesRows).
  };
  struct Link {
    const ChainedOperator* description = nullptr;
    std::unique_ptr<Operator> op;
    std::unique_ptr<KeyedStateStore> keyed_state;  // Of keyed operators.
    std::unique_ptr<MetricScope> metrics;
    std::unique_ptr<TaskRuntimeContext> runtime;
    std::unique_ptr<BatchSink> next;  // To the following operator; null at the tail.
  };

  // `tail` takes the output of the last operator.
  OperatorChain(Options options, BatchSink& tail);
  ~OperatorChain();

  // Restores and opens, tail first: an operator that emits in Open finds the next one open. kCorruption,
  // kFailedPrecondition (incompatible state) for what is wrong with the snapshot.
  Status Open();
  // `input` of the head: 0, or 1 for the second of two.
  void Process(RecordBatch& batch, uint8_t input) {
    Operator& head = *links_.front().op;
    input == 0 ? head.ProcessBatch(batch) : head.ProcessSecondBatch(batch);
  }
  // From operator to operator, and to the tail what the last one passes on.
  void AdvanceWatermark(int64_t watermark_ms) { AdvanceWatermark(0, watermark_ms); }
  // Calls the operators that asked for a wall-clock time that has come. Cheap when none has asked.
  void AdvanceProcessingTime();
  // Until the earliest time that was asked for, in ns, 0 when it is over; nothing when there is none.
  std::optional<int64_t> ProcessingTimeDueNs() const;
  PollResult Poll(bool inputs_drained) { return links_.front().op->Poll(inputs_drained); }
  // Head first: what an operator emits at its end passes through those behind it before they end.
  void Finish();
  // Every operator, also when one of them throws; the first exception goes on. Once.
  void Close();
  bool closed() const { return closed_; }  // Close was called, whether it threw or not.
  std::vector<Link>& links() { return links_; }
  // Why Open threw, when restored state could not be read: no fault of the user's code that asked for it.
  const Status& restore_failure() const { return restore_failure_; }
  // Name of the operator whose user code runs in Open, for error messages.
  const std::string& opening() const { return opening_; }

 private:
  class Next;

  void AdvanceWatermark(size_t link_index, int64_t watermark_ms);
  std::unique_ptr<OperatorContext> MakeContext(size_t link_index);
  Status AttachColdRows(Link& link);
  Status RestoreKeyedState(Link& link);
  StatusOr<std::vector<RestoredOperatorState>> RestoredOperatorStates(const ChainedOperator& op) const;
  const OperatorSubtaskState* RestoredStateOf(const ChainedOperator& op) const;

  const Options options_;
  BatchSink& tail_;
  std::vector<Link> links_;
  std::vector<std::unique_ptr<OperatorContext>> contexts_;
  int64_t processing_time_due_ms_ = INT64_MAX;  // The earliest that was asked for.
  std::string opening_;
  Status restore_failure_;
  bool closed_ = false;
};

}  // namespace weir
