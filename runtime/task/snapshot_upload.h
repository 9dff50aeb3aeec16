// Writes the snapshot of one task: takes blocks from the task's thread, writes files on the snapshot pool.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/thread_pool.h"
#include "state/checkpoint/checkpoint_storage.h"
#include "state/checkpoint/operator_state_file.h"
#include "state/checkpoint/snapshot_writer.h"

namespace weir {

// What all uploads of a worker share; outlives them.
struct SnapshotStorage {
  FileSystem& files;
  ThreadPool& pool;
  const Clock& clock;
  const CheckpointLayout& layout;
  uint64_t inline_size_bytes_max = 20'480;
};

// Shared by the task and the pool, whichever ends later; all public calls on the task's thread, but for pending_bytes.
class SnapshotUpload : public std::enable_shared_from_this<SnapshotUpload> {
 public:
  // On the pool's thread, once, after Seal: the handles of everything, durable (R19), or the first error.
  using Done = std::function<void(StatusOr<std::vector<OperatorSubtaskState>> states, int64_t async_us)>;

  SnapshotUpload(const SnapshotStorage& storage, CheckpointLayout::StateFile name, Done done);

  void SetOperatorState(OperatorId id, uint32_t operator_index, std::unique_ptr<OperatorStateWriter> writer);
  // Begins the keyed state of an operator; its blocks follow.
  void BeginKeyed(OperatorId id, uint32_t operator_index, SnapshotHeader header);
  void AddBlock(uint32_t operator_index, SnapshotBlock block);
  void Seal();
  // Nobody wants it any more: what is still queued is dropped, files are deleted, Done is not called.
  void Abandon() { abandoned_.store(true); }
  // Bytes handed over and not written yet: the task pauses its walk when they are many.
  size_t pending_bytes() const { return pending_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Keyed {
    OperatorId id;
    KeyGroupRange key_groups;
    uint32_t operator_index = 0;
    std::unique_ptr<SnapshotFileWriter> writer;
  };
  void Enqueue(std::function<void()> work);
  void RunQueued();
  std::string NextPath(uint32_t operator_index);
  OperatorSubtaskState& StateOf(OperatorId id);
  void FinishAll();

  const SnapshotStorage storage_;
  CheckpointLayout::StateFile name_;
  const Done done_;
  std::atomic<bool> abandoned_{false};
  std::atomic<size_t> pending_bytes_{0};

  std::mutex mutex_;
  std::deque<std::function<void()>> queue_;  // Guarded by mutex_. Runs in order, on one pool thread at a time.
  bool running_ = false;                     // Guarded by mutex_.

  // Only inside queued work.
  std::vector<Keyed> keyed_;
  std::vector<OperatorSubtaskState> states_;
  Status status_;
  int64_t started_ns_ = 0;
};

}  // namespace weir
