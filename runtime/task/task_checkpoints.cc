#include "runtime/task/task_checkpoints.h"

#include "base/check.h"

namespace weir {
namespace {

// About 100 us of a task's time.
constexpr size_t kSliceBytes = 64 * 1024;
// The pool is behind when this much waits for it: the walk pauses.
constexpr size_t kPendingBytesMax = 16 * 1024 * 1024;

class StateSink final : public OperatorStateSink {
 public:
  explicit StateSink(OperatorStateWriter& writer) : writer_(writer) {}
  void Declare(std::string_view name, Mode mode, std::string_view schema) override {
    writer_.Declare(name, static_cast<RedistributionMode>(mode), schema);
    empty_ = false;
  }
  void Add(std::string_view name, std::string_view item) override { writer_.AddItem(name, item); }
  bool empty() const { return empty_; }

 private:
  OperatorStateWriter& writer_;
  bool empty_ = true;
};

SnapshotHeader HeaderOf(const OperatorChain::Link& link, uint32_t max_parallelism, KeyGroupRange key_groups) {
  SnapshotHeader header;
  header.max_parallelism = max_parallelism;
  header.key_groups = key_groups;
  header.key_schema = link.description->key_schema;
  for (const StateColumn& state : link.keyed_state->layout().columns) {
    header.states.push_back({state.name, state.kind, state.Schema(), std::string(state.ttl.on() ? kTtlOption : "")});
  }
  return header;
}

}  // namespace

class TaskCheckpoints::BlockSink final : public SnapshotRecordSink {
 public:
  BlockSink(SnapshotUpload& upload, uint32_t operator_index, const RowLayout& layout)
      : upload_(upload),
        operator_index_(operator_index),
        packed_{0, layout.key->type->size_bytes, layout.packed_bytes != 0 ? layout.packed_bytes - layout.key->type->size_bytes : 0} {}

  void Cleared(StateTombstones tombstones) override { upload_.AddCleared(operator_index_, std::move(tombstones)); }
  void Cold(StatusOr<std::shared_ptr<const ColdCut>> cut, bool all) override { upload_.AddCold(operator_index_, std::move(cut), all); }
  void Value(uint32_t key_group, uint32_t column, std::string_view key, std::string_view name_space, std::string_view value) override {
    // The walk stays in one group for long.
    if (last_ == nullptr || last_group_ != key_group) {
      last_ = &blocks_[key_group];
      last_group_ = key_group;
    }
    BlockBuilder& block = *last_;
    if (!block.started()) block.Start(key_group);
    block.Append({column, SnapshotRecordKind::kValue, key, name_space, value});
    if (block.full()) upload_.AddBlock(operator_index_, block.Finish());
  }
  PackedRun* Packed(uint32_t key_group) override {
    BlockBuilder& block = blocks_[key_group];
    if (block.started() && block.full()) upload_.AddBlock(operator_index_, block.Finish());
    if (!block.started()) block.StartPacked(key_group, packed_);
    return &block.run();
  }
  void Finish() {
    for (auto& [key_group, block] : blocks_) {
      if (block.started()) upload_.AddBlock(operator_index_, block.Finish());
    }
    blocks_.clear();
    last_ = nullptr;
  }

 private:
  SnapshotUpload& upload_;
  const uint32_t operator_index_;
  const PackedShape packed_;  // Of a layout that has one.
  std::map<uint32_t, BlockBuilder> blocks_;  // By key group; bounded by the task's range.
  BlockBuilder* last_ = nullptr;
  uint32_t last_group_ = 0;
};

TaskCheckpoints::TaskCheckpoints(Identity identity, OperatorChain& chain, const SnapshotStorage& storage, TaskEvents& events)
    : identity_(identity), chain_(chain), storage_(storage), events_(events), strand_(Strand::On(storage.pool)) {
  for (const OperatorChain::Link& link : chain_.links()) {
    std::shared_ptr<KeyedSnapshots>& snapshots = snapshots_.emplace_back();
    if (link.keyed_state == nullptr) continue;
    const uint32_t max_parallelism = link.runtime->MaxParallelism();
    const KeyGroupRange range = KeyGroupRangeOf(max_parallelism, link.runtime->Parallelism(), link.runtime->SubtaskIndex());
    snapshots = std::make_shared<KeyedSnapshots>(HeaderOf(link, max_parallelism, range), storage_.incremental);
  }
}

TaskCheckpoints::~TaskCheckpoints() {
  if (running_.has_value()) running_->upload->Abandon();
}

void TaskCheckpoints::Begin(const CheckpointBarrier& barrier, bool drained, int64_t watermark, int64_t alignment_us) {
  if (running_.has_value()) FinishWalk();
  const CheckpointId id = barrier.id;
  const int64_t begin_ns = storage_.clock.MonotonicNanos();
  if (drained && !first_drained_.has_value()) first_drained_ = id;

  // The durations are complete only when the walk is; they are shared with the pool's callback.
  auto durations = std::make_shared<SnapshotDurations>();
  durations->alignment_us = alignment_us;
  TaskEvents& events = events_;
  const Identity identity = identity_;
  auto done = [&events, identity, id, drained, watermark, durations](StatusOr<std::vector<OperatorSubtaskState>> states, int64_t async_us) {
    if (!states.ok()) return events.OnSnapshotFailed(identity.attempt, identity.subtask, id, states.status());
    durations->async_us = async_us;
    events.OnSnapshot(identity.attempt, identity.subtask, id, TaskSnapshot{std::move(*states), drained, watermark}, *durations);
  };
  const CheckpointLayout::StateFile name{id, identity_.attempt, identity_.subtask};
  Running& running = running_.emplace();
  running.pacer = SnapshotPacer(begin_ns);
  running.upload = std::make_shared<SnapshotUpload>(storage_, strand_, name, barrier.savepoint, std::move(done));
  if (barrier.savepoint != nullptr) {
    savepoint_id_ = id;
    savepoint_ = running.upload;
  }

  std::vector<OperatorChain::Link>& links = chain_.links();
  running.sinks.resize(links.size());
  for (uint32_t i = 0; i < links.size(); ++i) {
    OperatorChain::Link& link = links[i];
    auto writer = std::make_unique<OperatorStateWriter>();
    StateSink sink(*writer);
    SnapshotContext context{id.value, barrier.timestamp_ms, sink};
    link.op->Snapshot(context);
    if (!sink.empty()) running.upload->SetOperatorState(link.description->id, i, std::move(writer));
    if (link.keyed_state != nullptr) BeginKeyed(running, i);
  }
  durations->sync_us = (storage_.clock.MonotonicNanos() - begin_ns) / 1'000;
  WriteSlice(0);  // Without keyed state this seals at once.
}

void TaskCheckpoints::BeginKeyed(Running& running, uint32_t link_index) {
  OperatorChain::Link& link = chain_.links()[link_index];
  const SnapshotChain::Begun begun = snapshots_[link_index]->chain().Begin();
  running.upload->BeginKeyed(link.description->id, link_index, snapshots_[link_index], begun.number);
  running.sinks[link_index] = std::make_unique<BlockSink>(*running.upload, link_index, link.keyed_state->layout());
  using Kind = KeyedStateStore::SnapshotKind;
  link.keyed_state->BeginSnapshot(begun.is_base ? Kind::kFull : Kind::kDelta, *running.sinks[link_index]);
}

bool TaskCheckpoints::pool_is_behind() const { return running_.has_value() && running_->upload->pending_bytes() > kPendingBytesMax; }

bool TaskCheckpoints::Continue(int64_t now_ns, bool slot_is_idle) {
  if (pool_is_behind() || (!slot_is_idle && !running_->pacer.Due(now_ns))) return false;
  const int64_t begin_ns = storage_.clock.MonotonicNanos();
  WriteSlice(kSliceBytes);
  if (running_.has_value() && !slot_is_idle) running_->pacer.Spent(storage_.clock.MonotonicNanos() - begin_ns);
  return true;
}

void TaskCheckpoints::WriteSlice(size_t bytes_max) {
  Running& running = *running_;
  std::vector<OperatorChain::Link>& links = chain_.links();
  while (running.next_link < links.size()) {
    if (running.sinks[running.next_link] != nullptr) {
      if (!links[running.next_link].keyed_state->WriteSlice(bytes_max)) return;
      running.sinks[running.next_link]->Finish();
    }
    ++running.next_link;
  }
  running.upload->Seal();
  running_.reset();
}

void TaskCheckpoints::FinishWalk() {
  // One walk at a time: the barrier that meets it writes the rest in one go.
  std::vector<OperatorChain::Link>& links = chain_.links();
  for (; running_->next_link < links.size(); ++running_->next_link) {
    BlockSink* const sink = running_->sinks[running_->next_link].get();
    if (sink == nullptr) continue;
    CHECK(links[running_->next_link].keyed_state->WriteSlice(SIZE_MAX));
    sink->Finish();
  }
  running_->upload->Seal();
  running_.reset();
}

void TaskCheckpoints::Abort(CheckpointId id) {
  if (const std::shared_ptr<SnapshotUpload> upload = savepoint_.lock(); upload != nullptr && id == savepoint_id_) upload->CancelSavepoint();
  for (OperatorChain::Link& link : chain_.links()) link.op->NotifyCheckpointAborted(id.value);
}

bool TaskCheckpoints::Complete(CheckpointId id) {
  const CommitPermit permit(id.value);
  for (OperatorChain::Link& link : chain_.links()) link.op->NotifyCheckpointComplete(permit);
  return first_drained_.has_value() && *first_drained_ <= id;
}

}  // namespace weir
