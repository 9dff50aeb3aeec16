#include "minicluster/mini_cluster.h"

#include <cstdlib>
#include <filesystem>

#include "base/check.h"
#include "base/status_macros.h"
#include "jobmanager/job_manager.h"
#include "minicluster/in_process_launcher.h"
#include "taskmanager/task_manager.h"

namespace weir {

struct MiniCluster::State {
  std::string directory;
  std::unique_ptr<JobManager> job_manager;
  InProcessLauncher launcher;
  std::unique_ptr<TaskManager> task_manager;
  bool stopped = false;
};

MiniCluster::MiniCluster(std::unique_ptr<State> state) : state_(std::move(state)) {}

MiniCluster::~MiniCluster() { CHECK(state_->stopped); }

StatusOr<std::unique_ptr<MiniCluster>> MiniCluster::Start(const Options& options) {
  std::unique_ptr<MiniCluster> cluster(new MiniCluster(std::make_unique<State>()));
  State& state = *cluster->state_;
  const auto fail = [&cluster](const Status& status) {
    cluster->Stop();
    return status.WithContext("local cluster");
  };
  std::string pattern = (std::filesystem::temp_directory_path() / "weir-local-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return fail(Unavailable("no temporary directory, pattern=" + pattern));
  state.directory = pattern;

  // Checkpoints may be asked for elsewhere: they outlive this process.
  std::vector<std::string> properties = {"execution.checkpointing.dir=" + state.directory + "/checkpoints", "taskmanager.memory.process.size=1t"};
  properties.insert(properties.end(), options.dynamic_properties.begin(), options.dynamic_properties.end());
  for (const std::string& own : {"io.tmp.dirs=" + state.directory, std::string("jobmanager.rpc.port=0"), std::string("taskmanager.data.port=0"),
                                 std::string("metrics.reporter.prom.port=0"), "taskmanager.numberOfTaskSlots=" + std::to_string(options.slots)}) {
    properties.push_back(own);
  }
  const StatusOr<Configuration> configuration = Configuration::Parse("", "", properties);
  if (!configuration.ok()) return fail(configuration.status());
  StatusOr<std::unique_ptr<JobManager>> job_manager = JobManager::Start(*configuration);
  if (!job_manager.ok()) return fail(job_manager.status());
  state.job_manager = std::move(*job_manager);

  TaskManagerOptions task_manager = TaskManagerOptions::From(*configuration);
  task_manager.job_manager_address = state.job_manager->rpc_address();
  task_manager.metrics_ports.reset();
  task_manager.on_fatal = [](const Status&) {};
  StatusOr<std::unique_ptr<TaskManager>> started = TaskManager::Start(std::move(task_manager), state.launcher);
  if (!started.ok()) return fail(started.status());
  state.task_manager = std::move(*started);
  return cluster;
}

std::string MiniCluster::address() const { return state_->job_manager->rpc_address(); }

void MiniCluster::Stop() {
  State& state = *state_;
  CHECK(!state.stopped);
  state.stopped = true;
  if (state.task_manager != nullptr) {
    state.task_manager->Stop();
    state.task_manager->Join();
    state.task_manager.reset();
  }
  if (state.job_manager != nullptr) state.job_manager->Stop();
  state.job_manager.reset();
  std::error_code ignored;
  if (!state.directory.empty()) std::filesystem::remove_all(state.directory, ignored);
}

}  // namespace weir
