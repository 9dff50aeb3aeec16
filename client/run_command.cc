#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <thread>

#include "base/log.h"
#include "base/options.h"
#include "base/status_macros.h"
#include "client/cluster_client.h"
#include "client/commands.h"
#include "client/output.h"
#include "client/restore_settings.h"
#include "proto/convert.h"
#include "proto/planning/planner_process.h"
#include "runtime/operator/job_library.h"

namespace weir {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(200);
constexpr int kLostPollsMax = 50;  // Of a cluster that was there: it may be restarting.

CheckpointConfig CheckpointOf(const Configuration& configuration) {
  CheckpointConfig checkpoint;
  checkpoint.interval_ms = configuration.Get(options::kExecutionCheckpointingInterval).value_or(std::chrono::milliseconds(0)).count();
  checkpoint.timeout_ms = configuration.Get(options::kExecutionCheckpointingTimeout).count();
  checkpoint.min_pause_ms = configuration.Get(options::kExecutionCheckpointingMinPause).count();
  checkpoint.tolerable_failed = static_cast<uint32_t>(configuration.Get(options::kExecutionCheckpointingTolerableFailedCheckpoints));
  checkpoint.retained_max = static_cast<uint32_t>(configuration.Get(options::kExecutionCheckpointingNumRetained));
  return checkpoint;
}

void ShowUpload(uint64_t sent, uint64_t total) {
  if (!::isatty(STDERR_FILENO)) return;
  std::fprintf(stderr, "\rUploading job: %3llu %% of %.1f MB", static_cast<unsigned long long>(total == 0 ? 100 : sent * 100 / total), static_cast<double>(total) / 1e6);
  if (sent == total) std::fputc('\n', stderr);
}

// Says each restart once, with its cause; `said` is how many were said before.
void ShowRestarts(const proto::JobDetails& details, uint32_t& said) {
  if (details.restarts() <= said) return;
  said = details.restarts();
  std::fprintf(stderr, "Job restarts (%u so far): %s\n", said, details.has_failure() ? FailureText(details.failure()).c_str() : "no cause was reported");
}

// Waits until the job has ended; meanwhile restarts are said on stderr.
StatusOr<proto::JobDetails> Await(ClusterClient& cluster, JobId job) {
  int lost = 0;
  uint32_t restarts_said = 0;
  while (true) {
    StatusOr<proto::JobDetails> details = cluster.Get(job);
    if (!details.ok() && (details.status().code() != StatusCode::kUnavailable || ++lost > kLostPollsMax)) return details.status();
    if (details.ok()) {
      lost = 0;
      ShowRestarts(*details, restarts_said);
      if (details->overview().end_time_ms() != 0) return details;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace

int FailCommand(const Status& status) {
  std::fflush(stdout);
  std::fprintf(stderr, "\n------------------------------------------------------------\n The program finished with the following exception:\n\n%s\n", status.ToString().c_str());
  return 1;
}

StatusOr<PlannedJob> PlanForRun(const CommandContext& context, const RunOptions& options) {
  RETURN_IF_ERROR(ResolveRestore(context.configuration, options).status());
  RETURN_IF_ERROR(CheckAbi(options.library));
  PlanRequest request;
  request.library = std::filesystem::absolute(options.library).string();
  request.arguments = options.arguments;
  request.parallelism = options.parallelism != 0 ? options.parallelism : static_cast<uint32_t>(context.configuration.Get(options::kParallelismDefault));
  request.max_parallelism = static_cast<uint32_t>(context.configuration.Get(options::kPipelineMaxParallelism).value_or(0));
  request.defaults.checkpoint = CheckpointOf(context.configuration);
  return PlanInChildTwice(request);
}

int RunJob(const CommandContext& context, const RunOptions& options) {
  const StatusOr<PlannedJob> planned = PlanForRun(context, options);
  return planned.ok() ? RunPlannedJob(context, options, *planned) : FailCommand(planned.status());
}

int RunPlannedJob(const CommandContext& context, const RunOptions& options, const PlannedJob& planned) {
  const StatusOr<RestoreSettings> restore = ResolveRestore(context.configuration, options);
  if (!restore.ok()) return FailCommand(restore.status());
  ClusterClient cluster(context.address, context.configuration.Get(options::kClientTimeout).count());
  StatusOr<proto::Artifact> library = cluster.Upload(options.library, ShowUpload);
  if (!library.ok()) return FailCommand(library.status());

  proto::SubmitJobRequest request;
  *request.mutable_library() = *library;
  for (const std::string& argument : options.arguments) request.add_arguments(argument);
  request.set_job_graph(planned.graph.Encode());
  request.set_fingerprint(planned.fingerprint);
  if (!restore->path.empty()) request.set_restore_path(std::filesystem::absolute(restore->path).string());
  request.set_allow_non_restored_state(restore->allow_non_restored_state);
  request.set_claim_restored(restore->claim);
  for (const std::string& property : context.configuration.AsDynamicProperties()) {
    const size_t equals = property.find('=');
    (*request.mutable_configuration())[property.substr(0, equals)] = property.substr(equals + 1);
  }
  // What planning used is what the workers must use.
  (*request.mutable_configuration())["parallelism.default"] =
      std::to_string(options.parallelism != 0 ? options.parallelism : static_cast<uint32_t>(context.configuration.Get(options::kParallelismDefault)));
  for (const auto& [name, value] : planned.pinned) (*request.mutable_pinned())[name] = value;
  const StatusOr<JobId> job = cluster.Submit(request);
  if (!job.ok()) return FailCommand(job.status());
  const bool json = context.output == OutputFormat::kJson;
  if (json && options.detached) return std::fputs(SubmittedJson(job->ToHex(), "SUBMITTED").c_str(), stdout), 0;
  if (!json) std::printf("Job has been submitted with JobID %s\n", job->ToHex().c_str());
  std::fflush(stdout);
  if (options.detached) return 0;

  const StatusOr<proto::JobDetails> ended = Await(cluster, *job);
  if (!ended.ok()) return FailCommand(ended.status());
  const proto::JobOverview& overview = ended->overview();
  if (json) std::fputs(JobJson(*ended).c_str(), stdout);
  if (overview.state() != "FINISHED") {
    const Status cause = ended->has_failure() ? Status(FromProto(ended->failure()).code(), FailureText(ended->failure())) : Cancelled("it was cancelled");
    return FailCommand(cause.WithContext("Job " + job->ToHex() + " ended as " + overview.state()));
  }
  if (!json) {
    std::printf("Program execution finished\nJob with JobID %s has finished.\nJob Runtime: %lld ms\n", job->ToHex().c_str(),
                static_cast<long long>(overview.end_time_ms() - overview.start_time_ms()));
  }
  return 0;
}

int ShowPlan(const CommandContext& context, const RunOptions& options) {
  const StatusOr<PlannedJob> planned = PlanForRun(context, options);
  if (!planned.ok()) return FailCommand(planned.status());
  const std::string plan = PlanJson(planned->graph);
  if (context.output == OutputFormat::kJson) return std::fputs(plan.c_str(), stdout), 0;
  std::printf("----------------------- Execution Plan -----------------------\n%s--------------------------------------------------------------\n\nNo description provided.\n",
              plan.c_str());
  return 0;
}

}  // namespace weir
