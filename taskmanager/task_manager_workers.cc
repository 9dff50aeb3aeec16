// The part of TaskManager that deals with workers: the registry's actions, commands to them, events from them.
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/status_macros.h"
#include "proto/convert.h"
#include "proto/crash_report.h"
#include "proto/messages.pb.h"
#include "taskmanager/task_manager.h"

namespace weir {
namespace {

// Requests with the same identity can be served by the same worker.
std::string IdentityOf(const proto::StartWorker& start) {
  std::string identity = start.library().hash() + "/" + std::to_string(start.fingerprint());
  for (const std::string& argument : start.arguments()) identity += '\0' + argument;
  return identity;
}

constexpr int64_t kWorkerSilenceMs = 10'000;

bool IsTerminal(proto::TaskState state) { return state == proto::FINISHED || state == proto::CANCELED || state == proto::FAILED; }

// The line that the worker's crash handler wrote, without its decoration.
std::string CrashLine(const std::string& error_tail) {
  const size_t begin = error_tail.rfind(kWorkerCrashMark);
  if (begin == std::string::npos) return "";
  const size_t text = begin + kWorkerCrashMark.size();
  return error_tail.substr(text, error_tail.find('\n', text) - text);
}

}  // namespace

// ---- From the launcher, on its thread ----

void TaskManager::OnWorkerStarted(WorkerSerial serial, int process_id) {
  loop_.Post([this, serial, process_id] {
    const auto worker = workers_.find(serial);
    // A worker in this process needs no record: it ends with it.
    if (worker != workers_.end() && process_id != ::getpid()) {
      worker->second.process_id = process_id;
      if (!files_.Submit([this, process_id] { directory_->AddWorker(process_id); })) {
        LOG_WARN("Worker is not recorded: a TaskManager that starts after a crash of this one will not end it, pid={}", process_id);
      }
    }
    Step(WorkerRegistryEvent::ProcessStarted{serial, process_id});
  });
}

void TaskManager::OnWorkerExited(WorkerSerial serial, const std::string& how) {
  // What it wrote last belongs to the failure.
  output_.Finish(serial, [this, serial, how](std::string error_tail) {
    loop_.Post([this, serial, how, error_tail] {
      error_tail_ = error_tail;
      Step(WorkerRegistryEvent::Exited{serial, UserError(DescribeEnd(serial, how, error_tail))});
      error_tail_.clear();
    });
  });
}

void TaskManager::OnLauncherLost() {
  const Status failure = Internal("the launcher of the workers has ended: no worker can be started any more");
  LOG_ERROR("TaskManager cannot go on: {}", failure.message());
  if (options_.on_fatal) options_.on_fatal(failure);
}

std::string TaskManager::DescribeEnd(WorkerSerial serial, const std::string& how, const std::string& error_tail) const {
  const auto worker = workers_.find(serial);
  const std::string name = worker != workers_.end() ? "the worker of job \"" + worker->second.start->job_name() + "\" " : "the worker ";
  if (how.starts_with("cannot be started")) return name + how;
  std::string text = name + how + " although its job was running";
  if (const std::string crash = CrashLine(error_tail); !crash.empty()) return text + ": " + crash;
  if (how.starts_with("was killed by signal 9")) return text + ", perhaps by the kernel for want of memory";
  if (how.starts_with("exited")) return text + ": the code of a job must not call exit";
  return text;
}

void TaskManager::EndSilentWorkers(int64_t now_ms) {
  // Ten reports that did not come: a machine under load delays some.
  const int64_t silence_ms_max = std::max(link_.heartbeat_timeout_ms(), kWorkerSilenceMs);
  // We stood still ourselves, and have not read what they sent (R30).
  const bool stalled = last_tick_ms_ != 0 && now_ms - last_tick_ms_ > silence_ms_max / 2;
  last_tick_ms_ = now_ms;
  std::vector<WorkerSerial> silent;
  for (auto& [serial, worker] : workers_) {
    if (stalled && worker.last_heard_ms != 0) worker.last_heard_ms = now_ms;
    if (worker.last_heard_ms == 0 || now_ms - worker.last_heard_ms <= silence_ms_max) continue;
    worker.last_heard_ms = 0;  // Said once.
    silent.push_back(serial);
  }
  for (const WorkerSerial serial : silent) {
    const std::string seconds = std::to_string(silence_ms_max / 1'000);
    Step(WorkerRegistryEvent::Failed{serial, Unavailable("the worker said nothing for " + seconds + " s, though its process lives: it was stopped, or has no CPU time")});
  }
}

// ---- What the registry wants done ----

void TaskManager::Step(const WorkerRegistryEvent::Any& event) {
  for (const WorkerRegistryAction::Any& action : registry_.Step(event, NowMs())) {
    std::visit([this](const auto& known) { Do(known); }, action);
  }
  AfterStep();
}

void TaskManager::Do(const WorkerRegistryAction::Fetch& action) {
  Worker& worker = workers_[action.serial];
  worker.job = action.job;
  worker.start = std::make_unique<proto::StartWorker>(*start_requests_.at(action.job));
  const proto::Artifact& library = worker.start->library();
  artifacts_->Fetch(library.hash(), library.size_bytes(), [this, serial = action.serial, hash = library.hash()](const StatusOr<std::string>& path) {
    loop_.Post([this, serial, hash, path] { OnArtifact(serial, hash, path); });
  });
}

void TaskManager::OnArtifact(WorkerSerial serial, const std::string& hash, const StatusOr<std::string>& path) {
  const auto worker = workers_.find(serial);
  if (worker == workers_.end()) {  // Not wanted any more.
    if (path.ok()) artifacts_->Release(hash);
    return;
  }
  if (path.ok()) worker->second.library_path = *path;
  Step(WorkerRegistryEvent::ArtifactFetched{serial, path.status()});
}

void TaskManager::Do(const WorkerRegistryAction::Launch& action) {
  Worker& worker = workers_.at(action.serial);
  StatusOr<DescriptorPair> control = NewSocketPair(SOCK_STREAM);
  StatusOr<DescriptorPair> output = NewPipe();
  StatusOr<DescriptorPair> error = NewPipe();
  for (const Status& made : {control.status(), output.status(), error.status()}) {
    if (made.ok()) continue;
    loop_.Post([this, serial = action.serial, made] { Step(WorkerRegistryEvent::Exited{serial, made}); });
    return;
  }
  output_.Add(action.serial, std::move(output->first), std::move(error->first), OutputFilesOf(worker));
  WorkerConnectionCallbacks callbacks;
  callbacks.on_event = [this](WorkerSerial serial, const proto::TaskManagerEvent& event) {
    loop_.Post([this, serial, copy = event] { OnWorkerEvent(serial, copy); });
  };
  callbacks.on_broken = [this](WorkerSerial serial, const Status& why) {
    loop_.Post([this, serial, why] { Step(WorkerRegistryEvent::Failed{serial, why.WithContext("control connection of the worker")}); });
  };
  worker.connection = std::make_unique<WorkerConnection>(action.serial, std::move(control->first), std::move(callbacks));
  launcher_.Launch(action.serial, {std::move(control->second), std::move(output->second), std::move(error->second)});
}

OutputFiles TaskManager::OutputFilesOf(const Worker& worker) const {
  if (options_.log_directory.empty()) return {};
  const std::string stem = options_.log_directory + "/" + worker.job.ToHex() + "/worker-" + FromProto(worker.start->attempt()).ToString();
  return {.output = stem + ".out", .error = stem + ".log", .limits = options_.log_limits};
}

void TaskManager::Do(const WorkerRegistryAction::SendStart& action) {
  const Worker& worker = workers_.at(action.serial);
  const std::map<std::string, std::string> job_settings(worker.start->configuration().begin(), worker.start->configuration().end());
  StatusOr<proto::WorkerSettings> settings = ResolveWorkerSettings(options_.configuration, job_settings);
  if (!settings.ok()) {
    loop_.Post([this, serial = action.serial, why = settings.status()] { Step(WorkerRegistryEvent::Failed{serial, why.WithContext("configuration of the job")}); });
    return;
  }
  proto::WorkerCommand command;
  proto::WorkerStart& start = *command.mutable_start();
  start.set_job_id(IdBytes(worker.job));
  *start.mutable_start() = *worker.start;
  *start.mutable_start()->mutable_attempt() = ToProto(action.attempt);
  start.set_library_path(worker.library_path);
  start.set_task_manager_id(id_);
  start.set_host(options_.host);
  start.set_data_address(data_address_);
  start.set_memory_bytes_max(options_.memory_bytes);
  start.set_leader_epoch(link_.epoch().value);
  start.set_slots(options_.slots);
  if (settings->has_rocksdb()) settings->mutable_rocksdb()->set_directory(directory_->state_directory());
  *start.mutable_settings() = *settings;
  SendToWorker(action.serial, command);
}

void TaskManager::Do(const WorkerRegistryAction::SendCancel& action) {
  proto::WorkerCommand command;
  proto::JobManagerCommand& relayed = *command.mutable_relayed();
  relayed.set_leader_epoch(link_.epoch().value);
  relayed.set_job_id(IdBytes(workers_.at(action.serial).job));
  *relayed.mutable_cancel()->mutable_attempt() = ToProto(action.attempt);
  SendToWorker(action.serial, command);
}

void TaskManager::Do(const WorkerRegistryAction::SendStop& action) {
  proto::WorkerCommand command;
  proto::JobManagerCommand& relayed = *command.mutable_relayed();
  relayed.set_leader_epoch(link_.epoch().value);
  relayed.set_job_id(IdBytes(workers_.at(action.serial).job));
  relayed.mutable_stop_worker();
  SendToWorker(action.serial, command);
}

void TaskManager::Do(const WorkerRegistryAction::Kill& action) { launcher_.Kill(action.serial); }

void TaskManager::Do(const WorkerRegistryAction::Forget& action) {
  auto found = workers_.extract(action.serial);
  Worker& worker = found.mapped();
  if (!worker.library_path.empty()) artifacts_->Release(worker.start->library().hash());
  if (worker.process_id != 0 && !files_.Submit([this, process_id = worker.process_id] { directory_->RemoveWorker(process_id); })) {
    LOG_WARN("Record of a worker stays, pid={}", worker.process_id);  // Harmless: it names the start time, too.
  }
  if (worker.connection != nullptr) {  // Its process is gone: nothing holds its threads up.
    worker.connection->Stop();
    worker.connection->Join();
  }
  worker_metrics_->Remove(action.serial);
  if (!registry_.HasWorker(action.job)) start_requests_.erase(action.job);
}

proto::TaskManagerEvent TaskManager::NewEvent(JobId job) const {
  proto::TaskManagerEvent event;
  event.set_job_id(IdBytes(job));
  event.set_leader_epoch(link_.epoch().value);
  return event;
}

void TaskManager::Do(const WorkerRegistryAction::ReportReady& action) {
  proto::TaskManagerEvent event = NewEvent(action.job);
  *event.mutable_worker_ready()->mutable_attempt() = ToProto(action.attempt);
  event.mutable_worker_ready()->set_process_id(static_cast<uint32_t>(action.process_id));
  SendToLeader(std::move(event));
}

void TaskManager::Do(const WorkerRegistryAction::ReportFailed& action) {
  if (action.failure.code() == StatusCode::kCancelled) {
    LOG_INFO("Worker has ended, job={}, attempt={}: {}", action.job.ToHex(), action.attempt.ToString(), action.failure.message());
  } else {
    LOG_ERROR("Worker has failed, job={}, attempt={}: {}", action.job.ToHex(), action.attempt.ToString(), action.failure.ToString());
  }
  proto::TaskManagerEvent event = NewEvent(action.job);
  *event.mutable_worker_failed()->mutable_attempt() = ToProto(action.attempt);
  *event.mutable_worker_failed()->mutable_failure() = ToProto(action.failure, {.stack = error_tail_, .timestamp_ms = clock_.WallMillis()});
  SendToLeader(std::move(event));
}

void TaskManager::Do(const WorkerRegistryAction::ReportTasksCancelled& action) {
  proto::TaskManagerEvent event = NewEvent(action.job);
  *event.mutable_tasks_cancelled()->mutable_attempt() = ToProto(action.attempt);
  SendToLeader(std::move(event));
}

void TaskManager::Do(const WorkerRegistryAction::Ignored& action) { LOG_DEBUG("Message changes nothing: {}", action.what); }

// ---- Commands of the JobManager ----

void TaskManager::HandleJobCommand(JobId job, const proto::JobManagerCommand& command) {
  if (phase_ != Phase::kRunning) return;
  switch (command.command_case()) {
    case proto::JobManagerCommand::kStartWorker: {
      const proto::StartWorker& start = command.start_worker();
      std::unique_ptr<proto::StartWorker>& newest = start_requests_[job];
      if (newest == nullptr || FromProto(newest->attempt()) <= FromProto(start.attempt())) newest = std::make_unique<proto::StartWorker>(start);
      Step(WorkerRegistryEvent::StartRequested{job, FromProto(start.attempt()), IdentityOf(start)});
      if (!registry_.HasWorker(job)) start_requests_.erase(job);
      return;
    }
    case proto::JobManagerCommand::kStopWorker: return Step(WorkerRegistryEvent::StopRequested{job});
    case proto::JobManagerCommand::kCancel: return Step(WorkerRegistryEvent::CancelRequested{job, FromProto(command.cancel().attempt())});
    case proto::JobManagerCommand::kDeploy: {
      std::vector<SubtaskId> subtasks;
      for (const proto::TaskDeployment& task : command.deploy().tasks()) subtasks.push_back(FromProto(task.subtask()));
      Step(WorkerRegistryEvent::TasksDeployed{job, FromProto(command.deploy().attempt()), std::move(subtasks)});
      return Relay(job, command);
    }
    case proto::JobManagerCommand::kTrigger:
    case proto::JobManagerCommand::kDrain:
    case proto::JobManagerCommand::kNotify: return Relay(job, command);
    default: LOG_WARN("Command of the JobManager ignored, number={}", static_cast<int>(command.command_case())); return;
  }
}

void TaskManager::Relay(JobId job, const proto::JobManagerCommand& command) {
  if (const std::optional<WorkerSerial> serial = registry_.ReadyWorkerOf(job); serial.has_value()) {
    proto::WorkerCommand relayed;
    *relayed.mutable_relayed() = command;
    return SendToWorker(*serial, relayed);
  }
  if (!command.has_deploy()) return;  // Its end is on the way to the JobManager, or known there.
  const FailureDetails details{.stack = {}, .timestamp_ms = clock_.WallMillis()};
  for (const proto::TaskDeployment& task : command.deploy().tasks()) {
    proto::TaskManagerEvent event = NewEvent(job);
    const TaskStateReport report{FromProto(command.deploy().attempt()), FromProto(task.subtask()), TaskState::kFailed,
                                 Unavailable("tasks were deployed to a TaskManager without a ready worker of the job")};
    *event.mutable_task_state() = ToProto(report, details);
    SendToLeader(std::move(event));
  }
}

void TaskManager::SendToWorker(WorkerSerial serial, const proto::WorkerCommand& command, FileDescriptor attached) {
  const bool is_connection = command.has_data_connection();
  if (workers_.at(serial).connection->Send(command, std::move(attached)) || is_connection) return;
  // Not from here: a step may be under way. When the worker has just died its exit comes first.
  loop_.Post([this, serial] { Step(WorkerRegistryEvent::Failed{serial, Unavailable("the worker does not take its commands")}); });
}

void TaskManager::OnConnection(const ChannelHandshake& handshake, FileDescriptor socket) {
  const std::optional<WorkerSerial> serial = registry_.ReadyWorkerOf(handshake.job);
  if (!serial.has_value()) return;  // Closes it; the peer's channel breaks or is tried again.
  proto::WorkerCommand command;
  command.mutable_data_connection()->set_handshake(handshake.Encode());
  SendToWorker(*serial, command, std::move(socket));
}

// ---- Events of workers ----

void TaskManager::OnWorkerEvent(WorkerSerial serial, const proto::TaskManagerEvent& event) {
  const auto worker = workers_.find(serial);
  if (worker == workers_.end()) return;  // Late.
  worker->second.connection->EventHandled();
  if (worker->second.last_heard_ms != 0 || event.has_worker_ready()) worker->second.last_heard_ms = NowMs();
  if (event.job_id() != IdBytes(worker->second.job)) {
    return Step(WorkerRegistryEvent::Failed{serial, Internal("the worker speaks for another job")});
  }
  switch (event.event_case()) {
    case proto::TaskManagerEvent::kWorkerReady: return Step(WorkerRegistryEvent::Ready{serial});
    case proto::TaskManagerEvent::kWorkerFailed: return Step(WorkerRegistryEvent::Failed{serial, FromProto(event.worker_failed().failure())});
    case proto::TaskManagerEvent::kTasksCancelled:
      return Step(WorkerRegistryEvent::TasksCancelled{serial, FromProto(event.tasks_cancelled().attempt())});
    case proto::TaskManagerEvent::kTaskState:
      if (IsTerminal(event.task_state().state())) {
        Step(WorkerRegistryEvent::TaskEnded{serial, FromProto(event.task_state().attempt()), FromProto(event.task_state().subtask())});
      }
      return SendToLeader(event);
    case proto::TaskManagerEvent::kAcknowledge:
    case proto::TaskManagerEvent::kDecline:
    case proto::TaskManagerEvent::kTaskStuck: return SendToLeader(event);
    case proto::TaskManagerEvent::kMetrics: {
      StatusOr<std::vector<MetricSample>> samples = FromProto(event.metrics());
      if (samples.ok()) {
        worker_metrics_->Replace(serial, std::move(*samples));
      } else {
        LOG_WARN("Metric report of a worker ignored: {}", samples.status().ToString());
      }
      return;
    }
    default: return Step(WorkerRegistryEvent::Failed{serial, Internal("the worker sent an event that is not for it to send")});
  }
}

}  // namespace weir
