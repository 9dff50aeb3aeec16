#include "tests/scenarios/cluster.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/status_macros.h"

namespace weir::scenarios {
namespace {

constexpr milliseconds kStopTimeout = std::chrono::seconds(15);
constexpr milliseconds kCommandTimeout = std::chrono::seconds(60);

// "JobManager listens on HOST:PORT (rpc), ...": the word before ` (`.
std::string AddressIn(const std::string& line) {
  const size_t end = line.find(" (");
  return line.substr(0, end).substr(line.rfind(' ', end - 1) + 1);
}

// `none` where there is nothing yet.
template <class T>
T ValueOr(const nlohmann::json& value, T none) {
  return value.is_null() ? none : value.get<T>();
}

JobStatus ToJobStatus(const nlohmann::json& shown) {
  JobStatus status;
  status.state = shown.at("state");
  status.state_reason = ValueOr<std::string>(shown.at("state-reason"), "");
  status.tasks_total = shown.at("tasks").at("total");
  status.tasks_running = shown.at("tasks").at("running");
  status.restarts = shown.at("restarts");
  const nlohmann::json& checkpoints = shown.at("checkpoints");
  status.checkpoints_completed = checkpoints.at("completed");
  status.checkpoint_latest_id = ValueOr<uint64_t>(checkpoints.at("latest-id"), 0);
  status.checkpoint_latest_path = ValueOr<std::string>(checkpoints.at("latest-path"), "");
  status.checkpoint_restored_id = ValueOr<uint64_t>(checkpoints.at("restored-id"), 0);
  for (const nlohmann::json& recovery : shown.at("recoveries")) {
    status.recoveries.push_back({recovery.at("failed-at"), recovery.at("running-at"), recovery.at("cause")});
  }
  for (const nlohmann::json& vertex : shown.at("vertices")) {
    for (const nlohmann::json& subtask : vertex.at("subtasks")) {
      status.subtasks.push_back({vertex.at("name"), subtask.at("subtask"), subtask.at("state"), subtask.at("taskmanager-id")});
    }
  }
  if (const auto failure = shown.find("root-exception"); failure != shown.end()) {
    status.failure = failure->at("message").get<std::string>() + "\n" + failure->at("stack").get<std::string>();
  }
  return status;
}

}  // namespace

bool JobStatus::running() const {
  return state == "RUNNING" && !subtasks.empty() &&
         std::ranges::all_of(subtasks, [](const SubtaskStatus& subtask) { return subtask.state == "RUNNING" || subtask.state == "FINISHED"; });
}

std::string ProgramPath(const std::string& name) { return std::string(WEIR_SCENARIO_PROGRAMS) + "/" + name; }
std::string JobPath(const std::string& name) { return std::string(WEIR_SCENARIO_JOBS) + "/" + name + ".so"; }

std::vector<std::string> CommittedLines(const std::string& directory) {
  std::vector<std::string> lines;
  if (!std::filesystem::exists(directory)) return lines;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with(".")) continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

StatusOr<std::unique_ptr<Cluster>> Cluster::Start(const ClusterOptions& options) {
  std::unique_ptr<Cluster> cluster(new Cluster(options));
  char pattern[] = "/tmp/weir-scenario-XXXXXX";
  if (::mkdtemp(pattern) == nullptr) return Unavailable("no directory for the cluster below /tmp");
  cluster->directory_ = pattern;
  cluster->marker_ = "WEIR_SCENARIO_CLUSTER=" + cluster->directory_;
  for (const char* folder : {"/tmp", "/log", "/pid", "/checkpoints"}) std::filesystem::create_directory(cluster->directory_ + folder);
  RETURN_IF_ERROR(cluster->StartJobManager());
  cluster->task_managers_.resize(options.task_managers);
  cluster->data_addresses_.resize(options.task_managers);
  for (uint32_t i = 0; i < options.task_managers; ++i) RETURN_IF_ERROR(cluster->StartTaskManager(i));
  return cluster;
}

Cluster::~Cluster() {
  task_managers_.clear();
  job_manager_.reset();
  // Only what carries this cluster's own directory in its environment.
  for (const ProcessInfo& process : Processes()) {
    if (!process.zombie) static_cast<void>(KillAndAwait(process.pid, kStopTimeout));
  }
  std::error_code ignored;
  if (::getenv("WEIR_SCENARIO_KEEP") == nullptr) std::filesystem::remove_all(directory_, ignored);
}

std::string Cluster::NewDirectory(const std::string& name) {
  const std::string path = directory_ + "/" + std::to_string(++directory_count_) + "-" + name;
  std::filesystem::create_directory(path);
  return path;
}

std::vector<std::string> Cluster::Properties() const {
  std::map<std::string, std::string> properties = {
      {"io.tmp.dirs", directory_ + "/tmp"},
      {"execution.checkpointing.dir", directory_ + "/checkpoints"},
      {"jobmanager.artifact.directory", directory_ + "/artifacts"},
      {"env.log.dir", directory_ + "/log"},
      {"env.pid.dir", directory_ + "/pid"},
      {"metrics.reporter.prom.port", "0"},
      {"taskmanager.data.port", "0"},
      {"taskmanager.numberOfTaskSlots", std::to_string(options_.slots)},
      // A restarted TaskManager may need a moment; a job that can never get its slots shall say so soon.
      {"slot.request.timeout", "30 s"},
      {"restart-strategy.exponential-delay.max-backoff", "1 s"},
  };
  for (const auto& [key, value] : options_.properties) properties[key] = value;
  const size_t colon = job_manager_address_.rfind(':');
  properties["jobmanager.rpc.address"] = colon == std::string::npos ? "127.0.0.1" : job_manager_address_.substr(0, colon);
  properties["jobmanager.rpc.port"] = colon == std::string::npos ? "0" : job_manager_address_.substr(colon + 1);
  std::vector<std::string> arguments;
  for (const auto& [key, value] : properties) arguments.insert(arguments.end(), {"-D", key + "=" + value});
  return arguments;
}

Status Cluster::StartJobManager() {
  ProcessOptions options;
  options.command = options_.job_manager_prefix;
  options.command.push_back(ProgramPath("weir-jobmanager"));
  const std::vector<std::string> properties = Properties();
  options.command.insert(options.command.end(), properties.begin(), properties.end());
  options.environment = {marker_, "TMPDIR=" + directory_ + "/tmp"};
  options.log_prefix = directory_ + "/log/jobmanager-console";
  ASSIGN_OR_RETURN(job_manager_, Process::Start(options));
  ASSIGN_OR_RETURN(const std::string line, job_manager_->WaitForLine("JobManager listens on ", kStartTimeout));
  job_manager_address_ = AddressIn(line);
  return Status::Ok();
}

Status Cluster::StartTaskManager(uint32_t task_manager) {
  ProcessOptions options;
  if (task_manager < options_.task_manager_prefixes.size()) options.command = options_.task_manager_prefixes[task_manager];
  options.command.push_back(ProgramPath("weir-taskmanager"));
  const std::vector<std::string> properties = Properties();
  options.command.insert(options.command.end(), properties.begin(), properties.end());
  // The directory's random part makes the id unlike those of other tests.
  const std::string id = "tm" + std::to_string(task_manager + 1) + "-" + directory_.substr(directory_.size() - 6);
  options.command.insert(options.command.end(), {"-D", "taskmanager.resource-id=" + id});
  options.environment = {marker_, "TMPDIR=" + directory_ + "/tmp"};
  options.log_prefix = directory_ + "/log/" + id + "-console";
  ASSIGN_OR_RETURN(task_managers_[task_manager], Process::Start(options));
  ASSIGN_OR_RETURN(const std::string line, task_managers_[task_manager]->WaitForLine("TaskManager ", kStartTimeout));
  data_addresses_[task_manager] = AddressIn(line);
  return Status::Ok();
}

Status Cluster::KillTaskManager(uint32_t task_manager) {
  task_managers_[task_manager]->Signal(SIGKILL);
  return task_managers_[task_manager]->WaitForExit(kStopTimeout).status();
}

Status Cluster::KillJobManager() {
  job_manager_->Signal(SIGKILL);
  return job_manager_->WaitForExit(kStopTimeout).status();
}

StatusOr<std::unique_ptr<Process>> Cluster::StartCommand(const std::string& action, const std::vector<std::string>& arguments) {
  ProcessOptions options;
  options.command = {ProgramPath("weir"), action};
  const std::vector<std::string> properties = Properties();
  options.command.insert(options.command.end(), properties.begin(), properties.end());
  options.command.insert(options.command.end(), arguments.begin(), arguments.end());
  options.environment = {marker_, "TMPDIR=" + directory_ + "/tmp"};
  return Process::Start(options);
}

StatusOr<CommandResult> Cluster::Command(const std::string& action, const std::vector<std::string>& arguments, milliseconds timeout) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Process> process, StartCommand(action, arguments));
  const StatusOr<int> end = process->WaitForExit(timeout);
  if (!end.ok()) return end.status().WithContext("weir " + action);
  return CommandResult{*end, process->output(), process->error()};
}

StatusOr<std::string> Cluster::Submit(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"--detached"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  ASSIGN_OR_RETURN(const CommandResult result, Command("run", all));
  constexpr std::string_view kFixed = "Job has been submitted with JobID ";
  const size_t at = result.output.find(kFixed);
  if (!result.ok() || at == std::string::npos)
    return FailedPrecondition("weir run -d " + DescribeEnd(result.wait_status) + ": " + result.output + result.error);
  return result.output.substr(at + kFixed.size(), 32);
}

StatusOr<JobStatus> Cluster::Info(const std::string& job_id) {
  ASSIGN_OR_RETURN(const CommandResult result, Command("info", {"--output", "json", job_id}, kCommandTimeout));
  if (!result.ok()) return Unavailable("weir info " + DescribeEnd(result.wait_status) + ": " + result.error);
  const nlohmann::json shown = nlohmann::json::parse(result.output, nullptr, /*allow_exceptions=*/false);
  if (shown.is_discarded()) return Corruption("weir info --output json prints no JSON: " + result.output);
  return ToJobStatus(shown);
}

StatusOr<JobStatus> Cluster::AwaitJob(const std::string& job_id, const std::function<bool(const JobStatus&)>& condition, milliseconds timeout) {
  StatusOr<JobStatus> status = Unavailable("not asked yet");
  bool holds = false;
  Eventually(timeout, [&] {
    status = Info(job_id);
    holds = status.ok() && condition(*status);
    return holds || (status.ok() && status->ended());
  });
  if (holds || !status.ok()) return status;
  const std::string seen = "state=" + status->state + ", tasks running=" + std::to_string(status->tasks_running) + "/" + std::to_string(status->tasks_total) +
                           ", restarts=" + std::to_string(status->restarts) + ", checkpoints=" + std::to_string(status->checkpoints_completed) +
                           ", failure=" + status->failure;
  if (status->ended()) return FailedPrecondition("job ended before what was awaited, " + seen);
  return DeadlineExceeded("job does not become what was awaited, " + seen);
}

StatusOr<JobStatus> Cluster::AwaitEnd(const std::string& job_id, milliseconds timeout) {
  return AwaitJob(
      job_id, [](const JobStatus& status) { return status.ended(); }, timeout);
}

Status Cluster::Cancel(const std::string& job_id) {
  ASSIGN_OR_RETURN(const CommandResult result, Command("cancel", {job_id}, kCommandTimeout));
  return result.ok() ? Status::Ok() : Unavailable("weir cancel " + DescribeEnd(result.wait_status) + ": " + result.error);
}

std::vector<ProcessInfo> Cluster::Processes() const { return ProcessesWith(marker_); }

std::vector<pid_t> Cluster::Workers(uint32_t task_manager) const {
  std::vector<pid_t> workers;
  for (const ProcessInfo& process : DescendantsOf(task_managers_[task_manager]->pid(), Processes())) {
    if (process.name == "weir-worker" && !process.zombie) workers.push_back(process.pid);
  }
  return workers;
}

std::vector<pid_t> Cluster::Workers() const { return ProcessesNamed("weir-worker"); }

std::vector<pid_t> Cluster::ProcessesNamed(const std::string& name) const {
  std::vector<pid_t> found;
  for (const ProcessInfo& process : Processes()) {
    if (process.name == name && !process.zombie) found.push_back(process.pid);
  }
  return found;
}

std::string Cluster::Describe(const std::vector<ProcessInfo>& processes) const {
  std::string text;
  for (const ProcessInfo& process : processes) {
    if (!process.zombie) text += " " + process.name + "(" + std::to_string(process.pid) + ", parent " + std::to_string(process.parent) + ")";
  }
  return text;
}

Status Cluster::CheckFilesOutside() const {
  for (const ProcessInfo& process : Processes()) {
    const std::vector<std::string> files = FilesWrittenOutside(process.pid, directory_);
    if (!files.empty()) return Internal("process writes outside its directories: " + process.name + " " + files.front());
  }
  return Status::Ok();
}

Status Cluster::CheckIdle() {
  RETURN_IF_ERROR(CheckFilesOutside());
  if (!Eventually(kStopTimeout, [this] { return Workers().empty(); })) return Internal("workers live though no job runs:" + Describe(Processes()));
  return Status::Ok();
}

Status Cluster::EndProcess(std::unique_ptr<Process>& process, const std::string& name) {
  if (process == nullptr) return Status::Ok();
  process->Signal(SIGTERM);
  const StatusOr<int> end = process->WaitForExit(kStopTimeout);
  if (!end.ok()) return end.status().WithContext(name + " does not end on SIGTERM");
  const bool killed_by_test = WIFSIGNALED(*end) && WTERMSIG(*end) == SIGKILL;
  const std::string error = process->error();
  process.reset();
  if (*end != 0 && !killed_by_test)
    return Internal(name + " " + DescribeEnd(*end) + " on SIGTERM: " + error.substr(error.size() - std::min<size_t>(error.size(), 2'000)));
  return Status::Ok();
}

Status Cluster::Stop() {
  RETURN_IF_ERROR(CheckFilesOutside());
  for (size_t i = 0; i < task_managers_.size(); ++i) RETURN_IF_ERROR(EndProcess(task_managers_[i], "TaskManager " + std::to_string(i + 1)));
  RETURN_IF_ERROR(EndProcess(job_manager_, "JobManager"));
  const auto none_left = [this] { return std::ranges::all_of(Processes(), [](const ProcessInfo& process) { return process.zombie; }); };
  if (!Eventually(kStopTimeout, none_left)) return Internal("processes outlive the cluster:" + Describe(Processes()));
  // What TaskManagers make below io.tmp.dirs is theirs to remove.
  for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/tmp")) {
    return Internal("temporary file is left after the cluster's end: " + entry.path().filename().string());
  }
  // The id of each TaskManager contains the directory's random part.
  const std::string random = directory_.substr(directory_.size() - 6);
  for (const char* folder : {"/tmp", "/dev/shm", "/var/tmp"}) {
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string path = entry.path().string();
      if (path != directory_ && path.find(random) != std::string::npos) return Internal("file is left outside the cluster's directory: " + path);
    }
  }
  return Status::Ok();
}

}  // namespace weir::scenarios
