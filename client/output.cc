#include "client/output.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "proto/convert.h"

namespace weir {
namespace {

std::string HexId(const std::string& bytes) {
  const StatusOr<JobId> id = JobIdFromBytes(bytes);
  return id.ok() ? id->ToHex() : "?";
}

// dd.MM.yyyy HH:mm:ss in the client's time zone.
std::string LocalTime(int64_t millis) {
  const std::time_t seconds = static_cast<std::time_t>(millis / 1'000);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[32];
  std::strftime(text, sizeof(text), "%d.%m.%Y %H:%M:%S", &local);
  return text;
}

bool IsScheduled(const std::string& state) { return state == "CREATED" || state == "INITIALIZING"; }
bool IsTerminated(const std::string& state) { return state == "FINISHED" || state == "FAILED" || state == "CANCELED"; }

std::string StateText(const proto::JobOverview& job) {
  return " (" + job.state() + ")" + (job.state_reason().empty() ? "" : " " + job.state_reason());
}

std::string Block(const std::vector<proto::JobOverview>& jobs, const std::string& title, const std::string& none) {
  if (jobs.empty()) return none.empty() ? "" : none + "\n";
  std::string text = title + "\n";
  for (const proto::JobOverview& job : jobs) {
    text += LocalTime(job.start_time_ms()) + " : " + HexId(job.job_id()) + " : " + job.name() + StateText(job) + "\n";
  }
  return text + "--------------------------------------------------------------\n";
}

nlohmann::json OverviewJson(const proto::JobOverview& job) {
  return {{"id", HexId(job.job_id())},
          {"name", job.name()},
          {"state", job.state()},
          {"state-reason", job.state_reason().empty() ? nlohmann::json() : nlohmann::json(job.state_reason())},
          {"start-time", job.start_time_ms()},
          {"end-time", job.end_time_ms() == 0 ? -1 : job.end_time_ms()},
          {"tasks", {{"total", job.tasks_total()}, {"running", job.tasks_running()}}}};
}

}  // namespace

std::string JobTable(const proto::ListJobsReply& jobs, bool running, bool scheduled, bool all) {
  std::vector<proto::JobOverview> by_state[3];
  for (const proto::JobOverview& job : jobs.jobs()) by_state[IsTerminated(job.state()) ? 2 : IsScheduled(job.state()) ? 1 : 0].push_back(job);
  for (auto& group : by_state) {
    std::sort(group.begin(), group.end(), [](const auto& a, const auto& b) { return a.start_time_ms() < b.start_time_ms(); });
  }
  const bool both = !running && !scheduled;
  std::string text;
  if (running || both || all) text += Block(by_state[0], "------------------ Running/Restarting Jobs -------------------", "No running jobs.");
  if (scheduled || both || all) text += Block(by_state[1], "----------------------- Scheduled Jobs -----------------------", "No scheduled jobs.");
  if (all) text += Block(by_state[2], "---------------------- Terminated Jobs -----------------------", "");
  return text;
}

std::string JobListJson(const proto::ListJobsReply& jobs, bool running, bool scheduled, bool all) {
  nlohmann::json list = nlohmann::json::array();
  const bool any = all || (!running && !scheduled);
  for (const proto::JobOverview& job : jobs.jobs()) {
    const bool is_scheduled = IsScheduled(job.state());
    const bool is_running = !is_scheduled && !IsTerminated(job.state());
    if (any || (scheduled && is_scheduled) || (running && is_running)) list.push_back(OverviewJson(job));
  }
  return nlohmann::json{{"jobs", list}}.dump(2) + "\n";
}

std::string FailureText(const proto::Failure& failure) {
  std::string stack = failure.stack();
  while (stack.ends_with('\n')) stack.pop_back();
  return failure.message() + (stack.empty() ? "" : "\n" + stack);
}

std::string JobText(const proto::JobDetails& job) {
  const proto::CheckpointDetails& checkpoints = job.checkpoints();
  std::string text = HexId(job.overview().job_id()) + " : " + job.overview().name() + StateText(job.overview()) + "\n";
  text += "  restarts " + std::to_string(job.restarts()) + ", checkpoints completed " + std::to_string(checkpoints.completed()) + ", failed " +
          std::to_string(checkpoints.failed()) + ", latest ";
  if (checkpoints.latest_completed_id() == 0) {
    text += "none yet\n";
  } else {
    text += std::to_string(checkpoints.latest_completed_id()) + " (" + std::to_string(checkpoints.latest_size_bytes()) + " bytes in " +
            std::to_string(checkpoints.latest_duration_ms()) + " ms)\n";
  }
  for (const proto::VertexDetails& vertex : job.vertices()) {
    text += "  " + vertex.name() + "\n";
    for (const proto::SubtaskDetails& subtask : vertex.subtasks()) {
      std::string state = subtask.state();
      state.resize(std::max<size_t>(state.size(), 12), ' ');
      text += "    " + std::to_string(subtask.subtask() + 1) + "/" + std::to_string(vertex.parallelism()) + " " + state + " " + subtask.task_manager_id() + "\n";
    }
  }
  if (job.has_failure()) text += "  last failure: " + FailureText(job.failure()) + "\n";
  return text;
}

std::string JobJson(const proto::JobDetails& job) {
  nlohmann::json shown = OverviewJson(job.overview());
  nlohmann::json vertices = nlohmann::json::array();
  for (const proto::VertexDetails& vertex : job.vertices()) {
    nlohmann::json subtasks = nlohmann::json::array();
    for (const proto::SubtaskDetails& subtask : vertex.subtasks()) {
      subtasks.push_back({{"subtask", subtask.subtask()}, {"state", subtask.state()}, {"taskmanager-id", subtask.task_manager_id()}, {"attempt", subtask.attempt()}});
    }
    vertices.push_back({{"id", vertex.id()}, {"name", vertex.name()}, {"parallelism", vertex.parallelism()}, {"subtasks", subtasks}});
  }
  nlohmann::json recoveries = nlohmann::json::array();
  for (const proto::RecoveryDetails& recovery : job.recoveries()) {
    recoveries.push_back({{"failed-at", recovery.failed_at_ms()}, {"running-at", recovery.running_at_ms()}, {"cause", recovery.cause()}});
  }
  const proto::CheckpointDetails& checkpoints = job.checkpoints();
  shown["vertices"] = vertices;
  shown["restarts"] = job.restarts();
  shown["recoveries"] = recoveries;
  shown["checkpoints"] = {{"completed", checkpoints.completed()}, {"failed", checkpoints.failed()}, {"in-progress", checkpoints.in_progress()}};
  const bool any = checkpoints.latest_completed_id() != 0;
  const auto of_latest = [any](const auto& value) { return any ? nlohmann::json(value) : nlohmann::json(); };
  shown["checkpoints"]["latest-id"] = of_latest(checkpoints.latest_completed_id());
  shown["checkpoints"]["latest-path"] = of_latest(checkpoints.latest_path());
  shown["checkpoints"]["latest-size"] = of_latest(checkpoints.latest_size_bytes());
  shown["checkpoints"]["latest-duration"] = of_latest(checkpoints.latest_duration_ms());
  shown["checkpoints"]["restored-id"] = checkpoints.restored_id() != 0 ? nlohmann::json(checkpoints.restored_id()) : nlohmann::json();
  if (job.has_failure()) {
    shown["root-exception"] = {{"code", job.failure().code()}, {"message", job.failure().message()}, {"stack", job.failure().stack()}, {"timestamp", job.failure().timestamp_ms()}};
  }
  return shown.dump(2) + "\n";
}

std::string PlanJson(const JobGraph& graph) {
  nlohmann::json nodes = nlohmann::json::array();
  for (uint32_t i = 0; i < graph.vertices.size(); ++i) {
    const JobVertex& vertex = graph.vertices[i];
    nlohmann::json inputs = nlohmann::json::array();
    for (const JobEdge& edge : graph.edges) {
      if (edge.to.value == i) {
        inputs.push_back({{"num", inputs.size()}, {"id", graph.vertices[edge.from.value].id().ToHex()}, {"ship_strategy", std::string(PartitionerName(edge.partitioner))}});
      }
    }
    nlohmann::json operators = nlohmann::json::array();
    for (const ChainedOperator& op : vertex.chain) operators.push_back({{"id", op.id.ToHex()}, {"uid", op.uid}, {"name", op.name}});
    nodes.push_back({{"id", vertex.id().ToHex()}, {"description", vertex.name}, {"parallelism", vertex.parallelism}, {"max-parallelism", vertex.max_parallelism},
                     {"operators", operators}, {"inputs", inputs}});
  }
  return nlohmann::json{{"name", graph.name}, {"nodes", nodes}}.dump(2) + "\n";
}

std::string SavepointJson(const std::string& job_id, const std::string& trigger_id, const std::string& path) {
  nlohmann::json shown = {{"id", job_id}, {"trigger-id", trigger_id}, {"status", path.empty() ? "IN_PROGRESS" : "COMPLETED"}};
  if (!path.empty()) shown["location"] = path;
  return shown.dump() + "\n";
}

std::string DisposedJson(const std::string& path) { return nlohmann::json{{"location", path}, {"status", "DISPOSED"}}.dump() + "\n"; }

std::string SubmittedJson(const std::string& job_id, const std::string& state) {
  return nlohmann::json{{"id", job_id}, {"state", state}}.dump() + "\n";
}

}  // namespace weir
