// Writes the snapshot of one task: takes blocks from the task's thread, writes files on the snapshot pool.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/strand.h"
#include "base/thread_pool.h"
#include "runtime/task/keyed_snapshots.h"
#include "runtime/task/savepoint_files.h"
#include "state/checkpoint/checkpoint_storage.h"
#include "state/checkpoint/operator_state_file.h"
#include "state/checkpoint/snapshot_writer.h"
#include <weir/state/keyed_state_store.h>

namespace weir {

// What all uploads of a worker share; outlives them.
struct SnapshotStorage {
  FileSystem& files;
  ThreadPool& pool;
  const Clock& clock;
  const CheckpointLayout& layout;
  StatePlacement placement;
  SnapshotChain::Limits incremental;
};

// Shared by the task and the pool, whichever ends later; all public calls on the task's thread, but for pending_bytes.
class SnapshotUpload : public std::enable_shared_from_this<SnapshotUpload> {
 public:
  // Once, after Seal: the handles of everything, durable (R19), or the first error. On the pool's thread, or on the
  // task's when the pool refuses work.
  using Done = std::function<void(StatusOr<std::vector<OperatorSubtaskState>> states, int64_t async_us)>;

  // `strand`: the one of the task, so that its snapshots become durable in their order. `savepoint`: null for a checkpoint;
  // else the handles are of files in its directory, made from the snapshot once that is durable.
  SnapshotUpload(const SnapshotStorage& storage, std::shared_ptr<Strand> strand, CheckpointLayout::StateFile name,
                 std::shared_ptr<const SavepointOrder> savepoint, Done done);

  void SetOperatorState(OperatorId id, uint32_t operator_index, std::unique_ptr<OperatorStateWriter> writer);
  // Begins the keyed state of an operator, snapshot `number` of its chain; what was cleared and its blocks follow.
  void BeginKeyed(OperatorId id, uint32_t operator_index, std::shared_ptr<KeyedSnapshots> snapshots, uint64_t number);
  void AddCleared(uint32_t operator_index, StateTombstones cleared);
  // All values of `cut`, or its changes, read by the pool. Before any block of the operator; an error is the snapshot's.
  void AddCold(uint32_t operator_index, StatusOr<std::shared_ptr<const ColdCut>> cut, bool all);
  void AddBlock(uint32_t operator_index, SnapshotBlock block);
  void Seal();
  // Nobody wants it any more: what is still queued is dropped, files are deleted, Done is not called.
  void Abandon() { abandoned_.store(true); }
  // The savepoint was aborted: its files are not made to the end. The snapshot stays part of the chain. Thread-safe.
  void CancelSavepoint() { savepoint_cancelled_.store(true); }
  // Bytes handed over and not written yet: the task pauses its walk when they are many.
  size_t pending_bytes() const { return pending_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Keyed {
    OperatorId id;
    uint32_t operator_index = 0;
    std::shared_ptr<KeyedSnapshots> snapshots;
    uint64_t number = 0;
    std::unique_ptr<SnapshotFileWriter> writer;
    Status status;
  };
  void Enqueue(ThreadPool::Closure work);
  Keyed& KeyedOf(uint32_t operator_index);
  SnapshotFileWriter::Options NextFile(uint32_t operator_index);
  SnapshotFileWriter::Options NextSavepointFile(uint32_t operator_index);
  OperatorSubtaskState& StateOf(OperatorId id);
  void Finish(Keyed& keyed);
  void FinishAll();
  Status MakeSavepoint(Keyed& keyed, const std::vector<KeyedStateHandle>& snapshot);

  const SnapshotStorage storage_;
  const std::shared_ptr<Strand> strand_;
  CheckpointLayout::StateFile name_;
  const std::shared_ptr<const SavepointOrder> savepoint_;
  const Done done_;
  std::atomic<bool> abandoned_{false};
  std::atomic<bool> savepoint_cancelled_{false};
  std::atomic<size_t> pending_bytes_{0};

  // Thread: the task's.
  bool refused_ = false;  // The pool takes no work: nothing of this snapshot runs there any more.
  std::vector<std::pair<std::shared_ptr<KeyedSnapshots>, uint64_t>> begun_;

  // Only inside queued work.
  std::vector<Keyed> keyed_;
  std::vector<OperatorSubtaskState> states_;
  Status status_;
  int64_t started_ns_ = 0;
};

}  // namespace weir
