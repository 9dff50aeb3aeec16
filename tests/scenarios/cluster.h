// A cluster of real daemons for a test: one JobManager, some TaskManagers, all files in one directory, every port chosen by
// the system.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/scenarios/process.h"

namespace weir::scenarios {

#ifdef WEIR_SANITIZED
constexpr int kSlowness = 5;  // Sanitized daemons take several times as long.
#else
constexpr int kSlowness = 1;
#endif
constexpr milliseconds kStartTimeout = std::chrono::seconds(30) * kSlowness;
constexpr milliseconds kJobTimeout = std::chrono::seconds(60) * kSlowness;

struct ClusterOptions {
  uint32_t task_managers = 1;
  uint32_t slots = 1;                             // Of each TaskManager.
  std::map<std::string, std::string> properties;  // -D of both daemons and of every command.
  // Programs with arguments that run the daemons, such as {"/usr/bin/taskset", "-c", "0"}; they must exec. Each TaskManager's
  // own, as far as given.
  std::vector<std::string> job_manager_prefix;
  std::vector<std::vector<std::string>> task_manager_prefixes;
};

struct CommandResult {
  int wait_status = 0;
  std::string output;
  std::string error;
  bool ok() const { return wait_status == 0; }
};

struct SubtaskStatus {
  std::string vertex;
  uint32_t subtask = 0;
  std::string state;
  std::string task_manager;
};

struct RecoveryStatus {
  int64_t failed_at_ms = 0;
  int64_t running_at_ms = 0;  // 0: not yet.
  std::string cause;
};

// What `weir info --output json` says.
struct JobStatus {
  std::string state;
  std::string state_reason;
  uint32_t tasks_total = 0;
  uint32_t tasks_running = 0;
  uint32_t restarts = 0;
  uint64_t checkpoints_completed = 0;
  uint64_t checkpoint_latest_id = 0;
  std::string checkpoint_latest_path;
  uint64_t checkpoint_restored_id = 0;
  std::vector<RecoveryStatus> recoveries;
  std::vector<SubtaskStatus> subtasks;
  std::string failure;  // With its stack.

  bool ended() const { return state == "FINISHED" || state == "FAILED" || state == "CANCELED"; }
  // Every subtask runs or has finished.
  bool running() const;
};

// Thread: the main one. Owns all its processes. Stop() before the destructor tells what is left; the destructor only cleans up.
class Cluster final {
 public:
  static StatusOr<std::unique_ptr<Cluster>> Start(const ClusterOptions& options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  const std::string& directory() const { return directory_; }
  // A directory below it that no other call gave.
  std::string NewDirectory(const std::string& name);
  std::string job_manager_address() const { return job_manager_address_; }
  std::string data_address(uint32_t task_manager) const { return data_addresses_[task_manager]; }
  std::string job_manager_log() const { return job_manager_->error(); }
  std::string task_manager_output(uint32_t task_manager) const { return task_managers_[task_manager]->output(); }

  // ---- Commands ----
  // `weir ACTION --jobmanager ... -D ...  arguments`, to its end.
  StatusOr<CommandResult> Command(const std::string& action, const std::vector<std::string>& arguments, milliseconds timeout = kJobTimeout);
  // The same without waiting.
  StatusOr<std::unique_ptr<Process>> StartCommand(const std::string& action, const std::vector<std::string>& arguments);
  // `weir run -d`: the job's id.
  StatusOr<std::string> Submit(const std::vector<std::string>& arguments);
  StatusOr<JobStatus> Info(const std::string& job_id);
  // kFailedPrecondition when the job ends before `condition` holds.
  StatusOr<JobStatus> AwaitJob(const std::string& job_id, const std::function<bool(const JobStatus&)>& condition, milliseconds timeout = kJobTimeout);
  StatusOr<JobStatus> AwaitEnd(const std::string& job_id, milliseconds timeout = kJobTimeout);
  Status Cancel(const std::string& job_id);

  // ---- Disturbances ----
  std::vector<pid_t> Workers(uint32_t task_manager) const;
  std::vector<pid_t> Workers() const;  // Of all TaskManagers.
  // Those of this cluster that ps shows under this name.
  std::vector<pid_t> ProcessesNamed(const std::string& name) const;
  uint32_t task_manager_count() const { return static_cast<uint32_t>(task_managers_.size()); }
  pid_t job_manager_pid() const { return job_manager_->pid(); }
  pid_t task_manager_pid(uint32_t task_manager) const { return task_managers_[task_manager]->pid(); }
  Status KillTaskManager(uint32_t task_manager);
  Status StartTaskManager(uint32_t task_manager);
  Status KillJobManager();
  Status StartJobManager();  // On the address of the first.
  Status RestartJobManager() { return KillJobManager().ok() ? StartJobManager() : Unavailable("the JobManager survives"); }

  // ---- Leaks ----
  // No worker lives and no process writes outside the directory; waits a little for workers that are about to end.
  Status CheckIdle();
  // SIGTERM to all, in order; an error when one does not end by itself, or leaves a process or file behind.
  Status Stop();

 private:
  explicit Cluster(ClusterOptions options) : options_(std::move(options)) {}
  std::vector<std::string> Properties() const;
  std::vector<ProcessInfo> Processes() const;
  std::string Describe(const std::vector<ProcessInfo>& processes) const;
  Status CheckFilesOutside() const;
  Status EndProcess(std::unique_ptr<Process>& process, const std::string& name);

  const ClusterOptions options_;
  std::string directory_;
  std::string marker_;  // In the environment of each process of this cluster.
  std::string job_manager_address_;
  std::unique_ptr<Process> job_manager_;
  std::vector<std::unique_ptr<Process>> task_managers_;
  std::vector<std::string> data_addresses_;
  uint32_t directory_count_ = 0;
};

// <build>/bin/<name> and the job library <name>.so.
std::string ProgramPath(const std::string& name);
std::string JobPath(const std::string& name);

// Lines of the committed files below a TextFileSink's directory, sorted.
std::vector<std::string> CommittedLines(const std::string& directory);

}  // namespace weir::scenarios
