#include "tests/sim/sim_job_manager.h"

#include "base/check.h"
#include "state/checkpoint/retention.h"
#include "state/checkpoint/savepoint_directory.h"
#include "state/checkpoint/state_bytes.h"

namespace weir::sim {
namespace {

constexpr uint64_t kSlotsPerBlock = 2;  // Small, so that pruning is frequent.

Scheduler::Options SchedulerOptions() {
  Scheduler::Options options;
  options.restart = {.initial_backoff_ms = 5, .max_backoff_ms = 50, .reset_backoff_threshold_ms = 1'000};
  options.cancellation_timeout_ms = 300;
  options.slot_request_timeout_ms = 5'000;
  options.deployment_timeout_ms = 3'000;
  return options;
}

}  // namespace

SimJobManager::SimJobManager(SimContext& context, LeaderEpoch epoch, SendFunction send)
    : context_(context),
      epoch_(epoch),
      send_(std::move(send)),
      chain_(context.files, context.layout, epoch, kSlotsPerBlock),
      pool_(SlotPool::Options{.spread_out = context.random.Chance(300)}),
      scheduler_(context.graph, epoch, SchedulerOptions()) {}

std::string SimJobManager::Describe() const {
  return "epoch=" + std::to_string(epoch_.value) + " phase=" + std::to_string(static_cast<int>(phase_)) +
         " scheduler=" + std::to_string(static_cast<int>(scheduler_.phase())) + " coordinator=" +
         (coordinator_.has_value() ? std::to_string(static_cast<int>(coordinator_->phase())) : "none") +
         " attempt=" + scheduler_.attempt().ToString();
}

void SimJobManager::StepFiles() {
  switch (phase_) {
    case Phase::kLoading: return StepLoading();
    case Phase::kTakingOver: return StepTakingOver();
    case Phase::kRestoring: return StepRestoring();
    case Phase::kLeading:
      if (writing_.has_value()) return StepSavepoint();
      if (publication_ != nullptr) return StepPublication();
      if (terminal_.has_value()) return StepTerminal();
      return;
    default: return;
  }
}

void SimJobManager::StepLoading() {
  const Status status = chain_.Load();
  if (status.code() == StatusCode::kCorruption) return EndDamaged(status);
  if (!status.ok()) return;
  phase_ = Phase::kTakingOver;
}

// R7: stops and says so. A chain that nobody has damaged is never found damaged.
void SimJobManager::EndDamaged(const Status& status) {
  if (!context_.chain_damaged) return context_.Violate("R7: " + status.ToString());
  phase_ = Phase::kEnded;
  ended_ = JobStatus::kFailed;
}

void SimJobManager::StepTakingOver() {
  switch (chain_.TryTakeOver()) {
    case ChainAppend::kAppended: phase_ = Phase::kRestoring; return;
    case ChainAppend::kFenced: return Depose();
    case ChainAppend::kEnded:
      phase_ = Phase::kEnded;
      ended_ = chain_.Terminal()->state == TerminalEntry::State::kFinished ? JobStatus::kFinished : JobStatus::kFailed;
      return;
    case ChainAppend::kStale: phase_ = Phase::kLoading; return;
    case ChainAppend::kCorrupt: return EndDamaged(chain_.last_error());
    case ChainAppend::kUnknown: return;
  }
}

void SimJobManager::StepRestoring() {
  // Ids of aborted checkpoints are known only from a listing, which may be stale: attempts must keep them apart (R9).
  if (context_.random.Chance(500)) {
    const StatusOr<CheckpointId> highest = HighestCheckpointDirectory(context_.files, context_.layout);
    if (!highest.ok()) return;
    highest_known_ = *highest;
  }
  std::vector<CheckpointMetadata> completed;
  for (const ChainRecord& record : chain_.records()) {
    const auto* entry = std::get_if<CheckpointEntry>(&record.entry);
    // Older ones may have been released already; only the newest must be there.
    if (entry == nullptr || entry->id != chain_.NewestCheckpoint()->id) continue;
    StatusOr<LoadedCheckpoint> loaded = LoadCheckpoint(context_.files, *entry);
    if (loaded.status().code() == StatusCode::kCorruption) context_.Violate("R7: " + loaded.status().ToString());
    if (!loaded.ok()) return;
    completed.push_back(std::move(loaded->metadata));
  }
  if (completed.empty() && !context_.restore_path.empty()) {
    StatusOr<LoadedCheckpoint> loaded = LoadCheckpoint(context_.files, context_.restore_path);
    if (!loaded.ok() && loaded.status().code() != StatusCode::kUnavailable) context_.Violate("a savepoint cannot be loaded: " + loaded.status().ToString());
    if (!loaded.ok()) return;
    highest_known_ = std::max(highest_known_, loaded->metadata.id);
    completed.push_back(std::move(loaded->metadata));
  }
  completed_ = std::move(completed);
  Lead(completed_.empty() ? std::nullopt : std::optional(completed_.back().id));
}

void SimJobManager::Lead(std::optional<CheckpointId> restored) {
  phase_ = Phase::kLeading;
  std::vector<CheckpointId> retained;
  for (const CheckpointMetadata& metadata : completed_) retained.push_back(metadata.id);
  coordinator_.emplace(context_.graph, context_.job, retained);
  ToScheduler(SchedulerEvent::Submitted{restored});
}

void SimJobManager::Depose() {
  phase_ = Phase::kDeposed;
  context_.Trace("leader deposed " + Describe());
}

void SimJobManager::StepPublication() {
  const CheckpointId id = publishing_->id;
  switch (publication_->TryOnce()) {
    case CheckpointPublication::Outcome::kUnknown: return ToCoordinator(CoordinatorEvent::PublishUnknown{id});
    case CheckpointPublication::Outcome::kFenced: return Depose();
    case CheckpointPublication::Outcome::kCorrupt: {
      const Status error = publication_->last_error();
      if (!context_.chain_damaged) context_.Violate("R7: " + error.ToString());
      publication_.reset();
      publishing_.reset();
      ToScheduler(SchedulerEvent::FatalFailure{error});
      ToCoordinator(CoordinatorEvent::PublishFailed{.id = id, .reason = error.ToString()});
      return ToScheduler(SchedulerEvent::PublicationSettled{.id = id, .published = false});
    }
    case CheckpointPublication::Outcome::kBurned:
      publication_.reset();
      publishing_.reset();
      ToCoordinator(CoordinatorEvent::PublishFailed{.id = id, .reason = "id burned"});
      return ToScheduler(SchedulerEvent::PublicationSettled{.id = id, .published = false});
    case CheckpointPublication::Outcome::kPublished:
      CheckPublished(*publishing_);
      completed_.push_back(std::move(*publishing_));
      publication_.reset();
      publishing_.reset();
      ToCoordinator(CoordinatorEvent::Published{id});
      return ToScheduler(SchedulerEvent::PublicationSettled{.id = id, .published = true});
  }
}

// Its own directory first; then, of one that stops, the record in the chain.
void SimJobManager::StepSavepoint() {
  const StatusOr<uint64_t> written = WriteSavepointMetadata(context_.files, *publishing_, writing_->directory);
  if (!written.ok()) return FailSavepoint(written.status().ToString());
  const CheckpointId id = publishing_->id;
  CheckFiles(*publishing_);
  if (writing_->stops() && !context_.mutations.forget_stop) {
    publication_ = std::make_unique<CheckpointPublication>(context_.files, chain_, *publishing_->NamedIn(writing_->directory), writing_->directory + "/_metadata");
    writing_.reset();
    return;
  }
  const AttemptId attempt = publishing_->attempt;
  writing_.reset();
  publishing_.reset();
  ToCoordinator(CoordinatorEvent::Published{id});
  ToScheduler(SchedulerEvent::PublicationSettled{.id = id, .published = false});
  if (context_.mutations.commit_on_savepoint) SendToAll(NotifyCommand{.attempt = attempt, .id = id, .completed = true});
}

void SimJobManager::FailSavepoint(const std::string& reason) {
  const CheckpointId id = publishing_->id;
  writing_.reset();
  publishing_.reset();
  ToCoordinator(CoordinatorEvent::PublishFailed{.id = id, .reason = reason});
  ToScheduler(SchedulerEvent::PublicationSettled{.id = id, .published = false});
}

void SimJobManager::RequestSavepoint() {
  if (phase_ != Phase::kLeading || !coordinator_.has_value() || coordinator_->phase() == CheckpointCoordinator::Phase::kStopped) return;
  --context_.savepoints_left;
  SavepointRequest request;
  request.number = ++context_.savepoint_count;
  request.directory = "/savepoints/" + std::to_string(request.number);
  constexpr SavepointRequest::After kAfter[] = {SavepointRequest::After::kContinue, SavepointRequest::After::kStop, SavepointRequest::After::kDrain};
  request.after = kAfter[context_.random.Below(3)];
  context_.Trace("savepoint " + std::to_string(request.number) + " kind " + std::to_string(static_cast<int>(request.after)));
  ToCoordinator(CoordinatorEvent::SavepointRequested{request});
}

std::optional<std::string> SimJobManager::StoppedWith() const {
  const std::optional<CheckpointEntry> newest = chain_.NewestCheckpoint();
  if (!newest.has_value() || newest->metadata_path == context_.layout.MetadataPath(newest->id)) return std::nullopt;
  return newest->metadata_path;
}

void SimJobManager::CheckPublished(const CheckpointMetadata& metadata) {
  context_.Trace("published " + std::to_string(metadata.id.value) + " of " + metadata.attempt.ToString());
  if (metadata.id <= context_.published) context_.Violate("published ids do not grow");
  context_.published = metadata.id;
  CheckFiles(metadata);
}

void SimJobManager::CheckFiles(const CheckpointMetadata& metadata) {
  for (const VertexCheckpoint& vertex : metadata.vertices) {
    for (const SubtaskCheckpoint& subtask : vertex.subtasks) {
      for (const OperatorSubtaskState& state : subtask.snapshot.operators) {
        for (const KeyedStateHandle& handle : state.keyed) {
          if (!handle.bytes.path.empty() && !context_.files.files().contains(handle.bytes.path)) {
            context_.Violate("R19: published without a durable file, " + handle.bytes.path);
          }
        }
      }
    }
  }
}

void SimJobManager::StepTerminal() {
  switch (chain_.TryAppend(*terminal_)) {
    case ChainAppend::kAppended:
      terminal_.reset();
      return ToScheduler(SchedulerEvent::TerminalWritten{});
    case ChainAppend::kUnknown: return;
    case ChainAppend::kCorrupt:
      if (!context_.chain_damaged) context_.Violate("R7: " + chain_.last_error().ToString());
      terminal_.reset();
      return ToScheduler(SchedulerEvent::TerminalImpossible{chain_.last_error()});
    case ChainAppend::kFenced:
    case ChainAppend::kStale:
    case ChainAppend::kEnded: return Depose();
  }
}

void SimJobManager::Report(const SimTaskManager& task_manager) {
  if (phase_ != Phase::kLeading) return;
  ToPool(SlotPoolEvent::TaskManagerReported{.task_manager = task_manager.name(),
                                            .incarnation = task_manager.incarnation(),
                                            .slot_count = task_manager.slot_count(),
                                            .workers = task_manager.has_worker() ? std::vector<JobId>{context_.job} : std::vector<JobId>{}});
}

void SimJobManager::SessionLost(const SimTaskManager& task_manager, IncarnationId incarnation) {
  if (phase_ == Phase::kLeading) ToPool(SlotPoolEvent::TaskManagerLost{task_manager.name(), incarnation});
}

void SimJobManager::Handle(TaskManagerMessage message) {
  if (phase_ != Phase::kLeading) return;
  if (context_.mutations.accept_older_attempt) {
    std::visit([this](auto& concrete) { concrete.attempt = scheduler_.attempt(); }, message);
  }
  if (const auto* acknowledged = std::get_if<CoordinatorEvent::Acknowledged>(&message)) return ToCoordinator(*acknowledged);
  if (const auto* declined = std::get_if<CoordinatorEvent::Declined>(&message)) return ToCoordinator(*declined);
  if (const auto* ready = std::get_if<SchedulerEvent::WorkerReady>(&message)) return ToScheduler(*ready);
  if (const auto* failed = std::get_if<SchedulerEvent::WorkerFailed>(&message)) return ToScheduler(*failed);
  if (const auto* cancelled = std::get_if<SchedulerEvent::TasksCancelled>(&message)) return ToScheduler(*cancelled);
  const auto& changed = std::get<SchedulerEvent::TaskChanged>(message);
  if (changed.status == TaskStatus::kDrained) ToCoordinator(CoordinatorEvent::TaskDrained{changed.attempt, changed.subtask});
  if (changed.status == TaskStatus::kFinished) ToCoordinator(CoordinatorEvent::TaskFinished{changed.attempt, changed.subtask});
  ToScheduler(changed);
}

void SimJobManager::StepClock() {
  if (phase_ != Phase::kLeading || timers_.empty() || *timers_.begin() > context_.now_ms) return;
  timers_.erase(timers_.begin(), timers_.upper_bound(context_.now_ms));
  ToCoordinator(CoordinatorEvent::Tick{});
  ToScheduler(SchedulerEvent::Tick{context_.random.Fraction()});
}

std::optional<int64_t> SimJobManager::NextTimer() const {
  if (phase_ != Phase::kLeading || timers_.empty()) return std::nullopt;
  return *timers_.begin();
}

void SimJobManager::ToScheduler(const SchedulerEvent::Any& event) {
  for (const auto& action : scheduler_.Step(event, context_.now_ms)) {
    std::visit([this](const auto& concrete) { Do(concrete); }, action);
  }
}

void SimJobManager::ToCoordinator(const CoordinatorEvent::Any& event) {
  for (const auto& action : coordinator_->Step(event, context_.now_ms)) {
    std::visit([this](const auto& concrete) { Do(concrete); }, action);
  }
}

void SimJobManager::ToPool(const SlotPoolEvent::Any& event) {
  for (const auto& action : pool_.Step(event)) {
    std::visit([this](const auto& concrete) { Do(concrete); }, action);
  }
}

void SimJobManager::Do(const SchedulerAction::RequestSlots& action) {
  ToPool(SlotPoolEvent::SlotsRequested{context_.job, action.slot_count});
}
void SimJobManager::Do(const SchedulerAction::ReleaseSlots&) { ToPool(SlotPoolEvent::JobReleased{context_.job}); }
void SimJobManager::Do(const SchedulerAction::StartWorker& action) { Send(action.task_manager, StartCommand{action.attempt}); }

void SimJobManager::Do(const SchedulerAction::DeployTasks& action) {
  std::optional<StateAssignment> assignment;
  if (action.restored.has_value()) {
    CHECK(!completed_.empty());
    CHECK(completed_.back().id == *action.restored);
    StatusOr<StateAssignment> assigned = AssignState(context_.graph, completed_.back(), false);
    if (!assigned.ok()) return context_.Violate("state cannot be assigned: " + assigned.status().ToString());
    assignment = std::move(*assigned);
  }
  context_.Trace("deploy " + action.attempt.ToString() + " on " + action.task_manager + " from " +
                 std::to_string(action.restored.value_or(CheckpointId{}).value));
  DeployCommand command{.attempt = action.attempt, .tasks = {}};
  for (const TaskPlacement& task : action.tasks) {
    SubtaskRestore restore;
    if (assignment.has_value()) restore = assignment->subtasks[task.subtask.vertex.value][task.subtask.subtask];
    command.tasks.emplace_back(task.subtask, std::move(restore));
  }
  Send(action.task_manager, std::move(command));
}

void SimJobManager::Do(const SchedulerAction::CancelTasks& action) { Send(action.task_manager, CancelCommand{action.attempt}); }
void SimJobManager::Do(const SchedulerAction::StopWorker& action) { Send(action.task_manager, StopCommand{}); }
void SimJobManager::Do(const SchedulerAction::KillWorker& action) { Send(action.task_manager, KillCommand{action.attempt}); }

void SimJobManager::Do(const SchedulerAction::StartCheckpointing& action) {
  DeleteUnused(false);  // What the attempt before it left.
  ToCoordinator(CoordinatorEvent::AttemptStarted{.attempt = action.attempt, .last_id = highest_known_, .wall_offset_ms = 0,
                                                 .finished = action.finished, .drained = action.drained});
}
void SimJobManager::Do(const SchedulerAction::StopCheckpointing& action) {
  ToCoordinator(CoordinatorEvent::AttemptStopped{action.attempt});
}
void SimJobManager::Do(const SchedulerAction::ScheduleTick& action) { timers_.insert(action.at_ms); }
void SimJobManager::Do(const SchedulerAction::StatusChanged& action) {
  context_.Trace("status " + std::string(JobStatusName(action.status)) + " " + action.cause.ToString());
}
void SimJobManager::Do(const SchedulerAction::WriteTerminal& action) {
  terminal_ = TerminalEntry{.state = action.status == JobStatus::kFinished ? TerminalEntry::State::kFinished : TerminalEntry::State::kFailed,
                            .reason = action.reason};
}
void SimJobManager::Do(const SchedulerAction::JobEnded& action) {
  if (action.recorded) DeleteUnused(true);
  if (!action.recorded && !context_.chain_damaged) context_.Violate("R4: the job ended without a terminal record");
  phase_ = Phase::kEnded;
  ended_ = action.status;
}

void SimJobManager::Do(const CoordinatorAction::TriggerCheckpoint& action) {
  context_.Trace("trigger " + std::to_string(action.id.value) + " of " + action.attempt.ToString());
  if (action.savepoint.has_value() && action.savepoint->stops()) stops_.insert(action.id);
  SendToAll(TriggerCommand{.attempt = action.attempt, .id = action.id, .roots = action.roots, .savepoint = action.savepoint});
}

void SimJobManager::Do(const CoordinatorAction::Publish& action) {
  CHECK(publication_ == nullptr);
  publishing_ = action.metadata;
  writing_ = action.savepoint;
  if (!writing_.has_value()) publication_ = std::make_unique<CheckpointPublication>(context_.files, chain_, action.metadata);
  ToScheduler(SchedulerEvent::PublicationStarted{action.metadata.id});
  if (context_.mutations.commit_before_publication) {
    SendToAll(NotifyCommand{.attempt = action.metadata.attempt, .id = action.metadata.id, .completed = true});
  }
}

void SimJobManager::Do(const CoordinatorAction::DrainSources& action) {
  SendToAll(DrainCommand{.attempt = action.attempt, .sources = action.sources});
}

// One that is said to be taken is whole; one that failed is nothing.
void SimJobManager::Do(const CoordinatorAction::SavepointEnded& action) {
  context_.Trace("savepoint " + std::to_string(action.request.number) + " ended: " + action.failure.value_or("taken"));
  const std::string metadata_path = action.request.directory + "/_metadata";
  if (!action.failure.has_value()) {
    ++context_.savepoints_taken;
    const auto content = context_.files.files().find(metadata_path);
    if (content == context_.files.files().end()) return context_.Violate("a savepoint that was taken has no metadata");
    StatusOr<CheckpointMetadata> metadata = CheckpointMetadata::Decode(content->second);
    if (!metadata.ok()) return context_.Violate("a savepoint that was taken does not decode");
    metadata->ResolveIn(action.request.directory);
    for (const std::string& file : metadata->ReferencedFiles()) {
      if (!context_.files.files().contains(file)) context_.Violate("a savepoint that was taken lacks a file, " + file);
    }
    return;
  }
  static_cast<void>(context_.files.RemoveDirectory(action.request.directory).ok());
}

void SimJobManager::Do(const CoordinatorAction::NotifyComplete& action) {
  SendToAll(NotifyCommand{.attempt = action.attempt, .id = action.id, .completed = true, .stops = stops_.contains(action.id)});
}

void SimJobManager::Do(const CoordinatorAction::NotifyAborted& action) {
  context_.Trace("abort " + std::to_string(action.id.value) + " " + std::string(CheckpointFailureName(action.failure)));
  SendToAll(NotifyCommand{.attempt = action.attempt, .id = action.id, .completed = false, .stops = stops_.contains(action.id)});
  DeleteUnused(false);
}

void SimJobManager::Do(const CoordinatorAction::ReleaseOlder& action) {
  std::erase_if(completed_, [&](const CheckpointMetadata& metadata) { return metadata.id < action.oldest_retained; });
  DeleteUnused(false);
  static_cast<void>(chain_.Prune(context_.graph.checkpoint.retained_max).ok());  // Else with the next release.
}

// R18, without a grace period: whatever may go, goes.
void SimJobManager::DeleteUnused(bool ended) {
  RetentionFacts facts;
  facts.ended = ended;
  for (const CheckpointMetadata& metadata : completed_) {
    facts.retained.push_back({.id = metadata.id, .metadata_path = context_.layout.MetadataPath(metadata.id), .files = metadata.ReferencedFiles()});
  }
  for (const auto& [path, content] : context_.files.files()) facts.present.push_back({.path = path, .unreferenced_since_ms = 0});
  facts.running = scheduler_.attempt();
  facts.now_ms = context_.now_ms;
  for (const std::string& path : DeletableFiles(context_.layout, facts)) static_cast<void>(context_.files.Remove(path).ok());
}

void SimJobManager::Do(const CoordinatorAction::FailAttempt& action) {
  ToScheduler(SchedulerEvent::CheckpointingFailed{.attempt = action.attempt, .reason = action.reason, .jitter = context_.random.Fraction(),
                                                 .restarts_only = action.restarts_only});
}
void SimJobManager::Do(const CoordinatorAction::ScheduleTick& action) { timers_.insert(action.at_ms); }

void SimJobManager::Do(const SlotPoolAction::SlotsGranted& action) { ToScheduler(SchedulerEvent::SlotsGranted{action.slots}); }
void SimJobManager::Do(const SlotPoolAction::TaskManagerGone& action) {
  ToScheduler(SchedulerEvent::TaskManagerLost{.task_manager = action.task_manager, .jitter = context_.random.Fraction()});
}
void SimJobManager::Do(const SlotPoolAction::StopStrayWorker& action) { Send(action.task_manager, StopCommand{}); }

void SimJobManager::SendToAll(const decltype(Command::what)& what) {
  std::set<std::string> task_managers;
  for (const TaskPlacement& placement : scheduler_.placements()) task_managers.insert(placement.slot.task_manager);
  for (const std::string& task_manager : task_managers) Send(task_manager, what);
}

}  // namespace weir::sim
