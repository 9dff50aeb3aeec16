#include "runtime/task/operator_chain.h"

#include <exception>
#include <stdexcept>

#include "base/check.h"
#include "base/status_macros.h"
#include "runtime/task/keyed_restore.h"
#include "state/checkpoint/operator_state_file.h"
#include "state/checkpoint/state_bytes.h"

namespace weir {
namespace {

class ChainLink final : public BatchSink {
 public:
  explicit ChainLink(Operator& next) : next_(next) {}
  void Push(RecordBatch batch) override { next_.ProcessBatch(batch); }

 private:
  Operator& next_;
};

uint32_t RowsInCache(const TypeInfo& type) {
  constexpr uint32_t kBytes = 12 * 1024;
  constexpr uint32_t kRowsMin = 16;
  return std::max(kBytes / type.size_bytes, kRowsMin);
}

}  // namespace

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
  for (size_t i = 0; i + 1 < links_.size(); ++i) links_[i].next = std::make_unique<ChainLink>(*links_[i + 1].op);
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
    if (link.keyed_state != nullptr) RETURN_IF_ERROR(RestoreKeyedState(link));
    const StreamNode& node = *(*options_.nodes)[i];
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
    context->restored_items = [this, &link](std::string_view name) {
      StatusOr<std::vector<std::string>> items = RestoredItems(*link.description, name);
      if (!items.ok()) {
        restore_failure_ = items.status().WithContext("operator state of \"" + link.description->name + "\"");
        throw std::runtime_error(restore_failure_.ToString());
      }
      return std::move(*items);
    };
    context->restored = RestoredStateOf(*link.description) != nullptr;
    context->job_id = options_.job_id;
    context->operator_id = link.description->id.ToHex();
    context->attempt = options_.attempt;
    opening_ = link.description->name;
    link.op->Open(*context);
    contexts_.push_back(std::move(context));
  }
  opening_.clear();
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

StatusOr<std::vector<std::string>> OperatorChain::RestoredItems(const ChainedOperator& op, std::string_view name) const {
  std::vector<std::string> items;
  const OperatorSubtaskState* const state = RestoredStateOf(op);
  if (state == nullptr) return items;
  for (const OperatorStateHandle& handle : state->operator_state) {
    ASSIGN_OR_RETURN(std::string content, ReadStateBytes(*options_.files, handle.bytes));
    ASSIGN_OR_RETURN(const OperatorStateReader reader, OperatorStateReader::Open(handle, std::move(content)));
    for (const OperatorStatePartition& partition : reader.partitions()) {
      if (partition.name != name) continue;
      for (const OperatorStatePartition::Item& item : partition.items) items.emplace_back(reader.Item(item));
    }
  }
  return items;
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
