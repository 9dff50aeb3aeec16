#include "tests/sim/sim_task_manager.h"

#include "base/check.h"

namespace weir::sim {

SimTaskManager::SimTaskManager(SimContext& context, Nets& nets, std::string name, uint32_t slot_count)
    : context_(context), nets_(nets), name_(std::move(name)), slot_count_(slot_count) {
  incarnation_.bytes[0] = 1;
}

void SimTaskManager::Connect(LeaderEpoch epoch) {
  CHECK(!session_.has_value());
  session_ = epoch;
  seen_epoch_ = std::max(seen_epoch_, epoch);
}

void SimTaskManager::Disconnect() {
  session_.reset();
  commands.clear();
  events.clear();
}

void SimTaskManager::Send(TaskManagerMessage message) {
  if (session_.has_value()) events.push_back(std::move(message));
}

void SimTaskManager::Execute(const Command& command) {
  if (command.epoch < seen_epoch_) return;  // R3
  seen_epoch_ = command.epoch;
  std::visit([this](const auto& concrete) { On(concrete); }, command.what);
}

void SimTaskManager::On(const StartCommand& command) {
  if (worker_.has_value() && command.attempt <= worker_->attempt) return;  // R9
  EndTasks();
  worker_ = Worker{.attempt = command.attempt, .deployed = false, .cancelled = false, .tasks = {}};
  Send(SchedulerEvent::WorkerReady{command.attempt, name_});
}

void SimTaskManager::On(const DeployCommand& command) {
  if (!Runs(command.attempt) || worker_->deployed || worker_->cancelled) return;
  worker_->deployed = true;
  std::unique_ptr<Net>& net = nets_[command.attempt];
  if (net == nullptr) net = std::make_unique<Net>(context_.graph);
  for (const auto& [subtask, restore] : command.tasks) {
    worker_->tasks.push_back(std::make_unique<SimTask>(context_, *net, command.attempt, subtask, restore));
  }
}

void SimTaskManager::On(const CancelCommand& command) {
  if (worker_.has_value() && worker_->attempt <= command.attempt) {
    EndTasks();
    worker_->cancelled = true;
  }
  Send(SchedulerEvent::TasksCancelled{command.attempt, name_});
}

void SimTaskManager::On(const TriggerCommand& command) {
  if (!Runs(command.attempt)) return;
  for (const std::unique_ptr<SimTask>& task : worker_->tasks) {
    const bool is_root = std::find(command.roots.begin(), command.roots.end(), task->subtask()) != command.roots.end();
    if (!is_root) continue;
    task->Trigger(command.id, command.savepoint);
    Collect(*task);
  }
}

void SimTaskManager::On(const DrainCommand& command) {
  if (!Runs(command.attempt)) return;
  for (const std::unique_ptr<SimTask>& task : worker_->tasks) {
    if (std::find(command.sources.begin(), command.sources.end(), task->subtask()) == command.sources.end()) continue;
    task->DrainByOrder();
    Collect(*task);
  }
}

void SimTaskManager::On(const NotifyCommand& command) {
  if (!Runs(command.attempt)) return;
  for (const std::unique_ptr<SimTask>& task : worker_->tasks) {
    command.completed ? task->NotifyComplete(command.id) : task->NotifyAborted(command.id);
    Collect(*task);
  }
}

void SimTaskManager::On(const StopCommand&) {
  EndTasks();
  worker_.reset();
}

void SimTaskManager::On(const KillCommand& command) {
  if (worker_.has_value() && worker_->attempt <= command.attempt) return KillWorker();
  Send(SchedulerEvent::TasksCancelled{command.attempt, name_});
}

void SimTaskManager::KillWorker() {
  if (!worker_.has_value()) return;
  const AttemptId attempt = worker_->attempt;
  EndTasks();
  worker_.reset();
  uploads_.clear();
  Send(SchedulerEvent::WorkerFailed{.attempt = attempt, .task_manager = name_, .reason = UserError("worker crashed"),
                                    .jitter = context_.random.Fraction()});
}

void SimTaskManager::Crash() {
  EndTasks();
  worker_.reset();
  uploads_.clear();
  Disconnect();
  ++incarnation_.bytes[0];
}

// The data plane notices at once: the channels of the attempt break for all.
void SimTaskManager::EndTasks() {
  if (!worker_.has_value() || !worker_->deployed) return;
  nets_[worker_->attempt]->broken = true;
  worker_->tasks.clear();
}

void SimTaskManager::FailTask() {
  if (!worker_.has_value() || worker_->tasks.empty()) return;
  nets_[worker_->attempt]->broken = true;
}

void SimTaskManager::StepTask() {
  if (!worker_.has_value() || worker_->tasks.empty()) return;
  SimTask& task = *worker_->tasks[context_.random.Below(worker_->tasks.size())];
  task.Step();
  Collect(task);
}

void SimTaskManager::Collect(SimTask& task) {
  for (TaskManagerMessage& message : task.TakeMessages()) Send(std::move(message));
  for (Upload& upload : task.TakeUploads()) {
    if (context_.mutations.acknowledge_before_durable) {
      testing::MemoryFileSystem elsewhere;
      StatusOr<TaskSnapshot> snapshot = upload.Write(context_, elsewhere);
      CHECK(snapshot.ok());
      Send(CoordinatorEvent::Acknowledged{.attempt = upload.attempt, .subtask = upload.subtask, .id = upload.id, .snapshot = *snapshot});
      upload.acknowledged = true;
    }
    const bool slow = context_.faults && context_.random.Chance(100);
    upload.not_before_ms = context_.now_ms + (slow ? context_.random.Below(300) : 0);
    uploads_.push_back(std::move(upload));
  }
}

void SimTaskManager::StepUpload() {
  if (uploads_.empty()) return;
  const size_t index = context_.random.Below(uploads_.size());
  if (uploads_[index].not_before_ms > context_.now_ms) return;
  const Upload upload = std::move(uploads_[index]);
  uploads_.erase(uploads_.begin() + static_cast<ptrdiff_t>(index));
  StatusOr<TaskSnapshot> snapshot = upload.Write(context_, context_.files);
  if (upload.acknowledged) return;
  if (!snapshot.ok()) {
    return Send(CoordinatorEvent::Declined{.attempt = upload.attempt, .subtask = upload.subtask, .id = upload.id, .reason = "upload failed"});
  }
  Send(CoordinatorEvent::Acknowledged{.attempt = upload.attempt, .subtask = upload.subtask, .id = upload.id, .snapshot = std::move(*snapshot)});
}

}  // namespace weir::sim
