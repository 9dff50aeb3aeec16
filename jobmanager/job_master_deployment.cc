// What the scheduler wants done: workers, deployments, the job's status and its end.
#include "base/check.h"
#include "base/log.h"
#include "jobmanager/deployment_split.h"
#include "jobmanager/job_master.h"
#include "proto/convert.h"
#include "proto/message_socket.h"

namespace weir {
namespace {

constexpr size_t kRecoveriesMax = 100;

TerminalEntry::State TerminalStateOf(JobStatus status) {
  if (status == JobStatus::kFinished) return TerminalEntry::State::kFinished;
  return status == JobStatus::kCanceled ? TerminalEntry::State::kCanceled : TerminalEntry::State::kFailed;
}

}  // namespace

void JobMaster::CleanUp(JobStatus end) {
  const bool cancelled_for_good = end == JobStatus::kCanceled && !submission_.graph.checkpoint.retain_on_cancellation;
  if (end == JobStatus::kFinished || cancelled_for_good) return storage_->DeleteCheckpoints();
  storage_->DeleteAllButRetained(scheduler_->attempt());
}

proto::JobManagerCommand JobMaster::Command() const {
  proto::JobManagerCommand command;
  command.set_leader_epoch(options_.epoch.value);
  command.set_job_id(IdBytes(submission_.id));
  return command;
}

void JobMaster::Do(const SchedulerAction::RequestSlots& action) {
  cluster_.RequestSlots(submission_.id, action.slot_count);
  const std::optional<SlotShortage> shortage = cluster_.ShortageOf(submission_.id);
  if (!shortage.has_value() || short_of_slots_since_ms_.has_value()) return;
  short_of_slots_since_ms_ = NowMs();
  LOG_INFO("Job {} ({}) waits for slots: {}.", submission_.graph.name, submission_.id.ToHex(), shortage->ToString());
}

void JobMaster::Do(const SchedulerAction::StartWorker& action) {
  proto::JobManagerCommand command = Command();
  proto::StartWorker& start = *command.mutable_start_worker();
  *start.mutable_attempt() = ToProto(action.attempt);
  start.set_job_name(submission_.graph.name);
  *start.mutable_library() = submission_.request.library();
  *start.mutable_arguments() = submission_.request.arguments();
  start.set_job_graph(submission_.graph.Encode());
  start.set_fingerprint(submission_.request.fingerprint());
  start.set_checkpoint_directory(options_.checkpoints_directory + "/" + submission_.id.ToHex());
  for (const auto& [key, value] : options_.worker_configuration) (*start.mutable_configuration())[key] = value;
  for (const auto& [key, value] : submission_.request.configuration()) (*start.mutable_configuration())[key] = value;
  *start.mutable_pinned() = submission_.request.pinned();
  cluster_.Send(action.task_manager, std::move(command));
}

void JobMaster::Do(const SchedulerAction::DeployTasks& action) {
  std::optional<StateAssignment> restore;
  if (action.restored.has_value()) {
    const auto found = metadata_.find(*action.restored);
    CHECK(found != metadata_.end());
    StatusOr<StateAssignment> assignment = AssignState(submission_.graph, found->second, submission_.request.allow_non_restored_state());
    if (!assignment.ok()) return Raise(SchedulerEvent::FatalFailure{assignment.status()});
    restore = std::move(*assignment);
  }
  std::vector<proto::TaskDeployment> tasks;
  for (const TaskPlacement& placement : action.tasks) {
    tasks.push_back(ToProto(DeploymentOf(placement, restore.has_value() ? &*restore : nullptr, action.restored.value_or(CheckpointId{}))));
  }
  StatusOr<std::vector<proto::DeployTasks>> parts = SplitDeployment(action.attempt, std::move(tasks), kDeploymentBytesTarget, kPayloadBytesMax);
  if (!parts.ok()) return Raise(SchedulerEvent::FatalFailure{parts.status()});
  for (proto::DeployTasks& part : *parts) {
    proto::JobManagerCommand command = Command();
    *command.mutable_deploy() = std::move(part);
    cluster_.Send(action.task_manager, std::move(command));
  }
}

TaskDeployment JobMaster::DeploymentOf(const TaskPlacement& placement, const StateAssignment* restore, CheckpointId restored) const {
  const JobGraph& graph = submission_.graph;
  TaskDeployment task;
  task.subtask = placement.subtask;
  task.slot = placement.slot.index;
  const auto peer = [this](VertexIndex vertex, uint32_t subtask) {
    for (const TaskPlacement& other : scheduler_->placements()) {
      if (other.subtask == SubtaskId{vertex, subtask}) {
        return ChannelPeer{subtask, other.slot.task_manager, cluster_.DataAddressOf(other.slot.task_manager)};
      }
    }
    CHECK(false);
  };
  for (uint32_t i = 0; i < graph.edges.size(); ++i) {
    const JobEdge& edge = graph.edges[i];
    if (edge.from == placement.subtask.vertex) {
      if (task.partitions.size() <= edge.from_partition) task.partitions.resize(edge.from_partition + 1);
      task.partitions[edge.from_partition].edge = i;
      for (const uint32_t to : ConsumersOf(graph, edge, placement.subtask.subtask)) task.partitions[edge.from_partition].channels.push_back(peer(edge.to, to));
    }
    if (edge.to == placement.subtask.vertex) {
      if (task.gates.size() <= edge.to_gate) task.gates.resize(edge.to_gate + 1);
      task.gates[edge.to_gate].edge = i;
      for (const uint32_t from : ProducersOf(graph, edge, placement.subtask.subtask)) task.gates[edge.to_gate].channels.push_back(peer(edge.from, from));
    }
  }
  if (restore != nullptr) {
    const SubtaskRestore& own = restore->subtasks[placement.subtask.vertex.value][placement.subtask.subtask];
    task.restored_checkpoint = restored;
    task.restored_finished = own.finished;
    task.restored_state = own.state;
  }
  return task;
}

void JobMaster::Do(const SchedulerAction::StatusChanged& action) {
  const JobStatus before = std::exchange(status_, action.status);
  if (status_ != before) {
    LOG_INFO("Job {} ({}) switched from state {} to {}.", submission_.graph.name, submission_.id.ToHex(), JobStatusName(before), JobStatusName(status_));
  }
  const int64_t now_ms = clock_.WallMillis();
  // A job that restarted and then finished carries its old cause along.
  const bool failing = status_ == JobStatus::kRestarting || status_ == JobStatus::kFailing || status_ == JobStatus::kFailed;
  const bool known = status_ == JobStatus::kFailed && !failure_.status.ok();  // Told when it began to fail.
  if (!action.cause.ok() && failing && !known) {
    failure_ = {action.cause, raised_stack_};
    failure_at_ms_ = now_ms;
    LOG_WARN("Job {} failed: {}", submission_.id.ToHex(), failure_.ToString());
  }
  savepoints_.OnJobStatus(status_, failing ? failure_.status : Status::Ok());
  if (status_ == JobStatus::kRestarting) {
    recoveries_.push_back({now_ms, 0, failure_.status.ToString()});
    if (recoveries_.size() > kRecoveriesMax) recoveries_.pop_front();
  }
}

void JobMaster::Do(const SchedulerAction::WriteTerminal& action) {
  storage_->WriteTerminal(TerminalStateOf(action.status), action.reason, [this, alive = alive_](const Status& written) {
    if (!*alive) return;
    if (written.ok()) return Raise(SchedulerEvent::TerminalWritten{});
    LOG_ERROR("Job {} has no terminal record: {}", submission_.id.ToHex(), written.ToString());
    if (written.code() == StatusCode::kCorruption) return Raise(SchedulerEvent::TerminalImpossible{written});
    Raise(SchedulerEvent::LeadershipLost{});
  });
}

}  // namespace weir
