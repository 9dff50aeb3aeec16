#include "taskmanager/task_manager.h"

#include <random>

#include "base/check.h"
#include "base/log.h"
#include "base/process_metrics.h"
#include "base/status_macros.h"
#include "proto/convert.h"
#include "proto/messages.pb.h"
#include "taskmanager/advertised_host.h"

namespace weir {
namespace {

constexpr int64_t kTickMs = 100;
constexpr size_t kOutboxMax = 65'536;
constexpr int64_t kLeaveTimeoutMs = 1'000;

}  // namespace

TaskManager::TaskManager(TaskManagerOptions options, WorkerLauncher& launcher)
    : options_(std::move(options)), launcher_(launcher), link_(options_.leader, clock_.MonotonicMillis()), registry_(options_.workers) {}

StatusOr<std::unique_ptr<TaskManager>> TaskManager::Start(TaskManagerOptions options, WorkerLauncher& launcher) {
  if (options.host.empty()) options.host = AdvertisedHost(options.bind_host, options.job_manager_address);
  std::unique_ptr<TaskManager> made(new TaskManager(std::move(options), launcher));
  const Status ready = made->Init();
  if (!ready.ok()) {
    made->Stop();
    made->Join();
    return ready;
  }
  return made;
}

Status TaskManager::Init() {
  client_ = std::make_unique<SessionClient>(
      options_.job_manager_address, options_.artifact_download_timeout_ms,
      SessionCallbacks{.on_command =
                           [this](uint64_t session, const proto::JobManagerCommand& command) {
                             loop_.Post([this, session, copy = command] { OnCommand(session, copy); });
                           },
                       .on_closed = [this](uint64_t session, const Status& why) { loop_.Post([this, session, why] { OnSessionClosed(session, why); }); }});
  launcher_.Start(*this);
  DataListenerOptions listener{.bind_host = options_.bind_host, .port = options_.data_port, .handshake_timeout_ms = options_.handshake_timeout_ms,
                               .pending_count_max = options_.handshake_count_max};
  ASSIGN_OR_RETURN(listener_, DataListener::Start(listener, [this](const ChannelHandshake& handshake, FileDescriptor socket) {
    auto shared = std::make_shared<FileDescriptor>(std::move(socket));  // Closures are copied.
    loop_.Post([this, handshake, shared] { OnConnection(handshake, std::move(*shared)); });
  }));
  data_address_ = options_.host + ":" + std::to_string(listener_->port());
  id_ = options_.id.value_or(data_address_ + "-" + IncarnationId::Random().ToHex().substr(0, 6));
  ASSIGN_OR_RETURN(directory_, WorkDirectory::Claim(options_.temporary_directory, id_));
  artifacts_ = std::make_unique<ArtifactCache>(
      ArtifactCacheOptions{.directory = directory_->artifact_directory(),
                           .artifact_bytes_max = options_.artifact_bytes_max,
                           .cache_bytes_max = options_.artifact_cache_bytes_max},
      *client_);
  worker_metrics_.emplace(MetricLabels{{"host", options_.host}, {"tm_id", id_}});
  if (options_.metrics_ports.has_value()) StartMetrics();
  loop_.Post([this] { Tick(); });
  return Status::Ok();
}

void TaskManager::StartMetrics() {
  const MetricLabels labels = {{"host", options_.host}, {"tm_id", id_}};
  metric_scopes_.push_back(RegisterProcessMetrics(metrics_, clock_, "taskmanager", labels, options_.memory_bytes));
  MetricScope scope(metrics_, "taskmanager", labels);
  scope.AddGauge("taskSlotsTotal")->Set(options_.slots);
  scope.AddCallbackGauge("numRunningWorkers", [this] { return static_cast<double>(worker_count_.load()); });
  scope.AddCallbackGauge("numRefusedDataConnections", [this] { return static_cast<double>(listener_->refused_count()); });
  metric_scopes_.push_back(std::move(scope));
  StatusOr<std::unique_ptr<Exposer>> exposer = Exposer::Start({.bind_host = options_.bind_host, .ports = *options_.metrics_ports}, [this] {
    std::vector<MetricSample> samples = metrics_.Snapshot();
    worker_metrics_->AppendTo(samples);
    return samples;
  });
  if (!exposer.ok()) {  // Metrics are worth less than the process.
    LOG_WARN("Metrics are not shown: {}", exposer.status().ToString());
    return;
  }
  exposer_ = std::move(*exposer);
  metrics_address_ = options_.host + ":" + std::to_string(exposer_->port());
}

TaskManager::~TaskManager() { CHECK(joined_); }

double TaskManager::Jitter() {
  static thread_local std::mt19937_64 random(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(random);
}

void TaskManager::Tick() {
  if (phase_ == Phase::kLeft) return;
  loop_.PostDelayed(std::min(kTickMs, std::max<int64_t>(1, link_.heartbeat_interval_ms() / 2)), [this] { Tick(); });
  const int64_t now_ms = NowMs();
  EndSilentWorkers(now_ms);
  if (const std::optional<int64_t> deadline_ms = registry_.next_deadline_ms(); deadline_ms.has_value() && *deadline_ms <= now_ms) {
    Step(WorkerRegistryEvent::Tick{});
  }
  switch (link_.Tick(now_ms, Jitter())) {
    case LeaderLink::Action::kNone: break;
    case LeaderLink::Action::kConnect: Connect(); break;
    case LeaderLink::Action::kDrop: DropSession(DeadlineExceeded("the JobManager does not answer the registration")); break;
    case LeaderLink::Action::kLeaderLost: LoseLease("no JobManager was heard of for heartbeat.timeout"); break;
    case LeaderLink::Action::kStalled: LoseLease("this TaskManager stood still for longer than heartbeat.timeout"); break;
  }
  if (link_.state() == LeaderLink::State::kRegistered && now_ms >= next_heartbeat_ms_) SendHeartbeat();
}

void TaskManager::Connect() {
  if (phase_ != Phase::kRunning) return;
  LOG_DEBUG("TaskManager dials the JobManager, address={}", options_.job_manager_address);
  session_ = client_->Open();
  proto::TaskManagerEvent event;
  event.set_leader_epoch(link_.epoch().value);
  proto::Registration& registration = *event.mutable_registration();
  registration.set_task_manager_id(id_);
  registration.set_incarnation(IdBytes(incarnation_));
  registration.set_host(options_.host);
  registration.set_data_address(data_address_);
  registration.set_slots(options_.slots);
  registration.set_memory_bytes(options_.memory_bytes);
  registration.set_metrics_address(metrics_address_);
  registration.set_seen_leader_epoch(link_.epoch().value);
  client_->Send(event);
}

void TaskManager::SendHeartbeat() {
  next_heartbeat_ms_ = NowMs() + link_.heartbeat_interval_ms();
  proto::TaskManagerEvent event;
  event.set_leader_epoch(link_.epoch().value);
  proto::TaskManagerHeartbeat& heartbeat = *event.mutable_heartbeat();
  heartbeat.set_incarnation(IdBytes(incarnation_));
  heartbeat.set_sequence(++heartbeat_sequence_);
  for (const WorkerRegistry::WorkerReport& worker : registry_.Report()) {
    proto::TaskManagerHeartbeat::WorkerReport& report = *heartbeat.add_workers();
    report.set_job_id(IdBytes(worker.job));
    *report.mutable_attempt() = ToProto(worker.attempt);
    for (const SubtaskId& subtask : worker.running) *report.add_running() = ToProto(subtask);
  }
  SendToLeader(std::move(event));
}

void TaskManager::OnCommand(uint64_t session, const proto::JobManagerCommand& command) {
  if (session != session_ || phase_ == Phase::kLeft) return;
  if (command.command_case() == proto::JobManagerCommand::kRegistration) return OnRegistrationReply(command);
  switch (link_.OnCommand(LeaderEpoch{command.leader_epoch()}, NowMs())) {
    case LeaderLink::Verdict::kAccept: break;
    case LeaderLink::Verdict::kStaleLeader: return DropSession(FailedPrecondition("command of a deposed leader, epoch=" + std::to_string(command.leader_epoch())));
    case LeaderLink::Verdict::kNotRegistered: return;
  }
  if (command.job_id().empty()) return;  // A heartbeat: it was heard.
  const StatusOr<JobId> job = JobIdFromBytes(command.job_id());
  if (!job.ok()) {
    LOG_WARN("Command with a damaged job id ignored: {}", job.status().ToString());
    return;
  }
  HandleJobCommand(*job, command);
}

void TaskManager::OnRegistrationReply(const proto::JobManagerCommand& command) {
  const proto::RegistrationReply& reply = command.registration();
  const LeaderEpoch epoch{std::max(reply.leader_epoch(), command.leader_epoch())};
  if (!reply.accepted()) return DropSession(FailedPrecondition("the JobManager refuses this TaskManager: " + reply.reason()));
  if (link_.OnRegistered(epoch, reply.heartbeat_interval_ms(), reply.heartbeat_timeout_ms(), NowMs()) != LeaderLink::Verdict::kAccept) {
    return DropSession(FailedPrecondition("the JobManager that answered is deposed, epoch=" + std::to_string(epoch.value)));
  }
  LOG_INFO("TaskManager is registered, id={}, leader epoch={}, workers={}", id_, epoch.value, registry_.size());
  std::deque<std::unique_ptr<proto::TaskManagerEvent>> waiting;
  waiting.swap(outbox_);
  // The leader reads what happened meanwhile before it reads what is left.
  for (const std::unique_ptr<proto::TaskManagerEvent>& event : waiting) {
    if (event->leader_epoch() == epoch.value) SendToLeader(std::move(*event));
  }
  SendHeartbeat();
}

void TaskManager::OnSessionClosed(uint64_t session, const Status& why) {
  if (session != session_ || phase_ != Phase::kRunning) return;
  DropSession(why);
}

void TaskManager::DropSession(const Status& why) {
  // Of a JobManager that is not up yet every retry would say the same.
  if (link_.state() == LeaderLink::State::kRegistered) {
    LOG_WARN("Session with the JobManager has ended: {}", why.ToString());
  } else {
    LOG_INFO("No session with the JobManager at {} yet: {}", options_.job_manager_address, why.ToString());
  }
  session_ = 0;
  client_->Close();
  link_.OnDisconnected(NowMs(), Jitter());
}

void TaskManager::LoseLease(const std::string& why) {
  LOG_ERROR("TaskManager stops its workers and starts over: {}", why);
  session_ = 0;
  client_->Close();
  outbox_.clear();
  incarnation_ = IncarnationId::Random();
  link_.Pause();
  Step(WorkerRegistryEvent::StopAll{.reason = why, .graceful = false});
}

void TaskManager::SendToLeader(proto::TaskManagerEvent event) {
  if (link_.state() == LeaderLink::State::kRegistered) {
    if (client_->Send(event)) return;
    DropSession(ResourceExhausted("the JobManager does not take the events of this TaskManager"));
  }
  if (event.has_heartbeat()) return;  // The next one says the same.
  if (outbox_.size() < kOutboxMax) {
    outbox_.push_back(std::make_unique<proto::TaskManagerEvent>(std::move(event)));
    return;
  }
  outbox_.clear();
  // Events are lost: only a new start of the workers makes sense of what follows. Not from here: a step may be under way.
  loop_.Post([this] { LoseLease("too many events wait for the JobManager"); });
}

void TaskManager::AfterStep() {
  worker_count_ = registry_.size();
  if (!registry_.empty()) return;
  link_.Resume();
  if (phase_ == Phase::kLeaving) Leave();
}

void TaskManager::Leave() {
  phase_ = Phase::kLeft;
  client_->Leave(kLeaveTimeoutMs);
  left_.set_value();
}

void TaskManager::Stop() {
  loop_.Post([this] {
    if (phase_ != Phase::kRunning) return;
    LOG_INFO("TaskManager stops, id={}, workers={}", id_, registry_.size());
    phase_ = Phase::kLeaving;
    Step(WorkerRegistryEvent::StopAll{.reason = "the TaskManager stops", .graceful = true});
  });
}

void TaskManager::Join() {
  left_.get_future().wait();
  exposer_.reset();  // Reads the others.
  metric_scopes_.clear();
  listener_.reset();
  client_->Stop();
  if (artifacts_ != nullptr) {
    artifacts_->Stop();
    artifacts_->Join();
  }
  launcher_.Stop();
  launcher_.Join();
  output_.Stop();
  output_.Join();
  loop_.Stop();
  loop_.Join();
  client_->Join();
  files_.Stop();
  files_.Join();
  if (directory_.has_value()) directory_->Remove();
  joined_ = true;
}

}  // namespace weir
