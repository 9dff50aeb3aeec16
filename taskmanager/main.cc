// weir-taskmanager: offers this machine's slots to a JobManager.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "base/config.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/options.h"
#include "base/status_macros.h"
#include "proto/child_process.h"
#include "taskmanager/launcher_process.h"
#include "taskmanager/process_launcher.h"
#include "taskmanager/task_manager.h"

namespace weir {
namespace {

constexpr char kUsage[] =
    "Usage: weir-taskmanager [--configDir DIR] [-D key=value]...\n"
    "\n"
    "Runs jobs on this machine. It registers with the JobManager, which then has it start one worker process per job; the\n"
    "workers end with it. It waits for the JobManager if that is not up yet, and finds it again after a restart.\n"
    "\n"
    "  -c, --configDir DIR   read DIR/weir-conf.yaml (default: the environment's WEIR_CONF_DIR)\n"
    "  -D key=value          override a setting of the file; may be repeated\n"
    "  --help                this text\n"
    "\n"
    "Settings that matter most (conf/weir-conf.yaml lists all):\n"
    "  jobmanager.rpc.address, jobmanager.rpc.port   where the JobManager is            (localhost, 6123)\n"
    "  taskmanager.numberOfTaskSlots                 parallel pipelines to offer        (1)\n"
    "  taskmanager.memory.process.size               for it and its workers together    (1728m)\n"
    "  taskmanager.bind-host, taskmanager.host       where it listens (localhost), how others reach it (found)\n"
    "  taskmanager.data.port                         for records between TaskManagers   (0: any)\n"
    "  metrics.reporter.prom.port                    metrics for Prometheus             (9249-9260)\n"
    "  env.log.dir                                   log files; output of workers in DIR/<job id>/\n"
    "\n"
    "Example: a TaskManager with 4 slots for a JobManager on another machine:\n"
    "  weir-taskmanager -D jobmanager.rpc.address=node1 -D taskmanager.bind-host=0.0.0.0 \\\n"
    "                   -D taskmanager.numberOfTaskSlots=4\n"
    "\n"
    "SIGTERM stops its workers and ends it with code 0; a second one ends it at once.\n";

std::atomic<bool> failed{false};

// Blocks SIGTERM and SIGINT for all threads to come; they are taken by WaitForSignal.
sigset_t BlockSignals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  return ends;
}

Status Run(const ConfigArguments& arguments) {
  RaiseDescriptorLimit();  // Before the launcher is forked, whose children inherit it.
  // While there is one thread.
  ASSIGN_OR_RETURN(ForkedLauncher forked, ForkLauncher(ProgramDirectory() + "/weir-worker"));
  ASSIGN_OR_RETURN(const Configuration configuration, LoadConfiguration(arguments.config_dir, arguments.dynamic_properties));
  RETURN_IF_ERROR(SetUpDaemonLog(configuration, "weir-taskmanager"));
  for (const std::string& warning : configuration.warnings()) LOG_WARN("Configuration: {}", warning);
  const sigset_t ends = BlockSignals();

  ProcessLauncher launcher(std::move(forked));
  TaskManagerOptions options = TaskManagerOptions::From(configuration);
  options.on_fatal = [](const Status&) {
    failed = true;
    ::kill(::getpid(), SIGTERM);
  };
  ASSIGN_OR_RETURN(const std::unique_ptr<TaskManager> task_manager, TaskManager::Start(std::move(options), launcher));
  std::string line = "TaskManager " + task_manager->id() + " listens on " + task_manager->data_address() + " (data)";
  if (!task_manager->metrics_address().empty()) line += ", metrics on http://" + task_manager->metrics_address() + "/metrics";
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  LOG_INFO("{}", line);

  int signal = 0;
  ::sigwait(&ends, &signal);
  ::signal(SIGTERM, SIG_DFL);  // The next one ends it at once.
  ::signal(SIGINT, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);
  task_manager->Stop();
  task_manager->Join();
  return failed ? Internal("the TaskManager could not go on") : Status::Ok();
}

int Main(std::span<const char* const> arguments) {
  const StatusOr<ConfigArguments> parsed = TakeConfigArguments(arguments);
  Status status = parsed.status();
  if (status.ok() && !parsed->rest.empty()) {
    if (parsed->rest.front() == "--help" || parsed->rest.front() == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    status = InvalidArgument("unknown argument \"" + parsed->rest.front() + "\"; --help explains all of them");
  }
  if (status.ok()) status = Run(*parsed);
  if (status.ok()) return 0;
  std::fprintf(stderr, "weir-taskmanager: %s\n", status.message().c_str());
  return 1;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) { return weir::Main({argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)}); }
