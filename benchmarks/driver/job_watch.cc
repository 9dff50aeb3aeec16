#include "benchmarks/driver/job_watch.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/status_macros.h"
#include "benchmarks/driver/machine.h"

namespace weir::bench {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds(500);

}  // namespace

StatusOr<JobShown> ShowJob(scenarios::Cluster& cluster, const std::string& job_id) {
  ASSIGN_OR_RETURN(const scenarios::CommandResult command, cluster.Command("info", {"--output", "json", job_id}));
  const nlohmann::json shown = nlohmann::json::parse(command.output, nullptr, /*allow_exceptions=*/false);
  if (!command.ok() || !shown.is_object()) return Unavailable("weir info failed: " + command.output + command.error);
  const nlohmann::json& checkpoints = shown.at("checkpoints");
  JobShown job;
  job.state = shown.at("state");
  job.ended = job.state == "FINISHED" || job.state == "FAILED" || job.state == "CANCELED";
  // Null: none yet.
  if (!checkpoints.at("latest-id").is_null()) {
    job.latest_checkpoint = checkpoints.at("latest-id");
    job.latest = {checkpoints.at("latest-size"), checkpoints.at("latest-duration")};
  }
  if (!checkpoints.at("restored-id").is_null()) job.restored_checkpoint = checkpoints.at("restored-id");
  job.restarts = shown.at("restarts");
  job.text = command.output;
  return job;
}

StatusOr<WatchedRun> WatchJob(scenarios::Cluster& cluster, const std::vector<std::string>& command,
                              const std::function<Status(const std::string& job_id, const JobShown&)>& look, std::chrono::seconds limit) {
  WatchedRun watched;
  const CpuSample before = CpuSample::Take();
  ASSIGN_OR_RETURN(const std::string job_id, cluster.Submit(command));
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    ASSIGN_OR_RETURN(const JobShown job, ShowJob(cluster, job_id));
    if (job.latest_checkpoint != 0) watched.checkpoints[job.latest_checkpoint] = job.latest;
    if (job.ended) {
      if (job.state != "FINISHED") return FailedPrecondition("the job ended as " + job.state + ": " + job.text);
      break;
    }
    RETURN_IF_ERROR(look(job_id, job));
    if (std::chrono::steady_clock::now() > deadline) return DeadlineExceeded("the job does not end: " + job.text);
    std::this_thread::sleep_for(kPeriod);
  }
  watched.foreign_cpu = ForeignCpu(before, CpuSample::Take());
  return watched;
}

}  // namespace weir::bench
