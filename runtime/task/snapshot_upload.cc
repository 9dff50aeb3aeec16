#include "runtime/task/snapshot_upload.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/status_macros.h"

namespace weir {
namespace {

std::vector<SnapshotBlock> BlocksOf(const StateTombstones& cleared) {
  std::map<uint32_t, BlockBuilder> builders;  // By key group.
  std::vector<SnapshotBlock> blocks;
  for (const StateTombstone& entry : cleared.entries) {
    BlockBuilder& builder = builders[entry.key_group];
    if (!builder.started()) builder.Start(entry.key_group);
    const SnapshotRecordKind kind = entry.range ? SnapshotRecordKind::kRangeTombstone : SnapshotRecordKind::kTombstone;
    builder.Append({entry.column, kind, cleared.KeyOf(entry), cleared.NameSpaceOf(entry), {}});
    if (builder.full()) blocks.push_back(builder.Finish());
  }
  for (auto& [group, builder] : builders) {
    if (builder.started()) blocks.push_back(builder.Finish());
  }
  return blocks;
}

// What rows beyond memory hold of the snapshot.
Status WriteCold(const ColdCut& cut, bool all, SnapshotFileWriter& writer, const std::atomic<bool>& abandoned) {
  const std::unique_ptr<ColdCursor> cursor = all ? cut.Values() : cut.Changes();
  BlockBuilder builder;
  while (!abandoned.load() && cursor->Next()) {
    const ColdPlace& place = cursor->place();
    if (builder.started() && (builder.key_group() != place.key_group || builder.full())) RETURN_IF_ERROR(writer.AddBlock(builder.Finish()));
    if (!builder.started()) builder.Start(place.key_group);
    builder.Append({place.column, SnapshotRecordKind::kValue, place.key, {}, cursor->value()});
  }
  RETURN_IF_ERROR(cursor->status());
  return builder.started() ? writer.AddBlock(builder.Finish()) : Status::Ok();
}

}  // namespace

SnapshotUpload::SnapshotUpload(const SnapshotStorage& storage, std::shared_ptr<Strand> strand, CheckpointLayout::StateFile name,
                               std::shared_ptr<const SavepointOrder> savepoint, Done done)
    : storage_(storage),
      strand_(std::move(strand)),
      name_(name),
      savepoint_(std::move(savepoint)),
      done_(std::move(done)),
      started_ns_(storage.clock.MonotonicNanos()) {}

void SnapshotUpload::Enqueue(ThreadPool::Closure work) {
  // Once refused, always: a snapshot with a hole is none.
  refused_ = refused_ || !strand_->Post([self = shared_from_this(), work = std::move(work)] { work(); });
}

SnapshotFileWriter::Options SnapshotUpload::NextFile(uint32_t operator_index) {
  name_.operator_index = operator_index;
  SnapshotFileWriter::Options options{storage_.layout.StateFilePath(name_), storage_.placement};
  ++name_.sequence;
  return options;
}

SnapshotFileWriter::Options SnapshotUpload::NextSavepointFile(uint32_t operator_index) {
  SnapshotFileWriter::Options options = NextFile(operator_index);
  options.path = SavepointFilePath(*savepoint_, options.path);
  options.placement.files = true;  // Whatever checkpoints do: a savepoint is a directory.
  return options;
}

OperatorSubtaskState& SnapshotUpload::StateOf(OperatorId id) {
  for (OperatorSubtaskState& state : states_) {
    if (state.operator_id == id) return state;
  }
  states_.emplace_back().operator_id = id;
  return states_.back();
}

SnapshotUpload::Keyed& SnapshotUpload::KeyedOf(uint32_t operator_index) {
  const auto found = std::find_if(keyed_.begin(), keyed_.end(), [operator_index](const Keyed& keyed) { return keyed.operator_index == operator_index; });
  CHECK(found != keyed_.end());
  return *found;
}

void SnapshotUpload::SetOperatorState(OperatorId id, uint32_t operator_index, std::unique_ptr<OperatorStateWriter> writer) {
  // A copyable closure needs a shared owner.
  Enqueue([this, id, operator_index, shared = std::shared_ptr<OperatorStateWriter>(std::move(writer))] {
    if (!status_.ok() || abandoned_) return;
    const SnapshotFileWriter::Options file = savepoint_ != nullptr ? NextSavepointFile(operator_index) : NextFile(operator_index);
    StatusOr<OperatorStateHandle> handle = shared->Finish(storage_.files, file.path, file.placement);
    status_ = handle.status();
    if (handle.ok()) StateOf(id).operator_state.push_back(std::move(*handle));
  });
}

void SnapshotUpload::BeginKeyed(OperatorId id, uint32_t operator_index, std::shared_ptr<KeyedSnapshots> snapshots, uint64_t number) {
  begun_.emplace_back(snapshots, number);
  Enqueue([this, id, operator_index, snapshots = std::move(snapshots), number] {
    auto writer = std::make_unique<SnapshotFileWriter>(storage_.files, NextFile(operator_index), snapshots->header());
    keyed_.push_back({id, operator_index, snapshots, number, std::move(writer), Status::Ok()});
  });
}

void SnapshotUpload::AddCleared(uint32_t operator_index, StateTombstones cleared) {
  if (cleared.entries.empty()) return;
  Enqueue([this, operator_index, shared = std::make_shared<StateTombstones>(std::move(cleared))] {
    Keyed& keyed = KeyedOf(operator_index);
    for (SnapshotBlock& block : BlocksOf(*shared)) {
      if (keyed.status.ok() && !abandoned_) keyed.status = keyed.writer->AddBlock(std::move(block));
    }
  });
}

void SnapshotUpload::AddCold(uint32_t operator_index, StatusOr<std::shared_ptr<const ColdCut>> cut, bool all) {
  Enqueue([this, operator_index, cut = std::move(cut), all] {
    Keyed& keyed = KeyedOf(operator_index);
    if (!keyed.status.ok() || abandoned_) return;
    keyed.status = cut.ok() ? WriteCold(**cut, all, *keyed.writer, abandoned_) : cut.status();
  });
}

void SnapshotUpload::AddBlock(uint32_t operator_index, SnapshotBlock block) {
  const size_t size_bytes = block.bytes.size();
  pending_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
  Enqueue([this, operator_index, size_bytes, shared = std::make_shared<SnapshotBlock>(std::move(block))] {
    pending_bytes_.fetch_sub(size_bytes, std::memory_order_relaxed);
    Keyed& keyed = KeyedOf(operator_index);
    if (keyed.status.ok() && !abandoned_) keyed.status = keyed.writer->AddBlock(std::move(*shared));
  });
}

void SnapshotUpload::Seal() {
  Enqueue([this] { FinishAll(); });
  if (!refused_) return;
  for (const auto& [snapshots, number] : begun_) snapshots->chain().OnFailed(number);
  if (!abandoned_) done_(Unavailable("the snapshot pool takes no more work"), 0);
}

// Deltas of a checkpoint that fails stay part of the chain: later snapshots stand on them.
void SnapshotUpload::Finish(Keyed& keyed) {
  SnapshotChain& chain = keyed.snapshots->chain();
  if (keyed.status.ok()) {
    StatusOr<StateBytes> bytes = keyed.writer->Finish();
    keyed.status = bytes.status();
    if (bytes.ok()) chain.OnDurable(keyed.number, {keyed.snapshots->header().key_groups, std::move(*bytes)});
  }
  if (!keyed.status.ok()) chain.OnFailed(keyed.number);
  if (keyed.snapshots->HasMerged()) keyed.snapshots->PublishMerged(NextFile(keyed.operator_index).path);
  StatusOr<std::vector<KeyedStateHandle>> handles = chain.HandlesOf(keyed.number);
  if (status_.ok()) status_ = keyed.status.ok() ? handles.status() : keyed.status;
  if (!handles.ok()) return;
  if (savepoint_ != nullptr && status_.ok()) {
    status_ = MakeSavepoint(keyed, *handles);
  } else {
    StateOf(keyed.id).keyed = std::move(*handles);
  }
}

Status SnapshotUpload::MakeSavepoint(Keyed& keyed, const std::vector<KeyedStateHandle>& snapshot) {
  SavepointFiles files(storage_.files, savepoint_cancelled_);
  const auto next_file = [&] { return NextSavepointFile(keyed.operator_index); };
  StatusOr<std::vector<KeyedStateHandle>> made = savepoint_->format == SavepointFormat::kCanonical
                                                     ? files.MakeCanonical(keyed.snapshots->header(), snapshot, next_file())
                                                     : files.MakeNative(snapshot, next_file);
  if (made.ok()) StateOf(keyed.id).keyed = std::move(*made);
  return made.status();
}

void SnapshotUpload::FinishAll() {
  if (abandoned_) {
    keyed_.clear();
    return;
  }
  for (Keyed& keyed : keyed_) Finish(keyed);
  const int64_t async_us = (storage_.clock.MonotonicNanos() - started_ns_) / 1'000;
  if (status_.ok()) {
    done_(std::move(states_), async_us);
  } else {
    done_(status_, async_us);
  }
  for (Keyed& keyed : keyed_) keyed.snapshots->StartMergeIfDue(storage_.files, storage_.pool, NextFile(keyed.operator_index));
  keyed_.clear();
}

}  // namespace weir
