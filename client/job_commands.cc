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
  std::fputs(context.output == OutputFormat::kJson ? JobJson(*details).c_str() : JobText(*details).c_str(), stdout);
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
