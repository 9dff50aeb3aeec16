#include "runtime/task/operator_chain.h"

#include <exception>
#include <stdexcept>

#include "base/check.h"
#include "base/status_macros.h"
#include "runtime/graph/state_backend_check.h"
#include "runtime/task/keyed_restore.h"
#include "state/checkpoint/operator_state_file.h"
#include "state/checkpoint/state_bytes.h"

namespace weir {
namespace {

uint32_t RowsInCache(const TypeInfo& type) {
  constexpr uint32_t kBytes = 12 * 1024;
  constexpr uint32_t kRowsMin = 16;
  return std::max(kBytes / type.size_bytes, kRowsMin);
}

}  // namespace

// What an operator emits goes to the one behind it.
class OperatorChain::Next final : public BatchSink {
 public:
  Next(OperatorChain& chain, size_t link_index) : chain_(chain), link_index_(link_index), op_(*chain.links_[link_index].op) {}
  void Push(RecordBatch batch) override { op_.ProcessBatch(batch); }
  void PushWatermark(int64_t watermark_ms) override { chain_.AdvanceWatermark(link_index_, watermark_ms); }

 private:
  OperatorChain& chain_;
  const size_t link_index_;
  Operator& op_;
};

OperatorChain::OperatorChain(Options options, BatchSink& tail) : options_(std::move(options)), tail_(tail) {
  const JobVertex& vertex = *options_.vertex;
  const KeyGroupRange key_groups = KeyGroupRangeOf(vertex.max_parallelism, vertex.parallelism, options_.subtask);
  for (size_t i = 0; i < vertex.chain.size(); ++i) {
    Link& link = links_.emplace_back();
    link.description = &vertex.chain[i];
    link.op = (*options_.nodes)[i]->make_operator();
    if (vertex.chain[i].keyed) {
      link.keyed_state = std::make_unique<KeyedStateStore>(key_groups.start, key_groups.end, vertex.max_parallelism);
      if (options_.track_changes) link.keyed_state->TrackChanges();
      link.keyed_state->SetProcessingTime([clock = options_.clock] { return clock->WallMillis(); });
      link.op->DeclareKeyedState(*link.keyed_state);
    }
    MetricLabels labels = options_.metric_labels;
    labels.emplace_back("operator_id", vertex.chain[i].id.ToHex());
    labels.emplace_back("operator_name", vertex.chain[i].name);
    link.metrics = std::make_unique<MetricScope>(*options_.metrics, "taskmanager_job_task_operator", std::move(labels));
    link.runtime = std::make_unique<TaskRuntimeContext>(
        TaskRuntimeInfo{options_.job_name, vertex.chain[i].name, options_.subtask, vertex.parallelism, vertex.max_parallelism, options_.attempt_number},
        *link.metrics);
  }
  for (size_t i = 0; i + 1 < links_.size(); ++i) links_[i].next = std::make_unique<Next>(*this, i + 1);
}

OperatorChain::~OperatorChain() = default;

const OperatorSubtaskState* OperatorChain::RestoredStateOf(const ChainedOperator& op) const {
  for (const OperatorSubtaskState& state : options_.restored_state->operators) {
    if (state.operator_id == op.id) return &state;
  }
  return nullptr;
}

Status OperatorChain::Open() {
  for (size_t i = links_.size(); i-- > 0;) {
    Link& link = links_[i];
    if (link.keyed_state != nullptr) {
      RETURN_IF_ERROR(AttachColdRows(link));
      RETURN_IF_ERROR(RestoreKeyedState(link));
    }
    std::unique_ptr<OperatorContext> context = MakeContext(i);
    opening_ = link.description->name;
    link.op->Open(*context);
    contexts_.push_back(std::move(context));
  }
  opening_.clear();
  return Status::Ok();
}

std::unique_ptr<OperatorContext> OperatorChain::MakeContext(size_t link_index) {
  Link& link = links_[link_index];
  const StreamNode& node = *(*options_.nodes)[link_index];
  auto context = std::make_unique<OperatorContext>(*link.runtime, link.next != nullptr ? *link.next : tail_);
  if (node.output_type != nullptr) {
    context->read_rows_max = options_.rows_per_batch(*node.output_type);
    // A batch that is copied row by row, or read by the next operator, is best read while it is in the first cache.
    const bool moves_whole = link.next == nullptr && !options_.tail_copies_rows;
    context->output_bounds.rows_max = moves_whole ? context->read_rows_max : std::min(context->read_rows_max, RowsInCache(*node.output_type));
    context->output_bounds.owned_bytes_max = options_.batch_bytes_max;
  }
  context->keyed_state = link.keyed_state.get();
  context->distributor = options_.distributor;
  context->request_work = options_.request_work;
  context->wake_on_readable = options_.wake_on_readable;
  context->side_output = options_.side_output;
  context->processing_time_ms = [clock = options_.clock] { return clock->WallMillis(); };
  context->request_processing_time = [this](int64_t time_ms) { processing_time_due_ms_ = std::min(processing_time_due_ms_, time_ms); };
  context->auto_watermark_interval_ms = options_.auto_watermark_interval_ms;
  context->watermark_ms = options_.watermark_ms;
  context->restored_operator_state = [this, &link] {
    StatusOr<std::vector<RestoredOperatorState>> states = RestoredOperatorStates(*link.description);
    if (!states.ok()) {
      restore_failure_ = states.status().WithContext("operator state of \"" + link.description->name + "\"");
      throw std::runtime_error(restore_failure_.ToString());
    }
    return std::move(*states);
  };
  if (RestoredStateOf(*link.description) != nullptr) context->restored_checkpoint_id = options_.restored_checkpoint;
  context->job_id = options_.job_id;
  context->operator_id = link.description->id.ToHex();
  context->attempt = options_.attempt;
  return context;
}

void OperatorChain::AdvanceWatermark(size_t link_index, int64_t watermark_ms) {
  for (size_t i = link_index; i < links_.size(); ++i) {
    const std::optional<int64_t> passed_on = links_[i].op->OnWatermark(watermark_ms);
    if (!passed_on.has_value()) return;
    watermark_ms = *passed_on;
  }
  tail_.PushWatermark(watermark_ms);
}

void OperatorChain::AdvanceProcessingTime() {
  if (processing_time_due_ms_ == INT64_MAX) [[likely]] return;
  const int64_t now_ms = options_.clock->WallMillis();
  if (now_ms < processing_time_due_ms_) return;
  // Whoever waits for a later time asks again.
  processing_time_due_ms_ = INT64_MAX;
  for (Link& link : links_) link.op->OnProcessingTime(now_ms);
}

std::optional<int64_t> OperatorChain::ProcessingTimeDueNs() const {
  if (processing_time_due_ms_ == INT64_MAX) return std::nullopt;
  constexpr int64_t kDayMs = 86'400'000;
  const int64_t now_ms = options_.clock->WallMillis();
  if (processing_time_due_ms_ <= now_ms) return 0;
  const bool far = processing_time_due_ms_ > now_ms + kDayMs;  // The clock is looked at again then.
  return (far ? kDayMs : processing_time_due_ms_ - now_ms) * 1'000'000;
}

Status OperatorChain::AttachColdRows(Link& link) {
  const RowLayout& layout = link.keyed_state->layout();
  if (options_.cold_rows == nullptr || layout.columns.empty()) return Status::Ok();
  const KeyGroupRange key_groups = KeyGroupRangeOf(options_.vertex->max_parallelism, options_.vertex->parallelism, options_.subtask);
  ColdRowsFactory::Request request{link.description->name + "-" + std::to_string(options_.subtask), key_groups.start, key_groups.end, {}, {}};
  for (const StateColumn& column : layout.columns) {
    RETURN_IF_ERROR(CheckForRocksDb(link.description->name, column.name, column.kind));
    request.columns.push_back({column.name, column.ttl.ttl_ms});
  }
  request.now_ms = [clock = options_.clock] { return clock->WallMillis(); };
  ASSIGN_OR_RETURN(std::unique_ptr<ColdRows> cold, options_.cold_rows->Make(request));
  link.keyed_state->AttachCold(std::move(cold), options_.cache_bytes_max);
  return Status::Ok();
}

Status OperatorChain::RestoreKeyedState(Link& link) {
  const OperatorSubtaskState* const state = RestoredStateOf(*link.description);
  if (state == nullptr || state->keyed.empty()) return Status::Ok();
  const JobVertex& vertex = *options_.vertex;
  const KeyedRestoreTarget target{link.description->name, link.description->key_schema, vertex.max_parallelism,
                                  KeyGroupRangeOf(vertex.max_parallelism, vertex.parallelism, options_.subtask)};
  return weir::RestoreKeyedState(*options_.files, state->keyed, target, *link.keyed_state);
}

StatusOr<std::vector<RestoredOperatorState>> OperatorChain::RestoredOperatorStates(const ChainedOperator& op) const {
  std::vector<RestoredOperatorState> restored;
  const OperatorSubtaskState* const state = RestoredStateOf(op);
  if (state == nullptr) return restored;
  for (const OperatorStateHandle& handle : state->operator_state) {
    ASSIGN_OR_RETURN(std::string content, ReadStateBytes(*options_.files, handle.bytes));
    ASSIGN_OR_RETURN(const OperatorStateReader reader, OperatorStateReader::Open(handle, std::move(content)));
    for (const OperatorStatePartition& partition : reader.partitions()) {
      auto found = std::find_if(restored.begin(), restored.end(), [&](const RestoredOperatorState& seen) { return seen.name == partition.name; });
      const auto mode = static_cast<OperatorStateSink::Mode>(partition.mode);
      if (found == restored.end()) found = restored.insert(found, {partition.name, mode, partition.schema, {}});
      if (found->mode != mode || found->schema != partition.schema) {
        return FailedPrecondition("subtasks kept different things under one name, state=" + partition.name + " schemas=" + found->schema + ", " + partition.schema);
      }
      for (const OperatorStatePartition::Item& item : partition.items) found->items.emplace_back(reader.Item(item));
    }
  }
  return restored;
}

void OperatorChain::Finish() {
  for (Link& link : links_) link.op->Finish();
}

void OperatorChain::Close() {
  CHECK(!closed_);
  closed_ = true;
  std::exception_ptr first;
  for (Link& link : links_) {
    try {
      link.op->Close();
    } catch (...) {
      if (first == nullptr) first = std::current_exception();
    }
  }
  if (first != nullptr) std::rethrow_exception(first);
}

}  // namespace weir
