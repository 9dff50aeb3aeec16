#include "jobmanager/dispatcher.h"

#include "base/log.h"
#include "base/status_macros.h"
#include "proto/convert.h"
#include "state/checkpoint/savepoint_directory.h"

namespace weir {
namespace {

constexpr uint32_t kSlotsMax = 10'000;
constexpr size_t kNameBytesMax = 256;

}  // namespace

Dispatcher::Dispatcher(Options options, FileSystem& files, ArtifactStore& artifacts, ThreadPool& io_pool, EventLoop& loop, const Clock& clock,
                       MetricRegistry& metrics)
    : options_(std::move(options)),
      files_(files),
      artifacts_(artifacts),
      io_pool_(io_pool),
      loop_(loop),
      clock_(clock),
      metrics_(metrics),
      cluster_metrics_(metrics, "jobmanager", {}),
      registered_(cluster_metrics_.AddGauge("numRegisteredTaskManagers")),
      running_jobs_(cluster_metrics_.AddGauge("numRunningJobs")),
      slots_total_(cluster_metrics_.AddGauge("taskSlotsTotal")),
      slots_available_(cluster_metrics_.AddGauge("taskSlotsAvailable")),
      slot_pool_(SlotPool::Options{}),
      heartbeats_({options_.heartbeat_interval_ms, options_.heartbeat_timeout_ms}) {}

Dispatcher::~Dispatcher() = default;

void Dispatcher::Start() {
  UpdateMetrics();
  Beat();
}

void Dispatcher::Stop() { stopped_ = true; }

// ---- Clients ----

StatusOr<JobId> Dispatcher::Submit(const proto::SubmitJobRequest& request) {
  JobSubmission submission;
  ASSIGN_OR_RETURN(submission.graph, JobGraph::Decode(request.job_graph()));
  RETURN_IF_ERROR(submission.graph.Validate());
  if (submission.graph.Fingerprint() != request.fingerprint()) return InvalidArgument("the job graph does not have the announced fingerprint");
  if (!artifacts_.Has(request.library().hash())) return NotFound("the job's library was not uploaded, hash=" + request.library().hash().substr(0, 80));
  if (!request.restore_path().empty()) {
    RETURN_IF_ERROR(CheckOthers({request.restore_path(), request.claim_restored()}, std::nullopt).WithContext("the snapshot cannot be restored from"));
  }
  if (options_.check_state) RETURN_IF_ERROR(options_.check_state(submission.graph, {request.configuration().begin(), request.configuration().end()}));
  submission.request = request;
  submission.id = JobId::Random();
  const JobId id = submission.id;
  JobMaster::Options job = options_.job;
  job.epoch = options_.epoch;
  job.checkpoints_directory = options_.checkpoints_directory;
  if (options_.restart_of) {
    ASSIGN_OR_RETURN(job.scheduler.restart, options_.restart_of({request.configuration().begin(), request.configuration().end()}));
  }
  // What the program says counts more than the command line, as in Flink.
  if (submission.graph.restart.has_value()) job.scheduler.restart = *submission.graph.restart;
  LOG_INFO("Received job submission '{}' ({}).", submission.graph.name, id.ToHex());
  // Until the job has ended.
  if (!artifacts_.Pin(request.library().hash())) return NotFound("the job's library is gone, hash=" + request.library().hash());
  auto master = std::make_unique<JobMaster>(std::move(submission), std::move(job), static_cast<ClusterGateway&>(*this), files_, io_pool_, loop_, clock_, metrics_);
  jobs_[id] = std::move(master);
  jobs_[id]->Start();
  UpdateMetrics();
  return id;
}

void Dispatcher::WhenOpened(JobId job, std::function<void(Status)> done) {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return done(NotFound("no such job, id=" + job.ToHex()));
  found->second->WhenOpened(std::move(done));
}

proto::ListJobsReply Dispatcher::List() const {
  proto::ListJobsReply reply;
  for (const auto& [id, job] : jobs_) *reply.add_jobs() = job->Overview();
  return reply;
}

StatusOr<proto::JobDetails> Dispatcher::Get(JobId job) const {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return NotFound("no such job, id=" + job.ToHex());
  return found->second->Details();
}

Status Dispatcher::Cancel(JobId job) {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return NotFound("no such job, id=" + job.ToHex());
  if (IsTerminal(found->second->status())) {
    return FailedPrecondition("the job has ended already, id=" + job.ToHex() + ", state=" + std::string(JobStatusName(found->second->status())));
  }
  if (found->second->status() == JobStatus::kSuspended) {
    return FailedPrecondition("another leader owns the job, this JobManager has let go of it, id=" + job.ToHex() + ", state=SUSPENDED");
  }
  found->second->Cancel();
  return Status::Ok();
}

void Dispatcher::TriggerSavepoint(JobId job, JobMaster::SavepointWish wish, std::function<void(StatusOr<JobMaster::SavepointBegun>)> done) {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return done(NotFound("no such job, id=" + job.ToHex()));
  if (wish.target.empty()) wish.target = found->second->savepoint_directory();
  if (wish.target.empty()) wish.target = options_.savepoints_directory;
  if (wish.target.empty()) return done(InvalidArgument("no directory for the savepoint: name one, or set execution.checkpointing.savepoint-dir"));
  found->second->TriggerSavepoint(wish, std::move(done));
}

StatusOr<proto::SavepointDetails> Dispatcher::GetSavepoint(JobId job, const std::string& trigger_id) const {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return NotFound("no such job, id=" + job.ToHex());
  return found->second->GetSavepoint(trigger_id);
}

void Dispatcher::DisposeSavepoint(const std::string& path, std::function<void(Status)> done) {
  if (const Status needed = CheckOthers({path, true}, std::nullopt); !needed.ok()) return done(needed);
  const bool accepted = io_pool_.Submit([this, path, done] { loop_.Post([done, disposed = weir::DisposeSavepoint(files_, path)] { done(disposed); }); });
  if (!accepted) done(ResourceExhausted("the JobManager's storage work is piling up"));
}

proto::ClusterDetails Dispatcher::Cluster() const {
  proto::ClusterDetails details;
  details.set_leader_epoch(options_.epoch.value);
  details.set_metrics_address(options_.metrics_address);
  std::map<std::string, uint32_t> used;
  for (const auto& [id, job] : jobs_) {
    for (const SlotId& slot : slot_pool_.SlotsOf(id)) ++used[slot.task_manager];
  }
  for (const auto& [name, task_manager] : task_managers_) {
    proto::TaskManagerDetails& shown = *details.add_task_managers();
    shown.set_id(name);
    shown.set_host(task_manager.host);
    shown.set_data_address(task_manager.data_address);
    shown.set_metrics_address(task_manager.metrics_address);
    shown.set_slots_total(task_manager.slots);
    shown.set_slots_free(task_manager.slots - std::min(task_manager.slots, used[name]));
    shown.set_last_heartbeat_ms(clock_.WallMillis() - (clock_.MonotonicMillis() - heartbeats_.LastHeardMs(name)));
  }
  return details;
}

// ---- Sessions ----

void Dispatcher::OnSessionEvent(SessionId session, proto::TaskManagerEvent event) {
  loop_.Post([this, session, event = std::move(event)] { HandleEvent(session, event); });
}

void Dispatcher::OnSessionClosed(SessionId session) {
  loop_.Post([this, session] {
    if (const std::string* const name = NameOf(session)) Lose(std::string(*name), "its session broke");
  });
}

const std::string* Dispatcher::NameOf(SessionId session) const {
  for (const auto& [name, task_manager] : task_managers_) {
    if (task_manager.session == session) return &name;
  }
  return nullptr;
}

void Dispatcher::HandleEvent(SessionId session, const proto::TaskManagerEvent& event) {
  if (event.has_registration()) return HandleRegistration(session, event.registration());
  const std::string* const name = NameOf(session);
  if (name == nullptr) return;  // A session that was replaced, or never registered.
  if (event.leader_epoch() != options_.epoch.value) {
    LOG_WARN("Event of another leader's epoch ignored, from={}, epoch={}, own={}", *name, event.leader_epoch(), options_.epoch.value);
    return;
  }
  if (event.has_heartbeat()) return HandleHeartbeat(*name, task_managers_[*name], event.heartbeat());
  const StatusOr<JobId> job = JobIdFromBytes(event.job_id());
  const auto found = job.ok() ? jobs_.find(*job) : jobs_.end();
  if (found == jobs_.end()) {
    LOG_DEBUG("Event of an unknown job ignored, from={}", *name);
    return;
  }
  found->second->OnEvent(std::string(*name), event);
}

void Dispatcher::HandleRegistration(SessionId session, const proto::Registration& registration) {
  const StatusOr<IncarnationId> incarnation = IncarnationIdFromBytes(registration.incarnation());
  std::string refusal;
  if (!incarnation.ok()) refusal = incarnation.status().ToString();
  if (registration.task_manager_id().empty() || registration.task_manager_id().size() > kNameBytesMax) refusal = "bad TaskManager id";
  if (registration.slots() == 0 || registration.slots() > kSlotsMax) refusal = "bad number of slots, slots=" + std::to_string(registration.slots());
  // Somebody has led after us: we must not (R3).
  if (registration.seen_leader_epoch() > options_.epoch.value) {
    refusal = "the TaskManager has seen a leader of epoch " + std::to_string(registration.seen_leader_epoch()) + ", this one has " + std::to_string(options_.epoch.value);
  }
  proto::JobManagerCommand command;
  command.set_leader_epoch(options_.epoch.value);
  proto::RegistrationReply& reply = *command.mutable_registration();
  reply.set_accepted(refusal.empty());
  reply.set_reason(refusal);
  reply.set_leader_epoch(options_.epoch.value);
  reply.set_leader_incarnation(IdBytes(options_.incarnation));
  reply.set_heartbeat_interval_ms(options_.heartbeat_interval_ms);
  reply.set_heartbeat_timeout_ms(options_.heartbeat_timeout_ms);
  sessions_->Send(session, std::move(command));
  if (!refusal.empty()) {
    LOG_WARN("TaskManager refused, id={}, reason={}", registration.task_manager_id().substr(0, kNameBytesMax), refusal);
    return;
  }
  const std::string& name = registration.task_manager_id();
  if (task_managers_.contains(name)) {
    const SessionId old_session = task_managers_[name].session;
    Lose(name, "it registered again");
    if (old_session != session) sessions_->Close(old_session);
  }
  task_managers_[name] = {session, *incarnation, registration.host(), registration.data_address(), registration.metrics_address(), registration.slots()};
  heartbeats_.OnHeard(name, clock_.MonotonicMillis());
  LOG_INFO("Registered TaskManager {} ({} slots, data {}).", name, registration.slots(), registration.data_address());
  Apply(slot_pool_.Step(SlotPoolEvent::TaskManagerReported{name, *incarnation, registration.slots(), {}}));
  UpdateMetrics();
}

void Dispatcher::HandleHeartbeat(const std::string& name, TaskManager& task_manager, const proto::TaskManagerHeartbeat& heartbeat) {
  const StatusOr<IncarnationId> incarnation = IncarnationIdFromBytes(heartbeat.incarnation());
  if (!incarnation.ok() || *incarnation != task_manager.incarnation) return;  // Of another life (R28).
  heartbeats_.OnHeard(name, clock_.MonotonicMillis());
  SlotPoolEvent::TaskManagerReported report{name, *incarnation, task_manager.slots, {}};
  for (const auto& worker : heartbeat.workers()) {
    if (const StatusOr<JobId> job = JobIdFromBytes(worker.job_id()); job.ok()) report.workers.push_back(*job);
  }
  Apply(slot_pool_.Step(report));
  std::map<JobId, const proto::TaskManagerHeartbeat::WorkerReport*> workers;
  for (const auto& worker : heartbeat.workers()) {
    if (const StatusOr<JobId> job = JobIdFromBytes(worker.job_id()); job.ok()) workers[*job] = &worker;
  }
  for (const auto& [id, job] : jobs_) {
    if (IsTerminal(job->status())) continue;
    const auto worker = workers.find(id);
    job->OnReport(name, worker != workers.end() ? worker->second : nullptr);
  }
}

void Dispatcher::Lose(const std::string& name, const std::string& why) {
  const auto found = task_managers_.find(name);
  if (found == task_managers_.end()) return;
  LOG_WARN("TaskManager {} is lost: {}.", name, why);
  const IncarnationId incarnation = found->second.incarnation;
  task_managers_.erase(found);
  heartbeats_.Forget(name);
  Apply(slot_pool_.Step(SlotPoolEvent::TaskManagerLost{name, incarnation}));
  UpdateMetrics();
}

void Dispatcher::Beat() {
  if (stopped_) return;
  ++heartbeat_sequence_;
  const HeartbeatWatch::Verdict verdict = heartbeats_.OnBeat(clock_.MonotonicMillis());
  if (verdict.stalled_ms.has_value()) {
    LOG_WARN("The JobManager itself was not running for {} ms: TaskManagers get a new heartbeat.timeout", *verdict.stalled_ms);
  }
  for (const auto& [name, task_manager] : task_managers_) {
    proto::JobManagerCommand command;
    command.set_leader_epoch(options_.epoch.value);
    command.mutable_heartbeat()->set_sequence(heartbeat_sequence_);
    sessions_->Send(task_manager.session, std::move(command));
  }
  for (const std::string& name : verdict.silent) {
    const SessionId session = task_managers_.at(name).session;
    Lose(name, "no heartbeat for " + std::to_string(options_.heartbeat_timeout_ms) + " ms");
    sessions_->Close(session);
  }
  loop_.PostDelayed(options_.heartbeat_interval_ms, [this] { Beat(); });
}

void Dispatcher::Apply(const SlotPool::Actions& actions) {
  for (const SlotPoolAction::Any& action : actions) {
    if (const auto* const granted = std::get_if<SlotPoolAction::SlotsGranted>(&action)) {
      // Posted: the request may come out of a step of that very job.
      loop_.Post([this, granted = *granted] {
        const auto found = jobs_.find(granted.job);
        if (found != jobs_.end()) found->second->OnSlotsGranted(granted.slots);
      });
    } else if (const auto* const gone = std::get_if<SlotPoolAction::TaskManagerGone>(&action)) {
      loop_.Post([this, gone = *gone] {
        const auto found = jobs_.find(gone.job);
        if (found != jobs_.end()) found->second->OnTaskManagerLost(gone.task_manager);
      });
    } else if (const auto* const stray = std::get_if<SlotPoolAction::StopStrayWorker>(&action)) {
      proto::JobManagerCommand command;
      command.set_leader_epoch(options_.epoch.value);
      command.set_job_id(IdBytes(stray->job));
      command.mutable_stop_worker();
      Send(stray->task_manager, std::move(command));
    }
  }
  UpdateMetrics();
}

void Dispatcher::UpdateMetrics() {
  registered_->Set(static_cast<double>(task_managers_.size()));
  slots_total_->Set(slot_pool_.TotalSlots());
  slots_available_->Set(slot_pool_.FreeSlots());
  running_jobs_->Set(static_cast<double>(std::count_if(jobs_.begin(), jobs_.end(), [](const auto& entry) { return entry.second->status() == JobStatus::kRunning; })));
}

Status Dispatcher::CheckOthers(const SnapshotStart& start, std::optional<JobId> but) const {
  for (const auto& [id, job] : jobs_) {
    if (id != but && !IsTerminal(job->status())) RETURN_IF_ERROR(CheckSnapshotStart(start, job->snapshot_use()));
  }
  return Status::Ok();
}

// ---- ClusterGateway ----

void Dispatcher::Send(const std::string& task_manager, proto::JobManagerCommand command) {
  const auto found = task_managers_.find(task_manager);
  if (found != task_managers_.end()) sessions_->Send(found->second.session, std::move(command));
}

std::string Dispatcher::DataAddressOf(const std::string& task_manager) const {
  const auto found = task_managers_.find(task_manager);
  return found != task_managers_.end() ? found->second.data_address : std::string();
}

void Dispatcher::RequestSlots(JobId job, uint32_t slot_count) { Apply(slot_pool_.Step(SlotPoolEvent::SlotsRequested{job, slot_count})); }

void Dispatcher::ReleaseSlots(JobId job) { Apply(slot_pool_.Step(SlotPoolEvent::JobReleased{job})); }

Status Dispatcher::CheckStart(JobId job, const SnapshotStart& start) const {
  return CheckOthers(start, job).WithContext("the snapshot cannot be restored from");
}

void Dispatcher::JobEnded(JobId job) {
  artifacts_.Unpin(jobs_.at(job)->library_hash());
  ended_jobs_.push_back(job);
  if (ended_jobs_.size() <= kEndedJobsMax) return;
  // Later: the oldest job is not the one whose step this is, but the newest may be.
  loop_.Post([this, oldest = ended_jobs_.front()] { jobs_.erase(oldest); });
  ended_jobs_.erase(ended_jobs_.begin());
}

}  // namespace weir
