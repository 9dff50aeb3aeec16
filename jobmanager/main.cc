// weir-jobmanager: the daemon that schedules jobs and drives their checkpoints.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include "base/config.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/options.h"
#include "jobmanager/job_manager.h"

namespace {

constexpr char kHelp[] =
    "weir-jobmanager: schedules jobs onto TaskManagers and drives their checkpoints.\n"
    "\n"
    "Usage: weir-jobmanager [--configDir DIR] [-D key=value]...\n"
    "\n"
    "  -c, --configDir DIR  directory with weir-conf.yaml (default: $WEIR_CONF_DIR; none: built-in defaults)\n"
    "  -D key=value         overrides one configuration key, repeatable\n"
    "  -h, --help           this text\n"
    "\n"
    "It prints one line with its addresses when it is ready, and ends gracefully on SIGTERM.\n";

int Fail(const weir::Status& status) {
  std::fprintf(stderr, "weir-jobmanager: %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  weir::RaiseDescriptorLimit();
  const weir::StatusOr<weir::ConfigArguments> arguments = weir::TakeConfigArguments({argv + 1, static_cast<size_t>(std::max(1, argc)) - 1});
  if (!arguments.ok()) return Fail(arguments.status());
  for (const std::string& argument : arguments->rest) {
    if (argument == "-h" || argument == "--help") return std::fputs(kHelp, stdout), 0;
    return Fail(weir::InvalidArgument("unknown argument \"" + argument + "\", try --help"));
  }
  const weir::StatusOr<weir::Configuration> configuration = weir::LoadConfiguration(arguments->config_dir, arguments->dynamic_properties);
  if (!configuration.ok()) return Fail(configuration.status());
  if (const weir::Status status = weir::SetUpDaemonLog(*configuration, "weir-jobmanager"); !status.ok()) return Fail(status);
  for (const std::string& warning : configuration->warnings()) LOG_WARN("Configuration: {}", warning);

  // Blocked before any thread starts, so that all inherit it: the main thread takes them below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  weir::StatusOr<std::unique_ptr<weir::JobManager>> manager = weir::JobManager::Start(*configuration);
  if (!manager.ok()) return Fail(manager.status());
  const std::string metrics = (*manager)->metrics_address();
  std::printf("JobManager listens on %s (rpc), %s\n", (*manager)->rpc_address().c_str(),
              metrics.empty() ? "metrics are not shown: no port is free" : ("metrics on http://" + metrics + "/metrics").c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  LOG_INFO("JobManager ends on {}.", signal == SIGTERM ? "SIGTERM" : "SIGINT");
  (*manager)->Stop();
  return 0;
}
