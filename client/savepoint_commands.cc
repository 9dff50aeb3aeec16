#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "base/options.h"
#include "base/status_macros.h"
#include "client/cluster_client.h"
#include "client/commands.h"
#include "client/output.h"
#include "proto/convert.h"

namespace weir {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(50);

int64_t TimeoutMs(const CommandContext& context) { return context.configuration.Get(options::kClientTimeout).count(); }

const char* FormatText(const SavepointOptions& options) { return options.native ? "NATIVE" : "CANONICAL"; }

// A relative path is the caller's; the cluster knows nothing of its working directory.
std::string Absolute(const std::string& directory) { return directory.empty() ? directory : std::filesystem::absolute(directory).lexically_normal().string(); }

// The caller's configuration goes before the job's and the cluster's.
std::string Directory(const CommandContext& context, const SavepointOptions& options) {
  if (!options.directory.empty()) return Absolute(options.directory);
  return Absolute(context.configuration.Get(options::kExecutionCheckpointingSavepointDir).value_or(""));
}

StatusOr<proto::TriggerSavepointReply> Trigger(const CommandContext& context, ClusterClient& cluster, JobId job, const SavepointOptions& options,
                                               proto::AfterSavepoint after) {
  proto::TriggerSavepointRequest request;
  request.set_job_id(IdBytes(job));
  request.set_target_directory(Directory(context, options));
  request.set_format(options.native ? proto::SAVEPOINT_FORMAT_NATIVE : proto::SAVEPOINT_FORMAT_CANONICAL);
  request.set_after(after);
  return cluster.TriggerSavepoint(request);
}

// The path of the savepoint, once all that was asked for has happened.
StatusOr<std::string> Await(const CommandContext& context, ClusterClient& cluster, JobId job, const proto::TriggerSavepointReply& begun) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(TimeoutMs(context));
  while (true) {
    ASSIGN_OR_RETURN(const proto::SavepointDetails details, cluster.GetSavepoint(job, begun.trigger_id()));
    if (details.completed()) {
      if (details.has_failure()) return FromProto(details.failure());
      return details.path();
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return DeadlineExceeded("it is not complete within client.timeout (" + std::to_string(TimeoutMs(context)) +
                              " ms) and goes on, directory=" + begun.directory());
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

void Say(const CommandContext& context, const std::string& line) {
  if (context.output == OutputFormat::kJson) return;
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int SayJson(const std::string& job_id, const std::string& trigger_id, const std::string& path) {
  std::fputs(SavepointJson(job_id, trigger_id, path).c_str(), stdout);
  return 0;
}

}  // namespace

int TakeSavepoint(const CommandContext& context, const std::string& job_id, const SavepointOptions& options) {
  const StatusOr<JobId> job = JobId::FromHex(job_id);
  if (!job.ok()) return FailCommand(job.status());
  const std::string failed = "Failed to trigger a savepoint for the job " + job_id + ".";
  Say(context, "Triggering savepoint for job " + job_id + ".");
  Say(context, "Waiting for response...");
  ClusterClient cluster(context.address, TimeoutMs(context));
  const StatusOr<proto::TriggerSavepointReply> begun = Trigger(context, cluster, *job, options, proto::AFTER_SAVEPOINT_CONTINUE);
  if (!begun.ok()) return FailCommand(begun.status().WithContext(failed));
  const bool json = context.output == OutputFormat::kJson;
  if (options.detached && json) return SayJson(job_id, begun->trigger_id(), "");
  if (options.detached) return Say(context, "Successfully trigger manual savepoint, triggerId: " + begun->trigger_id()), 0;
  const StatusOr<std::string> path = Await(context, cluster, *job, *begun);
  if (!path.ok()) return FailCommand(path.status().WithContext(failed));
  if (json) return SayJson(job_id, begun->trigger_id(), *path);
  Say(context, "Savepoint completed. Path: " + *path);
  Say(context, "You can resume your program from this savepoint with the run command.");
  return 0;
}

int StopJob(const CommandContext& context, const std::string& job_id, const SavepointOptions& options) {
  const StatusOr<JobId> job = JobId::FromHex(job_id);
  if (!job.ok()) return FailCommand(job.status());
  const std::string failed = "Could not stop with a savepoint job \"" + job_id + "\".";
  Say(context, std::string(options.drain ? "Draining" : "Suspending") + " job \"" + job_id + "\" with a " + FormatText(options) + " savepoint.");
  Say(context, "Triggering stop-with-savepoint for job " + job_id + ".");
  ClusterClient cluster(context.address, TimeoutMs(context));
  const StatusOr<proto::TriggerSavepointReply> begun =
      Trigger(context, cluster, *job, options, options.drain ? proto::AFTER_SAVEPOINT_DRAIN : proto::AFTER_SAVEPOINT_STOP);
  if (!begun.ok()) return FailCommand(begun.status().WithContext(failed));
  const bool json = context.output == OutputFormat::kJson;
  if (options.detached && json) return SayJson(job_id, begun->trigger_id(), "");
  if (options.detached) return Say(context, "Successfully trigger stop-with-savepoint in detached mode, triggerId: " + begun->trigger_id()), 0;
  Say(context, "Waiting for response...");
  const StatusOr<std::string> path = Await(context, cluster, *job, *begun);
  if (!path.ok()) return FailCommand(path.status().WithContext(failed));
  if (json) return SayJson(job_id, begun->trigger_id(), *path);
  Say(context, "Savepoint completed. Path: " + *path);
  return 0;
}

int CancelWithSavepoint(const CommandContext& context, const std::string& job_id, const SavepointOptions& options) {
  const StatusOr<JobId> job = JobId::FromHex(job_id);
  if (!job.ok()) return FailCommand(job.status());
  const std::string failed = "Could not cancel job " + job_id + ".";
  Say(context, "DEPRECATION WARNING: Cancelling a job with savepoint is deprecated. Use \"stop\" instead.");
  const std::string directory = Directory(context, options);
  const std::string where = directory.empty() ? "default savepoint directory" : directory;
  Say(context, "Cancelling job " + job_id + " with " + FormatText(options) + " savepoint to " + where + ".");
  ClusterClient cluster(context.address, TimeoutMs(context));
  const StatusOr<proto::TriggerSavepointReply> begun = Trigger(context, cluster, *job, options, proto::AFTER_SAVEPOINT_CANCEL);
  if (!begun.ok()) return FailCommand(begun.status().WithContext(failed));
  const StatusOr<std::string> path = Await(context, cluster, *job, *begun);
  if (!path.ok()) return FailCommand(path.status().WithContext(failed));
  if (context.output == OutputFormat::kJson) return SayJson(job_id, begun->trigger_id(), *path);
  Say(context, "Cancelled job " + job_id + ". Savepoint stored in " + *path + ".");
  return 0;
}

int DisposeSavepoint(const CommandContext& context, const std::string& path) {
  const bool json = context.output == OutputFormat::kJson;
  Say(context, "Disposing savepoint '" + path + "'.");
  Say(context, "Waiting for response...");
  ClusterClient cluster(context.address, TimeoutMs(context));
  const Status disposed = cluster.DisposeSavepoint(Absolute(path));
  if (!disposed.ok()) return FailCommand(disposed.WithContext("Failed to dispose the savepoint '" + path + "'."));
  if (json) return std::fputs(DisposedJson(path).c_str(), stdout), 0;
  Say(context, "Savepoint '" + path + "' disposed.");
  return 0;
}

}  // namespace weir
