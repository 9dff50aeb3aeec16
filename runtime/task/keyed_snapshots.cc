#include "runtime/task/keyed_snapshots.h"

#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "state/checkpoint/delta_merge.h"
#include "state/checkpoint/snapshot_reader.h"

namespace weir {
namespace {

// All of the merged file but its end. Memory: one key group of the parts.
StatusOr<std::unique_ptr<SnapshotFileWriter>> WriteMerged(FileSystem& files, const std::vector<KeyedStateHandle>& parts,
                                                          SnapshotFileWriter::Options options, const SnapshotHeader& header) {
  std::vector<SnapshotReader> readers;
  for (const KeyedStateHandle& part : parts) {
    ASSIGN_OR_RETURN(SnapshotReader reader, SnapshotReader::Open(files, part.bytes));
    readers.push_back(std::move(reader));
  }
  auto writer = std::make_unique<SnapshotFileWriter>(files, std::move(options), header);
  RETURN_IF_ERROR(MergeDeltas(readers, [&writer](SnapshotBlock block) { return writer->AddBlock(std::move(block)); }));
  return writer;
}

}  // namespace

void KeyedSnapshots::StartMergeIfDue(FileSystem& files, ThreadPool& pool, SnapshotFileWriter::Options options) {
  if (merge_.has_value()) return;
  merge_ = chain_.PlanMerge();
  if (!merge_.has_value()) return;
  const bool accepted = pool.Submit([self = shared_from_this(), &files, options = std::move(options)] {
    StatusOr<std::unique_ptr<SnapshotFileWriter>> made = WriteMerged(files, self->merge_->parts, options, self->header_);
    std::lock_guard lock(self->mutex_);
    self->made_ = std::move(made);
  });
  if (accepted) return;
  chain_.EndMerge(*merge_, std::nullopt);
  merge_.reset();
}

bool KeyedSnapshots::HasMerged() const {
  std::lock_guard lock(mutex_);
  return made_.has_value();
}

void KeyedSnapshots::PublishMerged(const std::string& path) {
  std::optional<StatusOr<std::unique_ptr<SnapshotFileWriter>>> made;
  {
    std::lock_guard lock(mutex_);
    made.swap(made_);
  }
  CHECK(made.has_value());
  std::optional<KeyedStateHandle> handle;
  Status status = made->status();
  if (status.ok()) {
    StatusOr<StateBytes> bytes = (**made)->FinishAs(path);
    status = bytes.status();
    if (bytes.ok()) handle = KeyedStateHandle{header_.key_groups, std::move(*bytes)};
  }
  // The deltas themselves serve on.
  if (!status.ok()) LOG_WARN("Deltas could not be merged, first={}, last={}, error={}", merge_->first, merge_->last, status.ToString());
  chain_.EndMerge(*merge_, std::move(handle));
  merge_.reset();
}

}  // namespace weir
