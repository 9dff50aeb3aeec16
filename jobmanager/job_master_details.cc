// What people see of a job: its overview, its details, its metrics.
#include "jobmanager/job_master.h"
#include "proto/convert.h"

namespace weir {

TaskStatus JobMaster::ShownStatus(SubtaskId subtask) const {
  if (!scheduler_.has_value()) return TaskStatus::kCreated;
  const TaskStatus status = scheduler_->StatusOf(subtask);
  // Nobody reports any more what was still running when the job ended.
  return IsTerminal(status_) && !HasEnded(status) ? TaskStatus::kCanceled : status;
}

std::string JobMaster::WaitReason() const {
  if (!scheduler_.has_value()) {
    const std::string& path = submission_.request.restore_path();
    return path.empty() ? "opens its checkpoint storage" : "reads " + path;
  }
  if (scheduler_->phase() == Scheduler::Phase::kStartingWorkers) return "its workers are starting";
  if (scheduler_->phase() != Scheduler::Phase::kWaitingForSlots) return "";
  const std::optional<SlotShortage> shortage = cluster_.ShortageOf(submission_.id);
  return shortage.has_value() ? shortage->ToString() : "";
}

proto::JobOverview JobMaster::Overview() const {
  proto::JobOverview overview;
  overview.set_job_id(IdBytes(submission_.id));
  overview.set_name(submission_.graph.name);
  overview.set_state(std::string(JobStatusName(status_)));
  overview.set_state_reason(WaitReason());
  overview.set_start_time_ms(start_time_ms_);
  overview.set_end_time_ms(end_time_ms_);
  uint32_t total = 0;
  uint32_t running = 0;
  for (uint32_t vertex = 0; vertex < submission_.graph.vertices.size(); ++vertex) {
    for (uint32_t i = 0; i < submission_.graph.vertices[vertex].parallelism; ++i) {
      ++total;
      const TaskStatus status = ShownStatus({VertexIndex{vertex}, i});
      running += status == TaskStatus::kRunning || status == TaskStatus::kDrained ? 1 : 0;
    }
  }
  overview.set_tasks_total(total);
  overview.set_tasks_running(running);
  return overview;
}

proto::JobDetails JobMaster::Details() const {
  proto::JobDetails details;
  *details.mutable_overview() = Overview();
  for (uint32_t index = 0; index < submission_.graph.vertices.size(); ++index) {
    const JobVertex& vertex = submission_.graph.vertices[index];
    proto::VertexDetails& shown = *details.add_vertices();
    shown.set_id(vertex.id().ToHex());
    shown.set_name(vertex.name);
    shown.set_parallelism(vertex.parallelism);
    for (uint32_t i = 0; scheduler_.has_value() && i < vertex.parallelism; ++i) {
      proto::SubtaskDetails& subtask = *shown.add_subtasks();
      subtask.set_subtask(i);
      subtask.set_state(std::string(TaskStatusName(ShownStatus({VertexIndex{index}, i}))));
      subtask.set_attempt(scheduler_->attempt().ToString());
      for (const TaskPlacement& placement : scheduler_->placements()) {
        if (placement.subtask == SubtaskId{VertexIndex{index}, i}) subtask.set_task_manager_id(placement.slot.task_manager);
      }
    }
  }
  proto::CheckpointDetails& checkpoints = *details.mutable_checkpoints();
  checkpoints.set_completed(completed_);
  checkpoints.set_failed(failed_);
  checkpoints.set_in_progress(in_progress_.value != 0 ? 1 : 0);
  checkpoints.set_latest_completed_id(latest_completed_.value);
  checkpoints.set_latest_path(latest_path_);
  checkpoints.set_latest_size_bytes(latest_size_bytes_);
  checkpoints.set_latest_duration_ms(latest_duration_ms_);
  checkpoints.set_restored_id(restored_.value);
  details.set_restarts(scheduler_.has_value() ? scheduler_->restarts() : 0);
  if (!failure_.status.ok()) *details.mutable_failure() = ToProto(failure_.status, {failure_.stack, failure_at_ms_});
  for (const Recovery& recovery : recoveries_) {
    proto::RecoveryDetails& shown = *details.add_recoveries();
    shown.set_failed_at_ms(recovery.failed_at_ms);
    shown.set_running_at_ms(recovery.running_at_ms);
    shown.set_cause(recovery.cause.substr(0, 1'000));
  }
  return details;
}

void JobMaster::UpdateMetrics() {
  const auto set = [this](const char* name, double value) {
    GaugeMetric*& gauge = gauges_[name];
    if (gauge == nullptr) gauge = metrics_->AddGauge(name);
    gauge->Set(value);
  };
  if (status_ == JobStatus::kRunning && running_since_ms_ == 0) running_since_ms_ = NowMs();
  if (status_ != JobStatus::kRunning) running_since_ms_ = 0;
  set("uptime", end_time_ms_ != 0 ? -1 : running_since_ms_ == 0 ? 0 : static_cast<double>(NowMs() - running_since_ms_));
  const double restarts = scheduler_.has_value() ? scheduler_->restarts() : 0;
  set("numRestarts", restarts);
  set("fullRestarts", restarts);
  set("totalNumberOfCheckpoints", static_cast<double>(completed_ + failed_ + (in_progress_.value != 0 ? 1 : 0)));
  set("numberOfInProgressCheckpoints", in_progress_.value != 0 ? 1 : 0);
  set("numberOfCompletedCheckpoints", static_cast<double>(completed_));
  set("numberOfFailedCheckpoints", static_cast<double>(failed_));
  set("lastCheckpointDuration", static_cast<double>(latest_duration_ms_));
  set("lastCheckpointSize", static_cast<double>(latest_size_bytes_));
  set("lastCheckpointFullSize", static_cast<double>(latest_full_size_bytes_));
  set("lastCompletedCheckpointId", static_cast<double>(latest_completed_.value));
}

}  // namespace weir
