// A simulated task: source with a position, keyed count, or exactly-once sink; channels with barriers, aligned.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <weir/engine/pending_commits.h>

#include "jobmanager/checkpoint_coordinator.h"
#include "jobmanager/scheduler_events.h"
#include "runtime/graph/state_assignment.h"
#include "runtime/task/barrier_aligner.h"
#include "tests/sim/sim_context.h"

namespace weir::sim {

// What a TaskManager tells its leader.
using TaskManagerMessage = std::variant<SchedulerEvent::WorkerReady, SchedulerEvent::WorkerFailed, SchedulerEvent::TasksCancelled,
                                        SchedulerEvent::TaskChanged, CoordinatorEvent::Acknowledged, CoordinatorEvent::Declined>;

struct Element {
  enum class Kind : uint8_t { kRow, kBarrier, kEndOfData, kEndOfInput };
  Kind kind = Kind::kRow;
  Row row;
  CheckpointId checkpoint;
  std::optional<SavepointRequest> savepoint = {};  // Of a barrier.
};

// The channels of one attempt, by edge, producer and consumer. Broken for good when any of its workers goes.
struct Net {
  explicit Net(const JobGraph& graph);
  std::deque<Element>& Channel(const JobGraph& graph, size_t edge, uint32_t from, uint32_t to);

  std::vector<std::vector<std::deque<Element>>> channels;
  bool broken = false;
};

// The state of a task at a barrier, on its way to storage. Outlives the task, as a snapshot pool's work does.
struct Upload {
  AttemptId attempt;
  SubtaskId subtask;
  CheckpointId id;
  bool drained = false;
  std::string directory = {};                // Of a savepoint; empty: the checkpoint's own.
  std::vector<std::string> items;            // Operator state: position or committables.
  std::map<uint32_t, uint64_t> counts;       // Keyed state.
  KeyGroupRange key_groups;
  bool acknowledged = false;                 // Only by a mutant before the files are durable.
  int64_t not_before_ms = 0;                 // Some storage writes take long, longer than their attempt lives.

  StatusOr<TaskSnapshot> Write(const SimContext& context, FileSystem& files) const;
};

class SimTask {
 public:
  // `context` and `net` outlive the task.
  SimTask(SimContext& context, Net& net, AttemptId attempt, SubtaskId subtask, SubtaskRestore restore);
  ~SimTask();

  // Does one thing if there is one to do.
  void Step();
  void Trigger(CheckpointId id, const std::optional<SavepointRequest>& savepoint);
  void DrainByOrder();
  void NotifyComplete(CheckpointId id);
  void NotifyAborted(CheckpointId id);

  SubtaskId subtask() const { return subtask_; }
  std::vector<TaskManagerMessage> TakeMessages() { return std::exchange(messages_, {}); }
  std::vector<Upload> TakeUploads() { return std::exchange(uploads_, {}); }

 private:
  struct Input {
    std::deque<Element>* channel;
    bool end_of_data = false;
    bool closed = false;
  };

  void Report(TaskStatus status);
  void TryRestore();
  Status Restore();
  void Consume();
  void Process(uint32_t input, const Element& element);
  void OnRow(Row row);
  bool HasRoom() const;
  void Emit(const Row& row);
  void EmitToAll(const Element& element);
  void Snapshot(CheckpointId id, const std::optional<SavepointRequest>& savepoint);
  void Drain();
  void Finish();

  SimContext& context_;
  Net& net_;
  const AttemptId attempt_;
  const SubtaskId subtask_;
  const SubtaskRestore restore_;
  TaskStatus status_ = TaskStatus::kInitializing;
  std::vector<Input> inputs_;
  std::vector<std::deque<Element>*> outputs_;   // Of the only outgoing edge, by consumer in ConsumersOf's order.
  PartitionerKind partitioner_ = PartitionerKind::kForward;
  std::optional<BarrierAligner> aligner_;       // Of tasks with inputs.
  std::optional<SavepointRequest> aligning_savepoint_;  // Of the running alignment.
  CheckpointId last_snapshot_;
  CheckpointId last_over_;
  std::optional<CheckpointId> suspended_by_;    // A savepoint that stops.
  std::set<CheckpointId> drained_in_;           // Snapshots that say drained.
  uint32_t position_ = 0;                       // Source.
  std::map<uint32_t, uint64_t> counts_;         // Count.
  std::vector<Row> open_rows_;                  // Sink: of the open transaction.
  uint32_t next_transaction_ = 0;
  std::unique_ptr<PendingCommits> commits_;     // Sink.
  std::vector<TaskManagerMessage> messages_;
  std::vector<Upload> uploads_;
};

}  // namespace weir::sim
