// The producer's side of one edge: routes rows to channels and decides when a batch leaves.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/element/block_pool.h"
#include "runtime/graph/job_graph.h"
#include "runtime/network/channel.h"
#include "runtime/task/task_waiter.h"
#include <weir/engine/operator.h>
#include <weir/engine/scatter.h>

namespace weir {

struct PartitionLimits {
  uint32_t batch_rows_max = 4'096;
  size_t batch_bytes_max = 64 * 1024;
  int64_t flush_timeout_ns = 100'000'000;  // execution.buffer-timeout; negative = only full batches.
};

// Why batches left (design: a metric).
struct FlushCounts {
  uint64_t full = 0;
  uint64_t control = 0;
  uint64_t idle = 0;
  uint64_t time = 0;
};

// Rows per batch under the limits for rows of this size, at least 1.
uint32_t RowsPerBatch(const PartitionLimits& limits, const TypeInfo& type);

// Thread: task.
class ResultPartition final : public WorkDistributor, private ScatterTarget {
 public:
  struct Options {
    PartitionerKind kind = PartitionerKind::kForward;
    const EdgeRouting* routing = nullptr;  // Outlives the partition.
    uint32_t producer_subtask = 0;
    uint32_t consumer_parallelism = 1;
    uint32_t consumer_max_parallelism = 128;
    PartitionLimits limits;
  };
  // `writers`: one per channel, at least one.
  ResultPartition(const Options& options, std::vector<std::unique_ptr<ChannelWriter>> writers, TaskWaiter& waiter);
  ~ResultPartition() override;

  // Takes the rows. May wait for credit.
  void Push(RecordBatch batch);
  // Sends what is partial, then the element to every channel. May wait for credit.
  void Broadcast(const std::function<Element()>& make);
  // The task has nothing to do: sends partial batches whose receiver has nothing queued, and those older than the
  // flush time-out. Never waits. Yields when the next partial batch is due, if any.
  std::optional<int64_t> FlushIdle(int64_t now_ns);
  // The same by time alone, for a busy task.
  void FlushOverdue(int64_t now_ns);

  // ---- WorkDistributor ----
  std::optional<uint32_t> NextRequest() override;
  void Assign(uint32_t consumer, RecordBatch work) override;

  // Rows go to their channels one by one; else a well-filled batch moves as it is.
  bool CopiesRows() const;
  const EdgeRouting& routing() const { return *options_.routing; }
  bool Flushed();
  Status health() const;
  const FlushCounts& flushes() const { return flushes_; }
  uint64_t rows_out() const { return rows_out_; }
  uint64_t batches_out() const { return batches_out_; }

 private:
  struct Channel {
    std::unique_ptr<ChannelWriter> writer;
    RecordBatch batch;         // Being filled; allocated iff its builder has room or rows.
    int64_t first_row_ns = 0;  // When it was seen non-empty; 0 = empty or not looked at yet.
    uint32_t requests = 0;     // Work asked for and not handed out.
  };

  void MakeRoom(uint32_t channel) override;
  void Route(RecordBatch& batch);
  void SendWhole(uint32_t channel, RecordBatch batch);
  void SendFrozen(RecordBatch batch);
  uint32_t PartialRows(uint32_t channel) const;
  RecordBatch TakePartial(uint32_t channel);
  void WaitForCredit(uint32_t channel);
  void SendPartial(uint32_t channel);
  void SwitchTimestamps(bool with_timestamps);

  const Options options_;
  const uint32_t rows_max_;
  TaskWaiter& waiter_;
  std::shared_ptr<BlockPool> pool_;  // Batches return to it from other threads.
  std::vector<Channel> channels_;
  std::vector<ChannelBuilder> builders_;            // By channel.
  std::vector<uint16_t> channel_of_key_group_;      // Key group edges.
  std::vector<uint16_t> channel_of_row_;            // Scratch.
  std::vector<uint64_t> hashes_;                    // Scratch.
  uint32_t next_channel_ = 0;                       // Round robin.
  uint64_t random_state_ = 0;                       // Shuffle.
  uint32_t next_request_channel_ = 0;
  bool with_timestamps_ = false;
  FlushCounts flushes_;
  uint64_t rows_out_ = 0;
  uint64_t batches_out_ = 0;
};

}  // namespace weir
