// One execution attempt of a subtask: takes elements from its gates, drives its chain, cuts checkpoints.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file_descriptor.h"
#include "runtime/network/remote_channel.h"
#include "runtime/task/input_gate.h"
#include "runtime/task/operator_chain.h"
#include "runtime/task/result_partition.h"
#include "runtime/task/slot_loop.h"
#include "runtime/task/task_checkpoints.h"
#include "runtime/task/task_deployment.h"

namespace weir {

struct JobPlan;

// Makes the ends of a task's channels. Thread: the task's slot.
class ChannelFactory {
 public:
  virtual ~ChannelFactory() = default;
  virtual std::unique_ptr<ChannelWriter> MakeWriter(uint32_t edge, uint32_t producer, const ChannelPeer& consumer, const TypeInfo& type,
                                                    SlotTask& task, Reactor& reactor) = 0;
  // `remote` is set when sockets are to be attached to the reader.
  virtual std::unique_ptr<ChannelReader> MakeReader(uint32_t edge, uint32_t consumer, const ChannelPeer& producer, const TypeInfo& type,
                                                    SlotTask& task, Reactor& reactor, RemoteReader*& remote) = 0;
};

// Counters of one task, cumulative. Written by the task's thread, read by any.
struct TaskCounters {
  std::atomic<uint64_t> records_in{0};
  std::atomic<uint64_t> records_out{0};
  std::atomic<uint64_t> batches_in{0};
  std::atomic<uint64_t> batches_out{0};
  std::atomic<uint64_t> flushes_full{0};
  std::atomic<uint64_t> flushes_control{0};
  std::atomic<uint64_t> flushes_idle{0};
  std::atomic<uint64_t> flushes_time{0};
  std::atomic<int64_t> watermark{kMinWatermark};
};

// Life cycle, each arrow once:
//   kCreated -> kRunning -> kDrained -> kEnding -> kEnded
//   kCreated -> kEnding (it had finished at the restored checkpoint), any but kEnded -> kEnded (cancelled, failed)
//   kRunning -> kSuspended (the barrier of a savepoint that stops) -> kEnding (complete) or kRunning (aborted)
enum class TaskPhase : uint8_t { kCreated, kRunning, kSuspended, kDrained, kEnding, kEnded };

class StreamTask final : public Steppable {
 public:
  struct Options {
    AttemptId attempt;
    JobId job;
    const JobPlan* plan = nullptr;
    TaskDeployment deployment;
    SlotTask* slot_task = nullptr;
    SlotLoop* loop = nullptr;
    ChannelFactory* channels = nullptr;
    const SnapshotStorage* storage = nullptr;
    ColdRowsFactory* cold_rows = nullptr;  // Of the state backend; null: memory alone.
    uint64_t cache_bytes_max = 0;          // Of one keyed operator before it.
    TaskEvents* events = nullptr;
    MetricRegistry* metrics = nullptr;
    MetricLabels metric_labels;
    PartitionLimits limits;
    int64_t auto_watermark_interval_ms = 0;
    // What the engine knows of the stack of the exception in flight; may be null.
    std::function<std::string()> exception_stack;
    // The last thing a task does, on its slot's thread.
    std::function<void()> on_ended;
  };
  explicit StreamTask(Options options);
  ~StreamTask() override;

  // ---- Thread: the slot's ----
  StepResult Step(int64_t now_ns) override;
  std::optional<int64_t> next_wake_ns() const override { return next_wake_ns_; }
  const char* name() const override { return name_.c_str(); }

  // ---- Thread-safe: mail, handled before the next batch ----
  void TriggerCheckpoint(CheckpointBarrier barrier);
  void NotifyCheckpoint(CheckpointId id, bool completed);
  // Ends its data here, as if its input had ended; of sources only. Nothing when it has ended already.
  void Drain();
  void AttachSocket(uint32_t edge, uint32_t producer, FileDescriptor socket);
  void Cancel();
  // A worker at the other end of some channel is lost (R32).
  void BreakChannels(const std::string& why);

  SubtaskId subtask() const { return options_.deployment.subtask; }
  AttemptId attempt() const { return options_.attempt; }
  const JobVertex& vertex() const;
  const std::string& FullName() const { return name_; }  // "name (2/4)"
  const TaskCounters& counters() const { return counters_; }
  bool ended() const { return ended_.load(std::memory_order_acquire); }

 private:
  // One output of the chain: every result partition that reads it gets every row.
  class Tail;

  void Post(std::function<void()> mail);
  void SetPhase(TaskPhase next);
  StepResult DoStep(int64_t now_ns);
  StepResult StepBroken(int64_t now_ns);
  bool HandleMail();
  void Initialize();
  void MakePartitions();
  void MakeGates();
  bool StepInputs(int64_t now_ns);
  void HandleElement(InputGate::Polled polled, int64_t now_ns);
  void HandleBatch(RecordBatch& batch, uint8_t input);
  // Nothing happens when it is none, or not beyond the last one.
  void AdvanceWatermark(std::optional<int64_t> watermark_ms);
  BatchSink* SideOutput(const std::string& id, const TypeInfo& type);
  void HandleBarrier(ChannelIndex from, const CheckpointBarrier& barrier, int64_t now_ns);
  void HandleEndOfInput(ChannelIndex from, int64_t now_ns);
  void OnRootTrigger(CheckpointBarrier barrier);
  void TakeCheckpoint(const CheckpointBarrier& barrier, int64_t alignment_us);
  void OnCheckpointOver(CheckpointId id, bool completed);
  StepResult StepIdle(int64_t now_ns);
  void FinishData();
  void EndNormally();
  void End(TaskState state, const Status& failure, const std::string& stack = {});
  void MarkEnded();
  void CheckChannels();
  void PublishCounters();
  bool InputsDrained() const { return gate_ == nullptr || gate_->AllDrained(); }
  bool InputsEnded() const { return gate_ == nullptr || gate_->AllEnded(); }
  void Broadcast(const std::function<Element()>& make);
  void BroadcastEndOfTime();

  const Options options_;
  const std::string name_;
  TaskPhase phase_ = TaskPhase::kCreated;
  std::atomic<bool> ended_{false};
  std::vector<std::unique_ptr<ResultPartition>> partitions_;
  std::unique_ptr<InputGate> gate_;  // Null without inputs.
  std::map<std::pair<uint32_t, uint32_t>, RemoteReader*> remote_readers_;  // By (edge, producer); owned by gate_.
  std::unique_ptr<Tail> tail_;
  std::map<std::string, std::unique_ptr<Tail>> side_outputs_;  // By id; those that something was emitted to.
  std::unique_ptr<OperatorChain> chain_;
  std::unique_ptr<TaskCheckpoints> checkpoints_;

  CheckpointBarrier aligning_;            // The barrier of the running alignment.
  int64_t alignment_began_ns_ = 0;
  std::optional<CheckpointBarrier> root_trigger_;  // Waits for the end of all inputs.
  CheckpointId last_taken_;
  CheckpointId last_over_;                // The highest that was said to be complete or aborted: its trigger may come later.
  CheckpointId suspended_by_;             // In kSuspended.
  bool drained_by_order_ = false;         // Drain() ended its data: what comes in still belongs to its state.
  int64_t watermark_ = kMinWatermark;

  std::optional<int64_t> next_wake_ns_;
  std::optional<std::string> broken_channel_;  // Why one broke; nothing is processed any more.
  int64_t broken_at_ns_ = 0;
  int64_t last_flush_check_ns_ = 0;
  int64_t last_health_check_ns_ = 0;
  TaskCounters counters_;

  std::mutex mail_mutex_;
  std::vector<std::function<void()>> mail_;  // Guarded by mail_mutex_.
  std::atomic<bool> has_mail_{false};
};

}  // namespace weir
