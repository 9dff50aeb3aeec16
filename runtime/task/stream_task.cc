#include "runtime/task/stream_task.h"

#include <unistd.h>

#include <exception>
#include <iterator>
#include <stdexcept>

#include "base/check.h"
#include "base/log.h"
#include "runtime/operator/job_planner.h"

namespace weir {
namespace {

constexpr int64_t kFlushCheckNs = 1'000'000;
constexpr int64_t kHealthCheckNs = 20'000'000;
constexpr int64_t kSnapshotPauseNs = 1'000'000;
// The end of a peer is reported by its own side, which knows the cause; only silence about it makes this task fail.
constexpr int64_t kBrokenChannelGraceNs = 2'000'000'000;

bool MayFollow(TaskPhase from, TaskPhase to) {
  if (to == TaskPhase::kEnded) return from != TaskPhase::kEnded;
  switch (from) {
    case TaskPhase::kCreated: return to == TaskPhase::kRunning || to == TaskPhase::kEnding;
    case TaskPhase::kRunning: return to == TaskPhase::kSuspended || to == TaskPhase::kDrained;
    case TaskPhase::kSuspended: return to == TaskPhase::kRunning || to == TaskPhase::kEnding;
    case TaskPhase::kDrained: return to == TaskPhase::kEnding;
    case TaskPhase::kEnding:
    case TaskPhase::kEnded: return false;
  }
  return false;
}

}  // namespace

class StreamTask::Tail final : public BatchSink {
 public:
  // `side_output`: its id, empty for the main output.
  Tail(StreamTask& task, const std::string& side_output) : task_(task) {
    for (const auto& partition : task.partitions_) {
      if (partition->routing().side_output == side_output) partitions_.push_back(partition.get());
    }
  }
  bool has_readers() const { return !partitions_.empty(); }
  const TypeInfo& type() const { return *partitions_.front()->routing().type; }
  bool CopiesRows() const {
    return std::all_of(partitions_.begin(), partitions_.end(), [](const ResultPartition* partition) { return partition->CopiesRows(); });
  }

  void Push(RecordBatch batch) override {
    for (size_t i = 0; i + 1 < partitions_.size(); ++i) partitions_[i]->Push(batch.Copy());
    if (!partitions_.empty()) partitions_.back()->Push(std::move(batch));
  }
  // On every partition: a side output is as far as the main one.
  void PushWatermark(int64_t watermark_ms) override {
    task_.Broadcast([watermark_ms] { return Element::Watermark(watermark_ms); });
  }

 private:
  StreamTask& task_;
  std::vector<ResultPartition*> partitions_;
};

StreamTask::StreamTask(Options options)
    : options_(std::move(options)),
      name_(vertex().name + " (" + std::to_string(options_.deployment.subtask.subtask + 1) + "/" + std::to_string(vertex().parallelism) + ")") {}

StreamTask::~StreamTask() = default;

const JobVertex& StreamTask::vertex() const { return options_.plan->graph.vertices[options_.deployment.subtask.vertex.value]; }

// ---- Mail ----

void StreamTask::Post(std::function<void()> mail) {
  {
    std::lock_guard lock(mail_mutex_);
    mail_.push_back(std::move(mail));
    has_mail_.store(true, std::memory_order_release);
  }
  options_.slot_task->Wake();
}

void StreamTask::TriggerCheckpoint(CheckpointBarrier barrier) {
  Post([this, barrier] { OnRootTrigger(barrier); });
}

void StreamTask::NotifyCheckpoint(CheckpointId id, bool completed) {
  Post([this, id, completed] { OnCheckpointOver(id, completed); });
}

void StreamTask::Drain() {
  Post([this] {
    if (broken_channel_.has_value() || phase_ != TaskPhase::kRunning) return;
    drained_by_order_ = true;
    FinishData();
  });
}

void StreamTask::AttachSocket(uint32_t edge, uint32_t producer, FileDescriptor socket) {
  // Shared since mail is copyable; mail that nobody reads any more closes it.
  Post([this, edge, producer, socket = std::make_shared<FileDescriptor>(std::move(socket))] {
    const auto found = remote_readers_.find({edge, producer});
    if (found == remote_readers_.end()) return;
    found->second->Attach(socket->Release());
    remote_readers_.erase(found);
  });
}

void StreamTask::Cancel() {
  options_.loop->Post([task = options_.slot_task] { task->RequestCancel(); });
  Post([] { throw TaskCancelled(); });
}

void StreamTask::BreakChannels(const std::string& why) {
  options_.loop->Post([task = options_.slot_task, why] { task->BreakWait(why); });
  Post([this, why] {
    // One that has ended its work only waits for its channels to empty; nobody is left to take what is in them.
    if (!broken_channel_.has_value()) throw ChannelBroken{why};
  });
}

bool StreamTask::HandleMail() {
  if (!has_mail_.load(std::memory_order_acquire)) return false;
  std::vector<std::function<void()>> mail;
  {
    std::lock_guard lock(mail_mutex_);
    mail.swap(mail_);
    has_mail_.store(false, std::memory_order_relaxed);
  }
  for (size_t i = 0; i < mail.size() && phase_ != TaskPhase::kEnded; ++i) {
    try {
      mail[i]();
    } catch (...) {
      // What came behind it counts still: the cancellation after a broken channel, above all.
      std::lock_guard lock(mail_mutex_);
      mail_.insert(mail_.begin(), std::make_move_iterator(mail.begin() + static_cast<ptrdiff_t>(i) + 1), std::make_move_iterator(mail.end()));
      has_mail_.store(!mail_.empty(), std::memory_order_release);
      if (!mail_.empty()) options_.slot_task->Wake();
      throw;
    }
  }
  return true;
}

// ---- Steps ----

void StreamTask::SetPhase(TaskPhase next) {
  CHECK(MayFollow(phase_, next));
  phase_ = next;
}

StepResult StreamTask::Step(int64_t now_ns) {
  std::string message;
  try {
    return DoStep(now_ns);
  } catch (const TaskCancelled&) {
    End(TaskState::kCanceled, Status::Ok());
    return StepResult::kDone;
  } catch (const ChannelBroken& broken) {
    broken_channel_ = broken.reason;
    broken_at_ns_ = now_ns;
    return StepBroken(now_ns);
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
    message = "something that is no std::exception was thrown";
  }
  if (chain_ != nullptr && !chain_->restore_failure().ok()) {
    End(TaskState::kFailed, chain_->restore_failure().WithContext(FullName() + " cannot be restored"));
    return StepResult::kDone;
  }
  const std::string opening = chain_ != nullptr && !chain_->opening().empty() ? " in Open of \"" + chain_->opening() + "\"" : "";
  const std::string stack = options_.exception_stack ? options_.exception_stack() : "";
  End(TaskState::kFailed, UserError(FullName() + " failed" + opening + ": " + message), stack);
  return StepResult::kDone;
}

StepResult StreamTask::DoStep(int64_t now_ns) {
  next_wake_ns_.reset();
  if (phase_ == TaskPhase::kCreated) {
    Initialize();
    return phase_ == TaskPhase::kEnded ? StepResult::kDone : StepResult::kProgress;
  }
  if (HandleMail() && phase_ == TaskPhase::kEnded) return StepResult::kDone;
  if (broken_channel_.has_value()) return StepBroken(now_ns);
  if (now_ns - last_flush_check_ns_ >= kFlushCheckNs) {
    last_flush_check_ns_ = now_ns;
    for (const auto& partition : partitions_) partition->FlushOverdue(now_ns);
    PublishCounters();
  }
  if (now_ns - last_health_check_ns_ >= kHealthCheckNs) {
    last_health_check_ns_ = now_ns;
    CheckChannels();
  }
  if (checkpoints_ != nullptr && checkpoints_->walking()) checkpoints_->Continue(now_ns, false);
  // Also of a task that always has input.
  if (phase_ == TaskPhase::kRunning) chain_->AdvanceProcessingTime();
  if (StepInputs(now_ns)) return StepResult::kProgress;
  if (phase_ == TaskPhase::kEnding && InputsEnded()) {
    const bool flushed = std::all_of(partitions_.begin(), partitions_.end(), [](const auto& partition) { return partition->Flushed(); });
    if (!flushed) return StepIdle(now_ns);
    PublishCounters();
    MarkEnded();
    return StepResult::kDone;
  }
  if (phase_ == TaskPhase::kRunning) {
    switch (chain_->Poll(InputsDrained())) {
      case PollResult::kMore: return StepResult::kProgress;
      case PollResult::kEnd: FinishData(); return StepResult::kProgress;
      case PollResult::kWait: break;
    }
  }
  return StepIdle(now_ns);
}

StepResult StreamTask::StepBroken(int64_t now_ns) {
  if (now_ns - broken_at_ns_ >= kBrokenChannelGraceNs) {
    End(TaskState::kFailed, Unavailable(name_ + " lost a channel: " + *broken_channel_));
    return StepResult::kDone;
  }
  next_wake_ns_ = broken_at_ns_ + kBrokenChannelGraceNs;
  return StepResult::kIdle;
}

StepResult StreamTask::StepIdle(int64_t now_ns) {
  PublishCounters();
  if (checkpoints_ != nullptr && checkpoints_->walking()) {
    // Without records here, others in the slot may have some; when nobody has, the walk goes on at full speed.
    if (options_.loop->idle() && checkpoints_->Continue(now_ns, true)) return StepResult::kProgress;
    next_wake_ns_ = checkpoints_->pool_is_behind() ? now_ns + kSnapshotPauseNs : now_ns;
  }
  CheckChannels();
  const auto wake_at = [this](int64_t due_ns) { next_wake_ns_ = std::min(next_wake_ns_.value_or(due_ns), due_ns); };
  for (const auto& partition : partitions_) {
    if (const std::optional<int64_t> due_ns = partition->FlushIdle(now_ns)) wake_at(*due_ns);
  }
  if (phase_ == TaskPhase::kRunning) {
    if (const std::optional<int64_t> left_ns = chain_->ProcessingTimeDueNs()) wake_at(now_ns + *left_ns);
  }
  return StepResult::kIdle;
}

// ---- Checkpoints ----

void StreamTask::OnRootTrigger(CheckpointBarrier barrier) {
  if (broken_channel_.has_value() || barrier.id <= last_over_) return;
  if (phase_ == TaskPhase::kEnding) {
    options_.events->OnSnapshotFailed(options_.attempt, subtask(), barrier.id, FailedPrecondition("checkpoint declined: the task has finished, task=" + FullName()));
  } else if (InputsEnded()) {
    TakeCheckpoint(barrier, 0);
  } else {
    // The ends of its inputs are still on their way, behind records.
    root_trigger_ = barrier;
  }
}

void StreamTask::TakeCheckpoint(const CheckpointBarrier& barrier, int64_t alignment_us) {
  if (barrier.id <= last_taken_) return;
  last_taken_ = barrier.id;
  // Barrier before snapshot: downstream may align while we copy.
  Broadcast([&barrier] { return Element::Barrier(barrier); });
  checkpoints_->Begin(barrier, phase_ == TaskPhase::kDrained, watermark_, alignment_us);
  if (!barrier.stops()) return;
  suspended_by_ = barrier.id;
  if (phase_ == TaskPhase::kRunning) SetPhase(TaskPhase::kSuspended);
}

void StreamTask::OnCheckpointOver(CheckpointId id, bool completed) {
  last_over_ = std::max(last_over_, id);
  const bool suspended = phase_ == TaskPhase::kSuspended && id == suspended_by_;
  if (broken_channel_.has_value() || phase_ == TaskPhase::kCreated || phase_ >= TaskPhase::kEnding) return;
  if (completed) {
    const bool covered = checkpoints_->Complete(id);
    if (suspended || (covered && phase_ == TaskPhase::kDrained)) EndNormally();
    return;
  }
  checkpoints_->Abort(id);
  if (gate_ != nullptr) gate_->aligner().OnAbort(id);
  if (root_trigger_.has_value() && root_trigger_->id <= id) root_trigger_.reset();
  if (suspended) SetPhase(TaskPhase::kRunning);
}

// ---- Beginning and end ----

void StreamTask::Initialize() {
  options_.events->OnTaskState(options_.attempt, subtask(), TaskState::kInitializing, {});
  MakePartitions();
  MakeGates();
  if (options_.deployment.restored_finished) {
    BroadcastEndOfTime();
    Broadcast([] { return Element::EndOfInput(); });
    SetPhase(TaskPhase::kEnding);
    options_.events->OnTaskState(options_.attempt, subtask(), TaskState::kFinished, {});
    return;
  }
  tail_ = std::make_unique<Tail>(*this, "");
  OperatorChain::Options chain;
  chain.vertex = &vertex();
  chain.nodes = &options_.plan->chains[subtask().vertex.value];
  chain.subtask = subtask().subtask;
  chain.job_name = options_.plan->graph.name;
  chain.job_id = options_.job.ToHex();
  chain.attempt = options_.attempt.ToString();
  chain.attempt_number = options_.attempt.restart - 1;  // Deployments count from 1.
  chain.restored_state = &options_.deployment.restored_state;
  chain.files = &options_.storage->files;
  chain.clock = &options_.storage->clock;
  chain.track_changes = options_.storage->incremental.incremental;
  chain.cold_rows = options_.cold_rows;
  chain.cache_bytes_max = options_.cache_bytes_max;
  chain.metrics = options_.metrics;
  chain.metric_labels = options_.metric_labels;
  chain.distributor = partitions_.empty() ? nullptr : partitions_.front().get();
  chain.request_work = [this](uint32_t count) { gate_->RequestWork(count); };
  chain.wake_on_readable = [this](int fd) { options_.loop->reactor().WatchReadable(fd, this, [task = options_.slot_task] { task->Wake(); }); };
  chain.tail_copies_rows = tail_->CopiesRows();
  chain.side_output = [this](const std::string& id, const TypeInfo& type) { return SideOutput(id, type); };
  // 0 = nothing was restored.
  if (options_.deployment.restored_checkpoint.value != 0) chain.restored_checkpoint = options_.deployment.restored_checkpoint.value;
  watermark_ = options_.deployment.restored_state.watermark;
  chain.watermark_ms = watermark_;
  chain.auto_watermark_interval_ms = options_.auto_watermark_interval_ms;
  chain.batch_bytes_max = options_.limits.batch_bytes_max;
  chain.rows_per_batch = [this](const TypeInfo& type) { return RowsPerBatch(options_.limits, type); };
  chain_ = std::make_unique<OperatorChain>(std::move(chain), *tail_);
  checkpoints_ = std::make_unique<TaskCheckpoints>(TaskCheckpoints::Identity{options_.attempt, subtask()}, *chain_, *options_.storage, *options_.events);
  if (const Status opened = chain_->Open(); !opened.ok()) {
    End(TaskState::kFailed, opened.WithContext(FullName() + " cannot be restored"));
    return;
  }
  last_taken_ = options_.deployment.restored_checkpoint;
  SetPhase(TaskPhase::kRunning);
  options_.events->OnTaskState(options_.attempt, subtask(), TaskState::kRunning, {});
  if (options_.deployment.restored_state.drained) {
    // Its records and what Finish emitted are part of the restored checkpoint.
    BroadcastEndOfTime();
    Broadcast([] { return Element::Status(StreamStatus::kDrained); });
    SetPhase(TaskPhase::kDrained);
    options_.events->OnTaskState(options_.attempt, subtask(), TaskState::kDrained, {});
  }
}

void StreamTask::MakePartitions() {
  const JobGraph& graph = options_.plan->graph;
  for (const GateDeployment& deployed : options_.deployment.partitions) {
    const JobEdge& edge = graph.edges[deployed.edge];
    const JobVertex& consumer = graph.vertices[edge.to.value];
    const EdgeRouting* const routing = options_.plan->routings[deployed.edge];
    std::vector<std::unique_ptr<ChannelWriter>> writers;
    for (const ChannelPeer& peer : deployed.channels) {
      writers.push_back(options_.channels->MakeWriter(deployed.edge, subtask().subtask, peer, *routing->type, *options_.slot_task, options_.loop->reactor()));
    }
    const ResultPartition::Options partition{edge.partitioner, routing, subtask().subtask, consumer.parallelism, consumer.max_parallelism, options_.limits};
    partitions_.push_back(std::make_unique<ResultPartition>(partition, std::move(writers), *options_.slot_task));
  }
}

void StreamTask::MakeGates() {
  std::vector<InputGate::Input> inputs;
  for (const GateDeployment& deployed : options_.deployment.gates) {
    const EdgeRouting* const routing = options_.plan->routings[deployed.edge];
    for (const ChannelPeer& peer : deployed.channels) {
      RemoteReader* remote = nullptr;
      inputs.push_back({options_.channels->MakeReader(deployed.edge, subtask().subtask, peer, *routing->type, *options_.slot_task,
                                                      options_.loop->reactor(), remote),
                        routing->input});
      if (remote != nullptr) remote_readers_[{deployed.edge, peer.subtask}] = remote;
    }
  }
  if (!inputs.empty()) gate_ = std::make_unique<InputGate>(std::move(inputs), options_.limits.batch_rows_max / 2);
}

BatchSink* StreamTask::SideOutput(const std::string& id, const TypeInfo& type) {
  std::unique_ptr<Tail>& output = side_outputs_[id];
  if (output == nullptr) output = std::make_unique<Tail>(*this, id);
  if (!output->has_readers()) return nullptr;
  if (&output->type() != &type) {
    throw std::logic_error("side output \"" + id + "\" carries " + output->type().schema() + ", and " + type.schema() + " was emitted");
  }
  return output.get();
}

void StreamTask::FinishData() {
  // The end of all input is the end of event time: what still waits for it is due.
  AdvanceWatermark(kMaxWatermark);
  chain_->Finish();
  Broadcast([] { return Element::Status(StreamStatus::kDrained); });
  SetPhase(TaskPhase::kDrained);
  PublishCounters();
  options_.events->OnTaskState(options_.attempt, subtask(), TaskState::kDrained, {});
}

void StreamTask::EndNormally() {
  chain_->Close();
  Broadcast([] { return Element::EndOfInput(); });
  SetPhase(TaskPhase::kEnding);
  options_.events->OnTaskState(options_.attempt, subtask(), TaskState::kFinished, {});
}

void StreamTask::End(TaskState state, const Status& failure, const std::string& stack) {
  const bool was_open = (phase_ > TaskPhase::kCreated && phase_ < TaskPhase::kEnding) || (phase_ == TaskPhase::kCreated && chain_ != nullptr);
  checkpoints_.reset();
  // A Close that threw is what ended the task: it is not called again.
  if (was_open && !chain_->closed()) {
    try {
      chain_->Close();
    } catch (const std::exception& error) {
      LOG_WARN("Close failed after the end of the task, task={}, error={}", FullName(), error.what());
    } catch (...) {
      LOG_WARN("Close failed after the end of the task, task={}", FullName());
    }
  }
  // The channels go now: peers see the end of the attempt at once.
  chain_.reset();
  side_outputs_.clear();
  partitions_.clear();
  gate_.reset();
  remote_readers_.clear();
  const bool had_finished = phase_ == TaskPhase::kEnding;
  if (state == TaskState::kFailed) {
    LOG_ERROR("Task failed, task={}, attempt={}, error={}{}{}", FullName(), options_.attempt.ToString(), failure.ToString(), stack.empty() ? "" : "\n", stack);
  }
  // FINISHED was its last word when it had finished and only its channels were still being emptied.
  if (!had_finished) options_.events->OnTaskState(options_.attempt, subtask(), state, {failure, stack});
  MarkEnded();
}

void StreamTask::MarkEnded() {
  options_.loop->reactor().UnwatchAll(this);
  SetPhase(TaskPhase::kEnded);
  ended_.store(true, std::memory_order_release);
  options_.on_ended();
}

// ---- The rest ----

void StreamTask::Broadcast(const std::function<Element()>& make) {
  for (const auto& partition : partitions_) partition->Broadcast(make);
}

void StreamTask::BroadcastEndOfTime() {
  // Splits have no time: that of their readers goes on.
  if (!vertex().is_enumerator) Broadcast([] { return Element::Watermark(kMaxWatermark); });
}

void StreamTask::CheckChannels() {
  Status status = gate_ != nullptr ? gate_->health() : Status::Ok();
  for (const auto& partition : partitions_) {
    if (status.ok()) status = partition->health();
  }
  if (!status.ok()) throw ChannelBroken{status.message()};
}

void StreamTask::PublishCounters() {
  uint64_t rows = 0;
  uint64_t batches = 0;
  FlushCounts flushes;
  for (const auto& partition : partitions_) {
    rows += partition->rows_out();
    batches += partition->batches_out();
    flushes.full += partition->flushes().full;
    flushes.control += partition->flushes().control;
    flushes.idle += partition->flushes().idle;
    flushes.time += partition->flushes().time;
  }
  counters_.records_out.store(rows, std::memory_order_relaxed);
  counters_.batches_out.store(batches, std::memory_order_relaxed);
  counters_.flushes_full.store(flushes.full, std::memory_order_relaxed);
  counters_.flushes_control.store(flushes.control, std::memory_order_relaxed);
  counters_.flushes_idle.store(flushes.idle, std::memory_order_relaxed);
  counters_.flushes_time.store(flushes.time, std::memory_order_relaxed);
}

}  // namespace weir
