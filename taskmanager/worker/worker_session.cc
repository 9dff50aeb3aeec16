#include "taskmanager/worker/worker_session.h"

#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "base/log.h"
#include "base/status_macros.h"
#include "proto/convert.h"
#include "proto/crash_report.h"
#include "proto/message_socket.h"
#include "proto/messages.pb.h"
#include "runtime/task/worker_runtime.h"
#include "taskmanager/worker/memory_limit.h"
#include "taskmanager/worker/state_backend.h"

namespace weir {
namespace {

constexpr uint32_t kQueuedCommandsMax = 65'536;
constexpr int64_t kTickMs = 1'000;
constexpr int kMemoryCheckMs = 50;
constexpr int64_t kFlushMs = 1'000;
constexpr int kFailedExitCode = 1;

std::vector<SubtaskId> Subtasks(const google::protobuf::RepeatedPtrField<proto::Subtask>& messages) {
  std::vector<SubtaskId> subtasks;
  for (const proto::Subtask& message : messages) subtasks.push_back(FromProto(message));
  return subtasks;
}

std::string Mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

JobSource SourceOf(const proto::WorkerStart& start, const JobGraph& shipped) {
  JobSource source;
  source.library_path = start.library_path();
  source.arguments.assign(start.start().arguments().begin(), start.start().arguments().end());
  source.parallelism = std::max(1u, start.settings().parallelism_default());
  source.max_parallelism = start.settings().max_parallelism();
  // What the planner resolved: the second plan must not see another configuration.
  source.defaults.checkpoint = shipped.checkpoint;
  source.defaults.restart = shipped.restart;
  for (const auto& [name, value] : start.start().pinned()) source.pinned[name] = value;
  return source;
}

// Runs user code. The plan must have the shape of the one that was shipped.
StatusOr<std::unique_ptr<LoadedJob>> LoadAndCompare(const proto::WorkerStart& start) {
  ASSIGN_OR_RETURN(const JobGraph shipped, JobGraph::Decode(start.start().job_graph()));
  ASSIGN_OR_RETURN(std::unique_ptr<LoadedJob> job, LoadJob(SourceOf(start, shipped)));
  if (job->plan.graph.Fingerprint() != start.start().fingerprint()) {
    return FailedPrecondition(
        "the job's entry built another dataflow in the worker than when it was planned: it may depend on its arguments only; time, "
        "environment and files come through env.Pinned");
  }
  // A max parallelism that nobody chose gives way to that of the checkpoint the job starts from (R20).
  for (size_t i = 0; i < shipped.vertices.size(); ++i) job->plan.graph.vertices[i].max_parallelism = shipped.vertices[i].max_parallelism;
  return job;
}

WorkerOptions RuntimeOptions(const proto::WorkerStart& start, const StreamGraph& graph) {
  const proto::WorkerSettings& settings = start.settings();
  WorkerOptions options;
  options.task_manager_id = start.task_manager_id();
  options.host = start.host();
  options.limits.batch_rows_max = settings.batch_rows_max();
  options.limits.batch_bytes_max = settings.batch_bytes_max();
  options.limits.flush_timeout_ns = graph.buffer_timeout_ms.value_or(settings.buffer_timeout_ms()) * 1'000'000;
  options.auto_watermark_interval_ms = graph.auto_watermark_interval_ms.value_or(settings.auto_watermark_interval_ms());
  options.channel_limits.batches_max = settings.credits_per_channel();
  options.channel_limits.bytes_max = std::max<size_t>(options.channel_limits.bytes_max, settings.credits_per_channel() * settings.batch_bytes_max());
  options.threading = settings.thread_per_task() ? SlotTask::Threading::kTask : SlotTask::Threading::kSlot;
  options.state_placement = {settings.inline_state_bytes_max(), !settings.state_in_metadata()};
  options.incremental.incremental = settings.incremental_checkpoints();
  options.incremental.delta_bytes_max = settings.delta_bytes_max();
  options.cold_rows = StateBackendOf(settings);
  options.watchdog_interval_ms = settings.watchdog_interval_ms();
  options.cancellation_timeout_ms = settings.cancellation_timeout_ms();
  options.peer_timeout_ms = settings.heartbeat_timeout_ms();
  return options;
}

// <state.checkpoints.dir>/<job> without its last part.
std::string CheckpointsRoot(const std::string& job_directory) {
  const size_t slash = job_directory.find_last_of('/');
  return slash == std::string::npos || slash == 0 ? "/" : job_directory.substr(0, slash);
}

}  // namespace

WorkerSession::WorkerSession(FileDescriptor socket, WorkerSessionOptions options)
    : socket_(std::move(socket)),
      options_(std::move(options)),
      sender_(socket_.get(), {.thread_name = "worker-sender", .on_failure = [this](const Status&) { EndConnection(); }}),
      events_(sender_, clock_, [this] {
        LOG_ERROR("The TaskManager does not take the worker's messages: the worker ends");
        if (options_.end_process) options_.end_process(kFailedExitCode);
        EndConnection();
      }) {}

WorkerSession::~WorkerSession() = default;

void WorkerSession::EndConnection() { ::shutdown(socket_.get(), SHUT_RDWR); }

int WorkerSession::Run() {
  if (options_.end_process) memory_watch_ = std::thread([this] { WatchMemory(); });
  loop_.PostDelayed(kTickMs, [this] { Tick(); });
  const Status end = ReceiveCommands();
  // The TaskManager is gone, or does not make sense: nobody is left to work for.
  if (!end.ok()) {
    const std::string mark(kWorkerCrashMark);
    std::fprintf(stderr, "%sthe commands of its TaskManager cannot be read: %s\n", mark.c_str(), end.message().c_str());
  }
  if (options_.end_process) options_.end_process(end.ok() ? 0 : kFailedExitCode);
  ending_ = true;
  loop_.Post([this] {
    state_ = State::kStopping;
    if (loader_.joinable()) loader_.join();
    if (runtime_ == nullptr) return;
    runtime_->Stop();
    runtime_->Join();
    runtime_.reset();
  });
  loop_.Stop();
  loop_.Join();
  sender_.Stop();
  sender_.Join();
  return 0;
}

Status WorkerSession::ReceiveCommands() {
  while (true) {
    ASSIGN_OR_RETURN(std::optional<SocketMessage> received, ReceiveMessage(socket_.get()));
    if (!received.has_value()) return Status::Ok();
    auto command = std::make_shared<proto::WorkerCommand>();  // Shared: closures are copied.
    if (!command->ParseFromString(received->bytes)) return Corruption("command cannot be parsed, length=" + std::to_string(received->bytes.size()));
    if (queued_commands_.fetch_add(1) >= kQueuedCommandsMax) return ResourceExhausted("too many commands wait, limit=" + std::to_string(kQueuedCommandsMax));
    auto attached = std::make_shared<FileDescriptor>(std::move(received->attached));
    loop_.Post([this, command, attached] {
      --queued_commands_;
      Handle(*command, std::move(*attached));
    });
  }
}

void WorkerSession::Handle(const proto::WorkerCommand& command, FileDescriptor attached) {
  switch (command.command_case()) {
    case proto::WorkerCommand::kStart: return OnStart(command.start());
    case proto::WorkerCommand::kRelayed: return OnRelayed(command.relayed());
    case proto::WorkerCommand::kDataConnection: return OnConnection(command.data_connection().handshake(), std::move(attached));
    case proto::WorkerCommand::COMMAND_NOT_SET: LOG_WARN("Unknown command of the TaskManager ignored"); return;
  }
}

void WorkerSession::OnStart(const proto::WorkerStart& start) {
  const StatusOr<JobId> job = JobIdFromBytes(start.job_id());
  if (!job.ok() || state_ != State::kAwaitingStart) {
    LOG_WARN("Second or damaged start command ignored");
    return;
  }
  events_.SetJob(*job);
  if (options_.set_log_level) options_.set_log_level(static_cast<LogLevel>(start.settings().log_level()));
  epoch_ = LeaderEpoch{start.leader_epoch()};
  events_.SetLeaderEpoch(epoch_);
  attempt_ = FromProto(start.start().attempt());
  start_ = std::make_unique<proto::WorkerStart>(start);
  if (start.memory_bytes_max() != 0) memory_bytes_max_ = start.memory_bytes_max();
  state_ = State::kLoading;
  LOG_INFO("Worker loads its job, job={}, name={}, attempt={}", job->ToHex(), start.start().job_name(), attempt_.ToString());
  loader_ = std::thread([this] {
    if (options_.before_loading) options_.before_loading();
    auto loaded = std::make_shared<StatusOr<std::unique_ptr<LoadedJob>>>(LoadAndCompare(*start_));
    if (options_.after_loading) options_.after_loading();
    loop_.Post([this, loaded] { OnLoaded(std::move(*loaded)); });
  });
}

void WorkerSession::OnLoaded(StatusOr<std::unique_ptr<LoadedJob>> job) {
  if (state_ != State::kLoading) return;
  loader_.join();
  if (!job.ok()) return Fail(job.status());
  job_ = std::move(*job);
  WorkerOptions options = RuntimeOptions(*start_, *job_->stream_graph);
  options.job = *JobIdFromBytes(start_->job_id());
  options.checkpoints_directory = CheckpointsRoot(start_->start().checkpoint_directory());
  options.exception_stack = options_.exception_stack;
  options.take_stack = options_.take_stack;
  runtime_ = std::make_unique<WorkerRuntime>(std::move(options), job_->plan, clock_, events_);
  state_ = State::kReady;
  LOG_INFO("Worker is ready, attempt={}", attempt_.ToString());
  events_.SendReady(attempt_);
}

void WorkerSession::OnRelayed(const proto::JobManagerCommand& command) {
  const LeaderEpoch epoch{command.leader_epoch()};
  if (epoch < epoch_) {
    LOG_WARN("Command of a deposed leader ignored, epoch={}, newest={}", epoch.value, epoch_.value);
    return;
  }
  epoch_ = epoch;
  events_.SetLeaderEpoch(epoch_);
  switch (command.command_case()) {
    case proto::JobManagerCommand::kDeploy: return OnDeploy(command);
    case proto::JobManagerCommand::kCancel: return OnCancel(FromProto(command.cancel().attempt()));
    case proto::JobManagerCommand::kStopWorker: return OnStop();
    case proto::JobManagerCommand::kTrigger: return OnTrigger(command.trigger());
    case proto::JobManagerCommand::kDrain:
      if (runtime_ == nullptr) return;
      return runtime_->DrainSources(FromProto(command.drain().attempt()), Subtasks(command.drain().sources()));
    case proto::JobManagerCommand::kNotify:
      if (runtime_ == nullptr) return;
      return runtime_->NotifyCheckpoint(FromProto(command.notify().attempt()), CheckpointId{command.notify().checkpoint_id()},
                                        command.notify().completed());
    default: LOG_WARN("Command that is not for workers ignored, number={}", static_cast<int>(command.command_case())); return;
  }
}

void WorkerSession::OnTrigger(const proto::TriggerCheckpoint& trigger) {
  if (runtime_ == nullptr) return;
  CheckpointBarrier barrier{CheckpointId{trigger.checkpoint_id()}, trigger.timestamp_ms(), nullptr};
  if (trigger.has_savepoint()) {
    StatusOr<SavepointOrder> order = FromProto(trigger.savepoint());
    if (!order.ok()) {
      LOG_WARN("Trigger ignored, error={}", order.status().ToString());
      return;
    }
    barrier.savepoint = std::make_shared<const SavepointOrder>(std::move(*order));
  }
  runtime_->TriggerCheckpoint(FromProto(trigger.attempt()), barrier, Subtasks(trigger.roots()));
}

void WorkerSession::OnDeploy(const proto::JobManagerCommand& command) {
  const AttemptId attempt = FromProto(command.deploy().attempt());
  StatusOr<std::optional<std::vector<TaskDeployment>>> tasks = FailedPrecondition("tasks are deployed before the worker is ready");
  if (runtime_ != nullptr) tasks = parts_.Add(command.deploy());
  if (tasks.ok() && !tasks->has_value()) return;  // More is to come.
  std::set<SlotIndex> slots;
  Status status = tasks.status();
  if (status.ok()) {
    for (const TaskDeployment& task : **tasks) slots.insert(task.slot);
    status = runtime_->Deploy(attempt, std::move(**tasks));
  }
  if (status.ok()) {
    attempt_ = std::max(attempt_, attempt);
    if (start_->memory_bytes_max() != 0) {
      memory_bytes_max_ = MemoryShare(start_->memory_bytes_max(), start_->slots(), static_cast<uint32_t>(slots.size()));
    }
    return;
  }
  LOG_ERROR("Deployment refused, attempt={}: {}", attempt.ToString(), status.ToString());
  for (const proto::TaskDeployment& part : command.deploy().tasks()) {
    events_.OnTaskState(attempt, FromProto(part.subtask()), TaskState::kFailed, {status, {}});
  }
}

void WorkerSession::OnCancel(AttemptId attempt) {
  if (runtime_ == nullptr) return events_.OnTasksCancelled(attempt);
  parts_.Drop(attempt);
  runtime_->Cancel(attempt);
}

void WorkerSession::OnConnection(const std::string& handshake_bytes, FileDescriptor socket) {
  const StatusOr<ChannelHandshake> handshake = ChannelHandshake::Decode(handshake_bytes);
  if (!handshake.ok() || !socket.valid() || runtime_ == nullptr || state_ != State::kReady) {
    LOG_WARN("Data connection closed: no task can take it");
    return;
  }
  runtime_->AttachConnection(*handshake, std::move(socket));
}

void WorkerSession::OnStop() {
  LOG_INFO("Worker stops");
  state_ = State::kStopping;
  if (runtime_ != nullptr) {
    runtime_->Stop();
    runtime_->Join();
    runtime_.reset();
  }
  sender_.Flush(kFlushMs);
  if (options_.end_process) options_.end_process(0);
  EndConnection();
}

void WorkerSession::Fail(const Status& failure) {
  state_ = State::kFailed;
  events_.SendFailed(attempt_, failure);
}

void WorkerSession::Tick() {
  loop_.PostDelayed(kTickMs, [this] { Tick(); });
  if (state_ == State::kReady) ReportMetrics();
}

void WorkerSession::ReportMetrics() {
  std::vector<MetricSample> samples = runtime_->Metrics();
  const MetricLabels labels = {{"job_id", JobIdFromBytes(start_->job_id())->ToHex()}, {"job_name", start_->start().job_name()}};
  const auto add = [&](const char* name, uint64_t value) {
    samples.push_back({std::string("taskmanager_job_worker_") + name, labels, MetricKind::kGauge, static_cast<double>(value), {}, 0});
  };
  add("memoryUsed", ResidentBytes());
  add("memoryMax", memory_bytes_max_.load());
  events_.SendMetrics(samples);
}

void WorkerSession::WatchMemory() {
  while (!ending_) {
    ::poll(nullptr, 0, kMemoryCheckMs);
    const uint64_t limit = memory_bytes_max_.load();
    if (limit == 0 || ResidentBytes() <= limit) continue;
    ::malloc_trim(0);  // What the allocator only keeps does not count.
    const uint64_t used = ResidentBytes();
    if (used <= limit) continue;
    const Status failure = ResourceExhausted("the job uses " + Mebibytes(used) + " of memory on this TaskManager, its slots' share is " + Mebibytes(limit) +
                                             ": raise taskmanager.memory.process.size, use more slots, or keep less in memory");
    loop_.Post([this, failure] {
      Fail(failure);
      sender_.Flush(kFlushMs);
      options_.end_process(kFailedExitCode);
    });
    ::poll(nullptr, 0, static_cast<int>(2 * kFlushMs));
    options_.end_process(kFailedExitCode);  // The loop is busy.
  }
}

}  // namespace weir
