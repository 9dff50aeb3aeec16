#include "tests/sim/sim_task.h"

#include "base/check.h"
#include "base/checksum.h"
#include "base/status_macros.h"
#include "state/checkpoint/operator_state_file.h"
#include "state/checkpoint/snapshot_reader.h"
#include "state/checkpoint/snapshot_writer.h"
#include "state/checkpoint/state_bytes.h"

namespace weir {

// The simulator's stand-in for the engine's completion path.
class CommitPermitForTests {
 public:
  static CommitPermit Of(CheckpointId published) { return CommitPermit(published.value); }
};

}  // namespace weir

namespace weir::sim {
namespace {

constexpr size_t kChannelElementsMax = 3;
constexpr uint64_t kInlineBytesMax = 150;  // Some snapshots travel inline, most in files.
constexpr const char* kListName = "list";

uint32_t KeyGroupOfKey(uint32_t key, uint32_t max_parallelism) {
  return KeyGroupOf(Checksum64({reinterpret_cast<const char*>(&key), sizeof(key)}), max_parallelism);
}

std::string TransactionName(SubtaskId subtask, AttemptId attempt, uint32_t sequence) {
  return std::to_string(subtask.subtask) + "/" + attempt.ToString() + "/" + std::to_string(sequence);
}

class Committer final : public SinkCommitter {
 public:
  Committer(SimContext& context, SubtaskId subtask, AttemptId attempt)
      : context_(context), subtask_(subtask), attempt_(attempt) {}

  void Commit(const std::string& committable) override {
    const auto transaction = context_.outside.transactions.find(committable);
    if (transaction == context_.outside.transactions.end()) return context_.Violate("R14: a pending transaction vanished, " + committable);
    transaction->second.committed = true;
  }
  void RemoveLeftovers() override {
    std::erase_if(context_.outside.transactions, [&](const auto& entry) {
      const OutsideSystem::Transaction& transaction = entry.second;
      return !transaction.committed && transaction.subtask == subtask_ && transaction.attempt < attempt_;
    });
  }

 private:
  SimContext& context_;
  const SubtaskId subtask_;
  const AttemptId attempt_;
};

class ItemCollector final : public OperatorStateSink {
 public:
  explicit ItemCollector(std::vector<std::string>& items) : items_(items) {}
  void Declare(std::string_view, Mode, std::string_view) override {}
  void Add(std::string_view, std::string_view item) override { items_.emplace_back(item); }

 private:
  std::vector<std::string>& items_;
};

template <class T>
std::string Bytes(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

template <class T>
T FromBytes(std::string_view bytes) {
  return ByteReader(bytes).Get<T>();
}

StatusOr<KeyedStateHandle> WriteCounts(const SimContext& context, const Upload& upload, FileSystem& files,
                                       const std::string& path) {
  SnapshotHeader header;
  header.max_parallelism = context.graph.vertices[kCountVertex].max_parallelism;
  header.key_groups = upload.key_groups;
  header.states = {{.name = "count", .kind = "value", .schema = "u64", .options = {}}};
  SnapshotFileWriter writer(files, {.path = path, .placement = {.inline_size_bytes_max = kInlineBytesMax}}, header);
  BlockBuilder builder;
  for (const auto& [key, count] : upload.counts) {
    builder.Start(KeyGroupOfKey(key, header.max_parallelism));
    builder.Append({.state_index = 0, .kind = SnapshotRecordKind::kValue, .key = Bytes(key), .name_space = {}, .value = Bytes(count)});
    RETURN_IF_ERROR(writer.AddBlock(builder.Finish()));
  }
  ASSIGN_OR_RETURN(StateBytes bytes, writer.Finish());
  return KeyedStateHandle{.key_groups = upload.key_groups, .bytes = std::move(bytes)};
}

}  // namespace

Net::Net(const JobGraph& graph) {
  for (const JobEdge& edge : graph.edges) {
    channels.emplace_back(graph.vertices[edge.from.value].parallelism * graph.vertices[edge.to.value].parallelism);
  }
}

std::deque<Element>& Net::Channel(const JobGraph& graph, size_t edge, uint32_t from, uint32_t to) {
  return channels[edge][from * graph.vertices[graph.edges[edge].to.value].parallelism + to];
}

StatusOr<TaskSnapshot> Upload::Write(const SimContext& context, FileSystem& files) const {
  TaskSnapshot snapshot;
  snapshot.drained = drained;
  OperatorSubtaskState& state = snapshot.operators.emplace_back();
  state.operator_id = context.graph.vertices[subtask.vertex.value].id();
  std::string path = context.layout.StateFilePath({.checkpoint = id, .attempt = attempt, .subtask = subtask, .operator_index = 0, .sequence = 0});
  if (!directory.empty()) path = directory + path.substr(path.rfind('/'));
  if (subtask.vertex.value == kCountVertex) {
    ASSIGN_OR_RETURN(KeyedStateHandle handle, WriteCounts(context, *this, files, path));
    state.keyed.push_back(std::move(handle));
    return snapshot;
  }
  OperatorStateWriter writer;
  writer.Declare(kListName, RedistributionMode::kEvenSplit, "u32");
  for (const std::string& item : items) writer.AddItem(kListName, item);
  ASSIGN_OR_RETURN(OperatorStateHandle handle, writer.Finish(files, path, {.inline_size_bytes_max = kInlineBytesMax / 2}));
  state.operator_state.push_back(std::move(handle));
  return snapshot;
}

SimTask::SimTask(SimContext& context, Net& net, AttemptId attempt, SubtaskId subtask, SubtaskRestore restore)
    : context_(context), net_(net), attempt_(attempt), subtask_(subtask), restore_(std::move(restore)) {
  const JobGraph& graph = context_.graph;
  for (size_t i = 0; i < graph.edges.size(); ++i) {
    const JobEdge& edge = graph.edges[i];
    if (edge.to == subtask.vertex) {
      for (const uint32_t from : ProducersOf(graph, edge, subtask.subtask)) inputs_.push_back({&net.Channel(graph, i, from, subtask.subtask)});
    }
    if (edge.from == subtask.vertex) {
      partitioner_ = edge.partitioner;
      for (const uint32_t to : ConsumersOf(graph, edge, subtask.subtask)) outputs_.push_back(&net.Channel(graph, i, subtask.subtask, to));
    }
  }
  if (!inputs_.empty()) aligner_.emplace(static_cast<uint32_t>(inputs_.size()));
  if (subtask.vertex.value == kSinkVertex) {
    commits_ = std::make_unique<PendingCommits>(std::make_unique<Committer>(context, subtask, attempt));
  }
}

SimTask::~SimTask() = default;

void SimTask::Report(TaskStatus status) {
  status_ = status;
  messages_.push_back(SchedulerEvent::TaskChanged{.attempt = attempt_, .subtask = subtask_, .status = status,
                                                  .failure = {}, .jitter = context_.random.Fraction()});
}

void SimTask::Step() {
  if (HasEnded(status_)) return;
  if (net_.broken) return Report(TaskStatus::kFailed);
  if (status_ == TaskStatus::kInitializing) return TryRestore();
  if (suspended_by_.has_value()) return;
  if (!inputs_.empty()) return Consume();
  if (status_ == TaskStatus::kDrained || !HasRoom()) return;
  if (position_ == context_.records[subtask_.subtask]) return Drain();
  const uint32_t index = position_++;
  Emit({.source = subtask_.subtask, .index = index, .key = (index * 7 + subtask_.subtask) % context_.key_count, .count = 0});
}

void SimTask::TryRestore() {
  if (restore_.finished) {
    EmitToAll({.kind = Element::Kind::kEndOfData, .row = {}, .checkpoint = {}});
    return Finish();
  }
  const Status status = Restore();
  if (status.ok()) return Report(TaskStatus::kRunning);
  if (status.code() != StatusCode::kUnavailable) Report(TaskStatus::kFailed);  // R7: else wait and retry.
}

Status SimTask::Restore() {
  for (const OperatorSubtaskState& state : restore_.state.operators) {
    for (const KeyedStateHandle& handle : state.keyed) {
      ASSIGN_OR_RETURN(const SnapshotReader reader, SnapshotReader::Open(context_.files, handle.bytes));
      SnapshotReader::Cursor cursor = reader.Records(handle.key_groups);
      while (cursor.Next()) counts_[FromBytes<uint32_t>(cursor.record().key)] = FromBytes<uint64_t>(cursor.record().value);
      RETURN_IF_ERROR(cursor.status());
    }
    for (const OperatorStateHandle& handle : state.operator_state) {
      ASSIGN_OR_RETURN(std::string content, ReadStateBytes(context_.files, handle.bytes));
      ASSIGN_OR_RETURN(const OperatorStateReader reader, OperatorStateReader::Open(handle, std::move(content)));
      std::vector<std::string> items;
      for (const auto& partition : reader.partitions()) {
        for (const auto& item : partition.items) items.emplace_back(reader.Item(item));
      }
      if (commits_ != nullptr) commits_->Restore(items);
      if (subtask_.vertex.value == kSourceVertex && !items.empty()) position_ = FromBytes<uint32_t>(items.front());
    }
  }
  return Status::Ok();
}

bool SimTask::HasRoom() const {
  return std::all_of(outputs_.begin(), outputs_.end(), [](const auto* channel) { return channel->size() < kChannelElementsMax; });
}

void SimTask::Consume() {
  if (!HasRoom()) return;
  const uint32_t first = context_.random.Below(inputs_.size());
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    const uint32_t index = (first + i) % static_cast<uint32_t>(inputs_.size());
    Input& input = inputs_[index];
    if (input.closed || input.channel->empty() || aligner_->IsBlocked({index})) continue;
    const Element element = input.channel->front();
    input.channel->pop_front();
    return Process(index, element);
  }
}

void SimTask::Process(uint32_t input, const Element& element) {
  switch (element.kind) {
    case Element::Kind::kRow: return OnRow(element.row);
    case Element::Kind::kBarrier: {
      const BarrierAligner::Action action = aligner_->OnBarrier({input}, element.checkpoint);
      if (action != BarrierAligner::Action::kIgnoreStale) aligning_savepoint_ = element.savepoint;
      if (action == BarrierAligner::Action::kTakeCheckpoint) Snapshot(element.checkpoint, element.savepoint);
      return;
    }
    case Element::Kind::kEndOfData: {
      inputs_[input].end_of_data = true;
      const bool all = std::all_of(inputs_.begin(), inputs_.end(), [](const Input& each) { return each.end_of_data; });
      if (all) Drain();
      return;
    }
    case Element::Kind::kEndOfInput: {
      inputs_[input].closed = true;
      const std::optional<CheckpointId> aligning = aligner_->aligning();
      if (aligner_->OnEndOfInput({input}) == BarrierAligner::Action::kTakeCheckpoint) Snapshot(*aligning, aligning_savepoint_);
      return;
    }
  }
}

void SimTask::OnRow(Row row) {
  if (subtask_.vertex.value == kSinkVertex) {
    open_rows_.push_back(row);
    return;
  }
  row.count = ++counts_[row.key];
  Emit(row);
}

void SimTask::Emit(const Row& row) {
  const uint32_t count = static_cast<uint32_t>(outputs_.size());
  uint32_t to = context_.random.Below(count);
  if (partitioner_ == PartitionerKind::kKeyGroup) {
    const uint32_t max_parallelism = context_.graph.vertices[kCountVertex].max_parallelism;
    to = SubtaskOfKeyGroup(KeyGroupOfKey(row.key, max_parallelism), count, max_parallelism);
  }
  outputs_[to]->push_back({.kind = Element::Kind::kRow, .row = row, .checkpoint = {}});
}

void SimTask::EmitToAll(const Element& element) {
  for (std::deque<Element>* channel : outputs_) channel->push_back(element);
}

void SimTask::DrainByOrder() {
  if (status_ == TaskStatus::kRunning && inputs_.empty()) Drain();
}

void SimTask::Trigger(CheckpointId id, const std::optional<SavepointRequest>& savepoint) {
  if (id <= last_over_) return;
  if (status_ != TaskStatus::kRunning && status_ != TaskStatus::kDrained) {
    messages_.push_back(CoordinatorEvent::Declined{.attempt = attempt_, .subtask = subtask_, .id = id, .reason = "task not running"});
    return;
  }
  if (id <= last_snapshot_) return;
  // All producers of a root have finished: no barrier will come, and everything older is void.
  if (aligner_.has_value()) aligner_->OnAbort(id);
  Snapshot(id, savepoint);
}

void SimTask::Snapshot(CheckpointId id, const std::optional<SavepointRequest>& savepoint) {
  CHECK(id > last_snapshot_);
  last_snapshot_ = id;
  EmitToAll({.kind = Element::Kind::kBarrier, .row = {}, .checkpoint = id, .savepoint = savepoint});
  if (savepoint.has_value() && savepoint->stops()) suspended_by_ = id;
  Upload upload{.attempt = attempt_, .subtask = subtask_, .id = id, .drained = status_ == TaskStatus::kDrained, .items = {}, .counts = counts_, .key_groups = {}};
  if (savepoint.has_value()) upload.directory = savepoint->directory;
  if (upload.drained) drained_in_.insert(id);
  const JobVertex& vertex = context_.graph.vertices[subtask_.vertex.value];
  upload.key_groups = KeyGroupRangeOf(vertex.max_parallelism, vertex.parallelism, subtask_.subtask);
  if (subtask_.vertex.value == kSourceVertex) upload.items.push_back(Bytes(position_));
  if (commits_ != nullptr) {
    std::vector<std::string> prepared;
    if (!open_rows_.empty()) {  // R13: an empty epoch prepares nothing.
      prepared.push_back(TransactionName(subtask_, attempt_, next_transaction_++));
      context_.outside.transactions[prepared[0]] = {.subtask = subtask_, .attempt = attempt_, .rows = std::exchange(open_rows_, {})};
    }
    commits_->Add(id.value, prepared);
    ItemCollector collector(upload.items);
    commits_->Snapshot(collector);
  }
  uploads_.push_back(std::move(upload));
}

void SimTask::NotifyComplete(CheckpointId id) {
  if (status_ != TaskStatus::kRunning && status_ != TaskStatus::kDrained) return;
  last_over_ = std::max(last_over_, id);
  if (commits_ != nullptr) commits_->Commit(CommitPermitForTests::Of(id));
  if (drained_in_.contains(id) || suspended_by_ == id) Finish();
}

void SimTask::NotifyAborted(CheckpointId id) {
  last_over_ = std::max(last_over_, id);
  if (suspended_by_ == id) suspended_by_.reset();
  if (aligner_.has_value()) aligner_->OnAbort(id);
}

void SimTask::Drain() {
  EmitToAll({.kind = Element::Kind::kEndOfData, .row = {}, .checkpoint = {}});
  Report(TaskStatus::kDrained);
  if (context_.mutations.end_without_final_checkpoint) Finish();
}

void SimTask::Finish() {
  suspended_by_.reset();
  EmitToAll({.kind = Element::Kind::kEndOfInput, .row = {}, .checkpoint = {}});
  Report(TaskStatus::kFinished);
}

}  // namespace weir::sim
