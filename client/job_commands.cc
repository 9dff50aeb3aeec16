#include <cstdio>

#include "base/options.h"
#include "client/cluster_client.h"
#include "client/commands.h"
#include "client/output.h"

namespace weir {
namespace {

ClusterClient Connect(const CommandContext& context) { return {context.address, context.configuration.Get(options::kClientTimeout).count()}; }

}  // namespace

int ListJobs(const CommandContext& context, const ListOptions& options) {
  const bool json = context.output == OutputFormat::kJson;
  if (!json) std::printf("Waiting for response...\n");
  ClusterClient cluster = Connect(context);
  const StatusOr<proto::ListJobsReply> jobs = cluster.List();
  if (!jobs.ok()) return FailCommand(jobs.status().WithContext("Failed to retrieve job list."));
  std::fputs(json ? JobListJson(*jobs, options.running, options.scheduled, options.all).c_str() : JobTable(*jobs, options.running, options.scheduled, options.all).c_str(), stdout);
  return 0;
}

int ShowJob(const CommandContext& context, const std::string& job_id) {
  const StatusOr<JobId> job = JobId::FromHex(job_id);
  if (!job.ok()) return FailCommand(job.status());
  ClusterClient cluster = Connect(context);
  const StatusOr<proto::JobDetails> details = cluster.Get(*job);
  if (!details.ok()) return FailCommand(details.status());
  if (context.output == OutputFormat::kJson) return std::fputs(JobJson(*details).c_str(), stdout), 0;
  const proto::JobOverview& overview = details->overview();
  std::printf("%s : %s (%s)\n  restarts %u, checkpoints completed %llu, failed %llu, latest %llu (%llu bytes in %lld ms)\n", job_id.c_str(), overview.name().c_str(),
              overview.state().c_str(), details->restarts(), static_cast<unsigned long long>(details->checkpoints().completed()),
              static_cast<unsigned long long>(details->checkpoints().failed()), static_cast<unsigned long long>(details->checkpoints().latest_completed_id()),
              static_cast<unsigned long long>(details->checkpoints().latest_size_bytes()), static_cast<long long>(details->checkpoints().latest_duration_ms()));
  for (const proto::VertexDetails& vertex : details->vertices()) {
    std::printf("  %s\n", vertex.name().c_str());
    for (const proto::SubtaskDetails& subtask : vertex.subtasks()) {
      std::printf("    %u/%u %-12s %s\n", subtask.subtask() + 1, vertex.parallelism(), subtask.state().c_str(), subtask.task_manager_id().c_str());
    }
  }
  if (details->has_failure()) std::printf("  last failure: %s\n", details->failure().message().c_str());
  return 0;
}

int CancelJob(const CommandContext& context, const std::string& job_id) {
  const StatusOr<JobId> job = JobId::FromHex(job_id);
  if (!job.ok()) return FailCommand(job.status());
  const bool json = context.output == OutputFormat::kJson;
  if (!json) std::printf("Cancelling job %s.\n", job_id.c_str());
  ClusterClient cluster = Connect(context);
  if (const Status cancelled = cluster.Cancel(*job); !cancelled.ok()) return FailCommand(cancelled.WithContext("Could not cancel job " + job_id + "."));
  if (json) return std::fputs(SubmittedJson(job_id, "CANCELLING").c_str(), stdout), 0;
  std::printf("Cancelled job %s.\n", job_id.c_str());
  return 0;
}

}  // namespace weir
