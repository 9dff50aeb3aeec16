// weir: the command line of a cluster.
#include <cstdio>

#include "base/ids.h"
#include "base/log.h"
#include "client/command_line.h"
#include "client/commands.h"
#include "client/daemon_settings.h"
#include "client/jobmanager_address.h"
#include "minicluster/mini_cluster.h"
#include "proto/planning/planner_process.h"
#include "runtime/graph/job_graph.h"

namespace {

// Fills the context; 1 when the configuration is wrong.
int Prepare(const weir::CommandLine& line, weir::CommandContext& context) {
  weir::StatusOr<weir::Configuration> configuration = weir::LoadConfiguration(line.config_dir, line.properties);
  if (!configuration.ok()) return weir::FailCommand(configuration.status());
  context.configuration = *configuration;
  for (const std::string& warning : configuration->warnings()) std::fprintf(stderr, "weir: %s\n", warning.c_str());
  context.output = line.output;
  if (line.action == weir::CommandAction::kRun && line.local) return 0;  // Its own cluster reads all settings.
  if (line.action == weir::CommandAction::kCheck) return 0;              // Without a cluster.
  const weir::StatusOr<std::string> address = weir::JobManagerAddress(line.jobmanager, *configuration);
  if (!address.ok()) return weir::FailCommand(address.status());
  context.address = *address;
  if (line.action == weir::CommandAction::kRun) {
    for (const std::string& warning : weir::WarningsOfDaemonSettings(line.properties)) std::fprintf(stderr, "weir: %s\n", warning.c_str());
  }
  return 0;
}

// Runs the job on a cluster inside this process.
int RunLocal(weir::CommandContext context, const weir::RunOptions& run) {
  const weir::StatusOr<weir::PlannedJob> planned = weir::PlanForRun(context, run);
  if (!planned.ok()) return weir::FailCommand(planned.status());
  weir::MiniCluster::Options options;
  // Enough for any slot sharing.
  for (const weir::JobVertex& vertex : planned->graph.vertices) options.slots += vertex.parallelism;
  options.dynamic_properties = context.configuration.AsDynamicProperties();
  weir::StatusOr<std::unique_ptr<weir::MiniCluster>> cluster = weir::MiniCluster::Start(options);
  if (!cluster.ok()) return weir::FailCommand(cluster.status());
  context.address = (*cluster)->address();
  const int code = weir::RunPlannedJob(context, run, *planned);
  (*cluster)->Stop();
  return code;
}

int ShowState(const weir::CommandLine& line) {
  switch (line.state_action) {
    case weir::StateAction::kList: return weir::ListState(line.output, line.state);
    case weir::StateAction::kGet: return weir::GetState(line.state);
    case weir::StateAction::kExport: return weir::ExportState(line.state);
  }
  return 1;
}

// A job id names a job; anything else is a file.
int Info(const weir::CommandContext& context, const weir::CommandLine& line) {
  if (weir::JobId::FromHex(line.target).ok()) return weir::ShowJob(context, line.target);
  weir::RunOptions run = line.run;
  run.library = line.target;
  return weir::ShowPlan(context, run);
}

}  // namespace

int main(int argc, char** argv) {
  const weir::CommandLine line = weir::ParseCommandLine(argc, argv);
  if (line.exit_code.has_value()) {
    std::fputs(line.text.c_str(), stdout);
    return *line.exit_code;
  }
  weir::LogOptions log;
  log.level = weir::LogLevel::kWarn;
  if (const weir::Status status = weir::InitLog(log); !status.ok()) return weir::FailCommand(status);

  if (line.action == weir::CommandAction::kBuild) return weir::BuildJob(line.build);
  if (line.action == weir::CommandAction::kState) return ShowState(line);
  weir::CommandContext context;
  if (Prepare(line, context) != 0) return 1;
  switch (line.action) {
    case weir::CommandAction::kRun: return line.local ? RunLocal(context, line.run) : weir::RunJob(context, line.run);
    case weir::CommandAction::kInfo: return Info(context, line);
    case weir::CommandAction::kList: return weir::ListJobs(context, line.list);
    case weir::CommandAction::kCancel:
      return line.with_savepoint ? weir::CancelWithSavepoint(context, line.job_id, line.savepoint) : weir::CancelJob(context, line.job_id);
    case weir::CommandAction::kStop: return weir::StopJob(context, line.job_id, line.savepoint);
    case weir::CommandAction::kSavepoint:
      return line.dispose_path.empty() ? weir::TakeSavepoint(context, line.job_id, line.savepoint) : weir::DisposeSavepoint(context, line.dispose_path);
    case weir::CommandAction::kCheck: return weir::CheckJob(context, line.run);
    case weir::CommandAction::kState:
    case weir::CommandAction::kBuild: break;
  }
  return 1;
}
