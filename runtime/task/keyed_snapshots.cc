#include "runtime/task/keyed_snapshots.h"

#include "base/log.h"
#include "base/status_macros.h"
#include "state/checkpoint/delta_merge.h"
#include "state/checkpoint/state_bytes.h"

namespace weir {
namespace {

StatusOr<std::vector<SnapshotBlock>> Merged(FileSystem& files, const std::vector<KeyedStateHandle>& parts) {
  std::vector<SnapshotReader> readers;
  for (const KeyedStateHandle& part : parts) {
    ASSIGN_OR_RETURN(std::string content, ReadStateBytes(files, part.bytes));
    ASSIGN_OR_RETURN(SnapshotReader reader, SnapshotReader::Open(std::move(content)));
    readers.push_back(std::move(reader));
  }
  return MergeDeltas(readers);
}

}  // namespace

void KeyedSnapshots::StartMergeIfDue(FileSystem& files, ThreadPool& pool) {
  if (merge_.has_value()) return;
  merge_ = chain_.PlanMerge();
  if (!merge_.has_value()) return;
  const bool accepted = pool.Submit([self = shared_from_this(), &files] {
    StatusOr<std::vector<SnapshotBlock>> blocks = Merged(files, self->merge_->parts);
    std::lock_guard lock(self->mutex_);
    self->made_ = std::move(blocks);
  });
  if (accepted) return;
  chain_.EndMerge(*merge_, std::nullopt);
  merge_.reset();
}

bool KeyedSnapshots::HasMerged() const {
  std::lock_guard lock(mutex_);
  return made_.has_value();
}

void KeyedSnapshots::WriteMerged(FileSystem& files, SnapshotFileWriter::Options options) {
  std::optional<StatusOr<std::vector<SnapshotBlock>>> made;
  {
    std::lock_guard lock(mutex_);
    made.swap(made_);
  }
  std::optional<KeyedStateHandle> handle;
  Status status = made->status();
  if (status.ok()) {
    SnapshotFileWriter writer(files, std::move(options), header_);
    for (SnapshotBlock& block : **made) {
      if (status.ok()) status = writer.AddBlock(std::move(block));
    }
    if (status.ok()) {
      StatusOr<StateBytes> bytes = writer.Finish();
      status = bytes.status();
      if (bytes.ok()) handle = KeyedStateHandle{header_.key_groups, std::move(*bytes)};
    }
  }
  // The deltas themselves serve on.
  if (!status.ok()) LOG_WARN("Deltas could not be merged, first={}, last={}, error={}", merge_->first, merge_->last, status.ToString());
  chain_.EndMerge(*merge_, std::move(handle));
  merge_.reset();
}

}  // namespace weir
