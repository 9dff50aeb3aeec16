#include "jobmanager/job_master.h"

#include "base/check.h"
#include "base/log.h"
#include "proto/convert.h"
#include "proto/crash_report.h"
#include "proto/message_socket.h"

namespace weir {
namespace {

constexpr int64_t kPublishRetryMs = 100;

std::optional<TaskStatus> TaskStatusOf(TaskState state) {
  switch (state) {
    case TaskState::kInitializing: return TaskStatus::kInitializing;
    case TaskState::kRunning: return TaskStatus::kRunning;
    case TaskState::kDrained: return TaskStatus::kDrained;
    case TaskState::kFinished: return TaskStatus::kFinished;
    case TaskState::kCanceled: return TaskStatus::kCanceled;
    case TaskState::kFailed: return TaskStatus::kFailed;
  }
  return std::nullopt;
}

MetricLabels JobLabels(const JobSubmission& submission) {
  return {{"job_id", submission.id.ToHex()}, {"job_name", submission.graph.name}};
}

// With the stack of the crash report, if there is one.
TaskFailure WorkerFailure(const proto::Failure& message) {
  TaskFailure failure{FromProto(message), ""};
  const std::string& report = message.stack();  // The end of the worker's stderr.
  const size_t crash = report.rfind(kWorkerCrashMark);
  const size_t line_end = crash == std::string::npos ? crash : report.find('\n', crash);
  if (line_end != std::string::npos) failure.stack = report.substr(line_end + 1, report.find("\n*** End", line_end) - line_end - 1);
  return failure;
}

}  // namespace

JobMaster::JobMaster(JobSubmission submission, Options options, ClusterGateway& cluster, FileSystem& files, ThreadPool& io_pool, EventLoop& loop,
                     const Clock& clock, MetricRegistry& metrics)
    : submission_(std::move(submission)),
      options_(std::move(options)),
      cluster_(cluster),
      loop_(loop),
      clock_(clock),
      random_(std::random_device()()),
      scheduler_tick_(loop, clock, [this] { Raise(SchedulerEvent::Tick{Jitter()}); }),
      coordinator_tick_(loop, clock, [this] { Raise(CoordinatorEvent::Tick{}); }),
      storage_(std::make_shared<JobStorage>(
          JobStorage::Options{options_.checkpoints_directory, submission_.id, options_.epoch, submission_.graph.checkpoint.retained_max}, files, io_pool, loop, clock)),
      alive_(std::make_shared<bool>(true)),
      start_time_ms_(clock.WallMillis()),
      metrics_(std::make_unique<MetricScope>(metrics, "jobmanager_job", JobLabels(submission_))) {}

JobMaster::~JobMaster() { *alive_ = false; }

void JobMaster::After(int64_t at_ms, std::function<void()> work) {
  loop_.PostDelayed(std::max<int64_t>(0, at_ms - NowMs()), [alive = alive_, work = std::move(work)] {
    if (*alive) work();
  });
}

void JobMaster::Start() {
  storage_->Open(submission_.request.restore_path(), submission_.request.claim_restored(), [this, alive = alive_](StatusOr<JobStorage::Opened> opened) {
    if (*alive) OnOpened(std::move(opened));
  });
  UpdateMetrics();
}

void JobMaster::OnOpened(StatusOr<JobStorage::Opened> opened) {
  Status failure = opened.status();
  std::optional<CheckpointId> restored;
  const bool wants_claim = submission_.request.claim_restored();
  if (opened.ok() && opened->restored.has_value()) {
    failure = cluster_.CheckStart(submission_.id, {opened->restored->metadata_path, wants_claim, &opened->restored->metadata});
  }
  if (failure.ok() && opened->restored.has_value()) {
    const CheckpointMetadata& metadata = opened->restored->metadata;
    StatusOr<StateAssignment> assignment = AssignState(submission_.graph, metadata, submission_.request.allow_non_restored_state());
    failure = assignment.status();
    if (assignment.ok()) {
      for (size_t i = 0; i < submission_.graph.vertices.size(); ++i) submission_.graph.vertices[i].max_parallelism = assignment->max_parallelism[i];
      restored = restored_ = metadata.id;
      metadata_[metadata.id] = metadata;
      recovery_path_ = opened->restored->metadata_path;
      if (wants_claim) claimed_files_ = metadata.ReferencedFiles();
      LOG_INFO("Restoring job {} from checkpoint {} @ {}.", submission_.id.ToHex(), metadata.id.value, opened->restored->metadata_path);
    }
  }
  if (opened.ok()) highest_used_ = opened->highest_used;
  // Made only now: the graph is final.
  scheduler_.emplace(submission_.graph, options_.epoch, options_.scheduler);
  // What the job claims is the oldest of its retained checkpoints.
  const bool claims = wants_claim && restored.has_value();
  coordinator_.emplace(submission_.graph, submission_.id, claims ? std::vector<CheckpointId>{*restored} : std::vector<CheckpointId>());
  Do(SchedulerAction::StatusChanged{scheduler_->status(), {}});
  open_failure_ = failure;
  Raise(SchedulerEvent::Submitted{restored});
  if (!failure.ok()) {
    storage_->GiveUpClaim();
    Raise(SchedulerEvent::FatalFailure{failure});
  }
  if (on_opened_) std::exchange(on_opened_, nullptr)(open_failure_);
}

void JobMaster::WhenOpened(std::function<void(Status)> done) {
  if (scheduler_.has_value()) return done(open_failure_);
  CHECK(on_opened_ == nullptr);
  on_opened_ = std::move(done);
}

void JobMaster::Cancel() {
  if (scheduler_.has_value()) {
    Raise(SchedulerEvent::CancelRequested{});
  } else {
    After(NowMs() + 10, [this] { Cancel(); });  // Its storage is being opened.
  }
}

void JobMaster::OnSlotsGranted(std::vector<SlotId> slots) {
  if (short_of_slots_since_ms_.has_value()) {
    LOG_INFO("Job {} ({}) has its slots, after {} ms.", submission_.graph.name, submission_.id.ToHex(), NowMs() - *short_of_slots_since_ms_);
    short_of_slots_since_ms_.reset();
  }
  Raise(SchedulerEvent::SlotsGranted{std::move(slots)});
}

void JobMaster::OnTaskManagerLost(const std::string& task_manager) {
  if (scheduler_.has_value()) Raise(SchedulerEvent::TaskManagerLost{task_manager, Jitter()});
}

// ---- Events of the cluster ----

void JobMaster::OnReport(const std::string& task_manager, const proto::TaskManagerHeartbeat::WorkerReport* report) {
  if (!scheduler_.has_value()) return;
  SchedulerEvent::TasksReported reported{scheduler_->attempt(), task_manager, {}, Jitter()};
  if (report != nullptr) {
    reported.attempt = FromProto(report->attempt());
    for (const proto::Subtask& subtask : report->running()) reported.running.push_back(FromProto(subtask));
  }
  Raise(std::move(reported));
}

void JobMaster::OnEvent(const std::string& task_manager, const proto::TaskManagerEvent& event) {
  if (!scheduler_.has_value()) return;
  switch (event.event_case()) {
    case proto::TaskManagerEvent::kWorkerReady:
      return Raise(SchedulerEvent::WorkerReady{FromProto(event.worker_ready().attempt()), task_manager});
    case proto::TaskManagerEvent::kWorkerFailed: return OnWorkerFailed(task_manager, event.worker_failed());
    case proto::TaskManagerEvent::kTasksCancelled:
      return Raise(SchedulerEvent::TasksCancelled{FromProto(event.tasks_cancelled().attempt()), task_manager});
    case proto::TaskManagerEvent::kTaskState: return OnTaskState(event.task_state());
    case proto::TaskManagerEvent::kTaskStuck: return OnTaskStuck(event.task_stuck());
    case proto::TaskManagerEvent::kAcknowledge: {
      StatusOr<SnapshotReport> report = FromProto(event.acknowledge());
      if (!report.ok()) {
        LOG_WARN("Acknowledgement ignored, from={}, error={}", task_manager, report.status().ToString());
        return;
      }
      return Raise(CoordinatorEvent::Acknowledged{report->attempt, report->subtask, report->id, std::move(report->snapshot)});
    }
    case proto::TaskManagerEvent::kDecline: {
      const StatusOr<SnapshotFailure> report = FromProto(event.decline());
      if (!report.ok()) {
        LOG_WARN("Decline ignored, from={}, error={}", task_manager, report.status().ToString());
        return;
      }
      return Raise(CoordinatorEvent::Declined{report->attempt, report->subtask, report->id, report->failure.ToString()});
    }
    default: LOG_WARN("Unexpected event ignored, from={}, kind={}", task_manager, static_cast<int>(event.event_case()));
  }
}

void JobMaster::OnTaskState(const proto::TaskStateChanged& change) {
  const StatusOr<TaskStateReport> report = FromProto(change);
  if (!report.ok()) {
    LOG_WARN("Task state ignored, error={}", report.status().ToString());
    return;
  }
  const std::optional<TaskStatus> status = TaskStatusOf(report->state);
  // What is proved to be damaged is so after a restart, too (R7).
  if (status == TaskStatus::kFailed && report->failure.code() == StatusCode::kCorruption && report->attempt == scheduler_->attempt()) {
    return Raise(SchedulerEvent::FatalFailure{report->failure}, change.failure().stack());
  }
  // The coordinator first: when the last task finishes, the scheduler ends the job.
  if (status == TaskStatus::kDrained) Raise(CoordinatorEvent::TaskDrained{report->attempt, report->subtask});
  if (status == TaskStatus::kFinished) Raise(CoordinatorEvent::TaskFinished{report->attempt, report->subtask});
  Raise(SchedulerEvent::TaskChanged{report->attempt, report->subtask, *status, report->failure, Jitter()}, change.failure().stack());
}

void JobMaster::OnTaskStuck(const proto::TaskStuck& message) {
  const StuckReport report = FromProto(message);
  const std::vector<JobVertex>& vertices = submission_.graph.vertices;
  const uint32_t vertex = report.subtask.vertex.value;
  if (report.attempt != scheduler_->attempt() || vertex >= vertices.size() || report.subtask.subtask >= vertices[vertex].parallelism) return;
  const std::string task = vertices[vertex].name + " (" + std::to_string(report.subtask.subtask + 1) + "/" + std::to_string(vertices[vertex].parallelism) + ")";
  stuck_.OnReport(report.attempt, report.subtask, {task, report.step.running_ms, report.step.stack});
  if (report.step.running_ms != 0) {
    LOG_WARN("Task of job {} is stuck: {} has not finished a step for {} ms\n{}", submission_.id.ToHex(), task, report.step.running_ms, report.step.stack);
  }
}

void JobMaster::OnWorkerFailed(const std::string& task_manager, const proto::WorkerFailed& message) {
  const AttemptId attempt = FromProto(message.attempt());
  TaskFailure failure = WorkerFailure(message.failure());
  const StatusCode code = failure.status.code();
  if (code == StatusCode::kCancelled) {
    LOG_INFO("Worker of job {} on {} has ended: {}", submission_.id.ToHex(), task_manager, failure.status.message());
  } else {
    LOG_WARN("Worker of job {} on {} failed: {}", submission_.id.ToHex(), task_manager, failure.ToString());
  }
  // A worker that had to be killed: people want to know what held it up, also when the job was about to end anyway.
  if (code == StatusCode::kDeadlineExceeded && attempt == scheduler_->attempt()) {
    const StuckTasks::Explanation explained = stuck_.Explain(failure.status.message(), attempt);
    const std::string killed = std::exchange(failure, {Status(code, explained.message), explained.stack}).status.message();
    if (status_ == JobStatus::kCancelling || status_ == JobStatus::kFailing || status_ == JobStatus::kRestarting) AddToFailure(killed, failure);
  }
  Raise(SchedulerEvent::WorkerFailed{attempt, task_manager, failure.status, Jitter()}, failure.stack);
}

void JobMaster::AddToFailure(const std::string& killed, const TaskFailure& failure) {
  failure_at_ms_ = clock_.WallMillis();
  if (failure_.status.ok()) {
    failure_ = failure;
    return;
  }
  const StuckTasks::Explanation explained = stuck_.Explain(failure_.status.message() + "\n" + killed, scheduler_->attempt());
  failure_.status = Status(failure_.status.code(), explained.message);
  if (!failure_.stack.empty() && !explained.stack.empty()) failure_.stack += "\n";
  failure_.stack += explained.stack;
}

// ---- Steps ----

void JobMaster::Run() {
  if (stepping_ || !scheduler_.has_value()) return;
  stepping_ = true;
  while (!events_.empty()) {
    const auto event = std::move(events_.front().event);
    raised_stack_ = std::move(events_.front().stack);
    events_.pop_front();
    if (const auto* const for_scheduler = std::get_if<SchedulerEvent::Any>(&event)) {
      for (const SchedulerAction::Any& action : scheduler_->Step(*for_scheduler, NowMs())) Apply(action);
    } else {
      for (const CoordinatorAction::Any& action : coordinator_->Step(std::get<CoordinatorEvent::Any>(event), NowMs())) Apply(action);
    }
  }
  stepping_ = false;
  UpdateMetrics();
}

void JobMaster::Apply(const SchedulerAction::Any& action) {
  std::visit(
      [this](const auto& chosen) {
        using Action = std::decay_t<decltype(chosen)>;
        if constexpr (std::is_same_v<Action, SchedulerAction::ReleaseSlots>) {
          cluster_.ReleaseSlots(submission_.id);
        } else if constexpr (std::is_same_v<Action, SchedulerAction::CancelTasks>) {
          proto::JobManagerCommand command = Command();
          *command.mutable_cancel()->mutable_attempt() = ToProto(chosen.attempt);
          cluster_.Send(chosen.task_manager, std::move(command));
        } else if constexpr (std::is_same_v<Action, SchedulerAction::StopWorker> || std::is_same_v<Action, SchedulerAction::KillWorker>) {
          // A worker that does not end in time is killed by its TaskManager (R31).
          proto::JobManagerCommand command = Command();
          command.mutable_stop_worker();
          cluster_.Send(chosen.task_manager, std::move(command));
        } else if constexpr (std::is_same_v<Action, SchedulerAction::StartCheckpointing>) {
          // All tasks run.
          if (!recoveries_.empty() && recoveries_.back().running_at_ms == 0) recoveries_.back().running_at_ms = clock_.WallMillis();
          const CheckpointId last = std::max(highest_used_, coordinator_->last_id());
          first_of_attempt_ = {last.value + 1};
          storage_->Prune(chosen.attempt, first_of_attempt_);  // What its predecessor left.
          Raise(CoordinatorEvent::AttemptStarted{chosen.attempt, last, clock_.WallMillis() - NowMs(), chosen.finished, chosen.drained});
        } else if constexpr (std::is_same_v<Action, SchedulerAction::StopCheckpointing>) {
          Raise(CoordinatorEvent::AttemptStopped{chosen.attempt});
        } else if constexpr (std::is_same_v<Action, SchedulerAction::ScheduleTick>) {
          scheduler_tick_.ArmAt(chosen.at_ms);
        } else if constexpr (std::is_same_v<Action, SchedulerAction::JobEnded>) {
          if (chosen.recorded) CleanUp(chosen.status);
          end_time_ms_ = clock_.WallMillis();
          cluster_.JobEnded(submission_.id);
        } else if constexpr (std::is_same_v<Action, SchedulerAction::MessageIgnored>) {
          LOG_DEBUG("Message ignored, job={}, reason={}", submission_.id.ToHex(), SchedulerVerdictName(chosen.verdict));
        } else {
          Do(chosen);
        }
      },
      action);
}

void JobMaster::Apply(const CoordinatorAction::Any& action) {
  std::visit(
      [this](const auto& chosen) {
        using Action = std::decay_t<decltype(chosen)>;
        if constexpr (std::is_same_v<Action, CoordinatorAction::RetryPublish>) {
          After(NowMs() + kPublishRetryMs, [this, id = chosen.id] {
            storage_->RetryPublish([this, alive = alive_, id](CheckpointPublication::Outcome outcome, const Status& error, uint64_t bytes) {
              if (*alive) OnPublicationOutcome(id, outcome, error, bytes);
            });
          });
        } else if constexpr (std::is_same_v<Action, CoordinatorAction::NotifyComplete>) {
          Notify(chosen.attempt, chosen.id, true);
        } else if constexpr (std::is_same_v<Action, CoordinatorAction::NotifyAborted>) {
          ++failed_;
          in_progress_ = {};
          LOG_WARN("Checkpoint {} of job {} aborted ({}): {}", chosen.id.value, submission_.id.ToHex(), CheckpointFailureName(chosen.failure), chosen.reason);
          Notify(chosen.attempt, chosen.id, false);
          // Where none completes, files go all the same.
          storage_->Prune(scheduler_->attempt(), first_of_attempt_);
        } else if constexpr (std::is_same_v<Action, CoordinatorAction::ReleaseOlder>) {
          storage_->Prune(scheduler_->attempt(), first_of_attempt_);
        } else if constexpr (std::is_same_v<Action, CoordinatorAction::FailAttempt>) {
          StuckTasks::Explanation explained = stuck_.Explain(chosen.reason, chosen.attempt);
          Raise(SchedulerEvent::CheckpointingFailed{chosen.attempt, explained.message, Jitter(), chosen.restarts_only}, explained.stack);
        } else if constexpr (std::is_same_v<Action, CoordinatorAction::ScheduleTick>) {
          coordinator_tick_.ArmAt(chosen.at_ms);
        } else if constexpr (std::is_same_v<Action, CoordinatorAction::MessageIgnored>) {
          LOG_DEBUG("Checkpoint message ignored, job={}, reason={}", submission_.id.ToHex(), CoordinatorVerdictName(chosen.verdict));
        } else {
          Do(chosen);
        }
      },
      action);
}

}  // namespace weir
