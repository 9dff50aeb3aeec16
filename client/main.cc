// weir: the command line of a cluster.
#include <CLI/CLI.hpp>

#include <cstdio>

#include "base/log.h"
#include "base/ids.h"
#include "base/options.h"
#include "client/commands.h"
#include "minicluster/mini_cluster.h"
#include "proto/planning/planner_process.h"
#include "runtime/graph/job_graph.h"

namespace {

struct Common {
  std::string config_dir;
  std::vector<std::string> properties;
  std::string jobmanager;
  std::string output = "text";
};

void AddCommon(CLI::App* action, Common& common) {
  action->add_option("-m,--jobmanager", common.jobmanager, "JobManager as host:port (default: jobmanager.rpc.address and .port)");
  action->add_option("-c,--config-dir,--configDir", common.config_dir, "Directory with weir-conf.yaml (default: $WEIR_CONF_DIR)");
  action->add_option("-D", common.properties, "Configuration key=value, repeatable; wins over the file")->allow_extra_args(false);
  action->add_option("-o,--output", common.output, "text for people, json for scripts")->check(CLI::IsMember({"text", "json"}));
}

// Fills the context; 1 when the configuration is wrong.
int Prepare(const Common& common, weir::CommandContext& context) {
  weir::StatusOr<weir::Configuration> configuration = weir::LoadConfiguration(common.config_dir, common.properties);
  if (!configuration.ok()) return weir::FailCommand(configuration.status());
  context.configuration = *configuration;
  for (const std::string& warning : configuration->warnings()) std::fprintf(stderr, "weir: configuration: %s\n", warning.c_str());
  context.address = !common.jobmanager.empty() ? common.jobmanager
                                               : configuration->Get(weir::options::kJobManagerRpcAddress) + ":" + std::to_string(configuration->Get(weir::options::kJobManagerRpcPort));
  context.output = common.output == "json" ? weir::OutputFormat::kJson : weir::OutputFormat::kText;
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

// How many of `arguments` are ours: all up to the job library of `weir run` or `weir info`. What follows belongs to the job,
// also when it looks like an option of ours.
int OwnArgumentCount(const CLI::App& app, int argc, char** argv) {
  if (argc < 2) return argc;
  const std::string action_name = argv[1];
  if (action_name != "run" && action_name != "info") return argc;
  const CLI::App* const action = app.get_subcommand(action_name);
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.size() < 2 || argument[0] != '-') {
      const bool is_library = !weir::JobId::FromHex(argument).ok();
      return is_library ? i + 1 : argc;
    }
    const CLI::Option* const option = action->get_option_no_throw(argument);
    if (option != nullptr && option->get_items_expected_max() > 0) ++i;  // Its value; "--name=value" and "-p4" have it inside.
  }
  return argc;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"weir runs and watches jobs of a Weir cluster.\n\n"
               "  weir build job.cc -o job.so                 compile a job\n"
               "  weir run job.so --input /data/in            run it and wait for its end\n"
               "  weir run -d -p 8 job.so                     run it with parallelism 8 and return at once\n"
               "  weir run --local job.so                     run it inside this process\n"
               "  weir list                                   jobs that run or wait\n"
               "  weir info JOB-ID                            state, checkpoints and failures of a job\n"
               "  weir cancel JOB-ID                          end it; its last checkpoint stays\n"};
  app.set_version_flag("-v,--version", "Version: 0.1.0");
  app.require_subcommand(0, 1);

  Common common;
  weir::RunOptions run;
  weir::ListOptions list;
  weir::BuildOptions build;
  std::string job_id;
  std::string target;
  bool local = false;

  CLI::App* const run_action = app.add_subcommand("run", "Submits a job and waits for its end");
  AddCommon(run_action, common);
  run_action->add_flag("-d,--detached", run.detached, "Return once the job is submitted");
  run_action->add_option("-p,--parallelism", run.parallelism, "Parallelism of operators that set none")->check(CLI::Range(1, 32'768));
  run_action->add_option("-s,--from-savepoint,--fromSavepoint", run.from_savepoint, "Start from a savepoint or checkpoint: its directory or _metadata");
  run_action->add_flag("-n,--allow-non-restored-state,--allowNonRestoredState", run.allow_non_restored_state, "Drop state of operators that the job no longer has");
  run_action->add_flag("--local", local, "Run it in this process, without a cluster: for debugging");
  run_action->add_option("library", run.library, "The job: a shared library made by `weir build`; what follows are the job's arguments")->required();

  CLI::App* const info_action = app.add_subcommand("info", "Shows a running job (JOB-ID), or the plan of a job library");
  AddCommon(info_action, common);
  info_action->add_option("-p,--parallelism", run.parallelism, "Parallelism of operators that set none")->check(CLI::Range(1, 32'768));
  info_action->add_option("job", target, "Job id, or job library")->required();

  CLI::App* const list_action = app.add_subcommand("list", "Lists jobs");
  AddCommon(list_action, common);
  list_action->add_flag("-r,--running", list.running, "Only running and restarting jobs");
  list_action->add_flag("-s,--scheduled", list.scheduled, "Only scheduled jobs");
  list_action->add_flag("-a,--all", list.all, "Ended jobs too");

  CLI::App* const cancel_action = app.add_subcommand("cancel", "Cancels a job");
  AddCommon(cancel_action, common);
  cancel_action->add_option("job", job_id, "Job id, 32 hex digits")->required();

  CLI::App* const build_action = app.add_subcommand("build", "Compiles a job");
  build_action->add_option("sources", build.sources, "C++ files")->required()->check(CLI::ExistingFile);
  build_action->add_option("-o,--output", build.output, "The shared library to write")->required();
  build_action->add_option("--flag", build.compiler_flags, "Passed to the compiler, repeatable, e.g. --flag=-lfoo")->allow_extra_args(false);
  build_action->add_option("--file", build.files, "A file to pack with the job, repeatable; the job opens weir::JobFile(name)")->allow_extra_args(false)->check(CLI::ExistingFile);
  build_action->add_flag("--verbose", build.verbose, "Show the compiler's command");

  const int own_count = OwnArgumentCount(app, argc, argv);
  const std::vector<std::string> job_arguments(argv + own_count, argv + argc);
  try {
    app.parse(own_count, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::printf("%s\n\nUse the help option (-h or --help) to get help on the command.\n", error.what());
    return 1;
  }
  if (app.get_subcommands().empty()) {
    std::printf("%s\nPlease specify an action.\n", app.help().c_str());
    return 1;
  }
  weir::LogOptions log;
  log.level = weir::LogLevel::kWarn;
  if (const weir::Status status = weir::InitLog(log); !status.ok()) return weir::FailCommand(status);

  if (build_action->parsed()) return weir::BuildJob(build);
  weir::CommandContext context;
  if (Prepare(common, context) != 0) return 1;
  if (run_action->parsed()) {
    run.arguments = job_arguments;
    if (local && run.detached) return weir::FailCommand(weir::InvalidArgument("--local and --detached exclude each other"));
    return local ? RunLocal(context, run) : weir::RunJob(context, run);
  }
  if (list_action->parsed()) return weir::ListJobs(context, list);
  if (cancel_action->parsed()) return weir::CancelJob(context, job_id);
  // A job id names a job; anything else is a file.
  if (weir::JobId::FromHex(target).ok()) return weir::ShowJob(context, target);
  run.library = target;
  run.arguments = job_arguments;
  return weir::ShowPlan(context, run);
}
