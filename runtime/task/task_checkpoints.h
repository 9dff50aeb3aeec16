// The checkpoints of one task: takes snapshots of its chain in slices and tells operators of completed ones.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/element/element.h"
#include "runtime/task/keyed_snapshots.h"
#include "runtime/task/operator_chain.h"
#include "runtime/task/snapshot_pacer.h"
#include "runtime/task/snapshot_upload.h"
#include "runtime/task/task_deployment.h"

namespace weir {

// An aborted checkpoint ends nothing here: its deltas are part of the next one, and a base that is begun serves as well.
// Thread: task; results go to TaskEvents from the snapshot pool.
class TaskCheckpoints {
 public:
  struct Identity {
    AttemptId attempt;
    SubtaskId subtask;
  };
  // All outlive it, but for uploads still under way, which keep what they need.
  TaskCheckpoints(Identity identity, OperatorChain& chain, const SnapshotStorage& storage, TaskEvents& events);
  ~TaskCheckpoints();

  // The synchronous part: operator state, and the beginning of the walk over keyed state. A walk that still runs is
  // finished first. The files of a savepoint lie in its directory; the snapshot that they are made from is part of the chain.
  void Begin(const CheckpointBarrier& barrier, bool drained, int64_t watermark, int64_t alignment_us);
  // Nobody waits for checkpoint `id` any more: operators are told, and a savepoint's files are not made to the end.
  void Abort(CheckpointId id);
  bool walking() const { return running_.has_value(); }
  // Writes a slice of the running walk, when the slot is idle or the walk's share of its time allows one, and the pool is
  // not behind. False when none was written. Requires: walking().
  bool Continue(int64_t now_ns, bool slot_is_idle);
  bool pool_is_behind() const;
  // Commits what is pending up to `id`. True when a snapshot up to `id` was taken after all input was processed.
  bool Complete(CheckpointId id);

 private:
  // Fills the blocks of one operator's keyed state; rows saved ahead of the cursor go to blocks of their own group.
  class BlockSink;
  struct Running {
    std::shared_ptr<SnapshotUpload> upload;  // Shared with the pool.
    SnapshotPacer pacer{0};
    size_t next_link = 0;                    // Links before it are walked.
    std::vector<std::unique_ptr<BlockSink>> sinks;  // By link; null without keyed state.
  };
  void BeginKeyed(Running& running, uint32_t link_index);
  void WriteSlice(size_t bytes_max);
  void FinishWalk();

  const Identity identity_;
  OperatorChain& chain_;
  const SnapshotStorage& storage_;
  TaskEvents& events_;
  const std::shared_ptr<Strand> strand_;                      // Of the uploads.
  std::vector<std::shared_ptr<KeyedSnapshots>> snapshots_;    // By link; null without keyed state. Shared with the pool.
  std::optional<Running> running_;
  CheckpointId savepoint_id_;                  // Of savepoint_.
  std::weak_ptr<SnapshotUpload> savepoint_;    // The newest one, while the pool works on it.
  std::optional<CheckpointId> first_drained_;  // The oldest snapshot taken after all input was processed.
};

}  // namespace weir
