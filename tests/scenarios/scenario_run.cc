#include "tests/scenarios/scenario_run.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <random>
#include <thread>

#include "base/status_macros.h"
#include "tests/scenarios/text_server.h"

namespace weir::scenarios {
namespace {

// One run of one combination.
class Run {
 public:
  Run(Cluster& cluster, const Combination& combination, uint64_t seed)
      : cluster_(cluster), combination_(combination), scenario_(*combination.scenario), random_(seed) {}

  Status Execute() {
    RETURN_IF_ERROR(Prepare());
    switch (combination_.disturbance) {
      case Disturbance::kNone:
        RETURN_IF_ERROR(scenario_.await_partly_finished ? RunPartlyFinished() : RunUndisturbed());
        break;
      case Disturbance::kKillWorker:
      case Disturbance::kKillTaskManager:
        RETURN_IF_ERROR(RunWithKill());
        break;
      case Disturbance::kCancelRestore:
      case Disturbance::kCancelRescale:
        RETURN_IF_ERROR(RunWithRestore());
        break;
    }
    RETURN_IF_ERROR(CheckOutput());
    return cluster_.CheckIdle();
  }

 private:
  Status Prepare() {
    output_ = cluster_.NewDirectory(scenario_.name);
    if (scenario_.input_lines != 0) {
      input_ = output_ + ".txt";
      std::ofstream(input_) << GenerateText(scenario_.input_lines);
    }
    if (scenario_.served_lines != 0) {
      std::string text;
      for (uint32_t i = 0; i < scenario_.served_lines; ++i) text += std::to_string(i) + "\n";
      ASSIGN_OR_RETURN(server_, TextServer::Start(text));
    }
    for (uint32_t i = 0; i < cluster_.task_manager_count(); ++i) printed_before_.push_back(cluster_.task_manager_output(i).size());
    return Status::Ok();
  }

  std::vector<std::string> Arguments(uint32_t parallelism) const {
    const int64_t rate = combination_.disturbance == Disturbance::kNone && !scenario_.rate_always ? 0 : scenario_.rate;
    std::vector<std::string> arguments = {"-p", std::to_string(parallelism), JobPath(scenario_.job)};
    for (const std::string& argument : scenario_.arguments) {
      if (argument == "{output}")
        arguments.push_back(output_);
      else if (argument == "{input}")
        arguments.push_back(input_);
      else if (argument == "{variant}")
        arguments.push_back(combination_.variant);
      else if (argument == "{rate}")
        arguments.push_back(std::to_string(rate));
      else if (argument == "{port}")
        arguments.push_back(std::to_string(server_->port()));
      else
        arguments.push_back(argument);
    }
    if (rate != 0) arguments.insert(arguments.end(), {"--go-file", GoFile()});
    return arguments;
  }

  // Jobs with a speed do not end before it exists.
  std::string GoFile() const { return output_ + ".go"; }
  void LetGo() const { std::ofstream{GoFile()}; }

  Status RunUndisturbed() { return RunAttached(Arguments(combination_.parallelism)); }

  Status RunAttached(const std::vector<std::string>& arguments) {
    ASSIGN_OR_RETURN(const CommandResult result, cluster_.Command("run", arguments));
    if (scenario_.expectation.kind == Expectation::Kind::kError) {
      std::string expected;
      for (const std::string& word : scenario_.expectation.words) expected += (expected.empty() ? "" : " ") + word;
      if (result.ok()) return Internal("the job ended well, expected was the error \"" + expected + "\"");
      return result.error.find(expected) != std::string::npos ? Status::Ok() : Internal("wrong error: " + result.error);
    }
    if (!result.ok()) return Internal("weir run " + DescribeEnd(result.wait_status) + ": " + result.error);
    if (result.output.find("has finished") == std::string::npos) return Internal("weir run does not say that the job has finished: " + result.output);
    return Status::Ok();
  }

  Status RunPartlyFinished() {
    ASSIGN_OR_RETURN(const std::string job, cluster_.Submit(Arguments(combination_.parallelism)));
    RETURN_IF_ERROR(AwaitPartlyFinished(job));
    LetGo();
    return AwaitFinished(job).status();
  }

  Status AwaitPartlyFinished(const std::string& job) {
    const auto partly = [](const JobStatus& status) {
      return status.running() && std::ranges::any_of(status.subtasks, [](const SubtaskStatus& subtask) { return subtask.state == "FINISHED"; });
    };
    ASSIGN_OR_RETURN(const JobStatus at_finish, cluster_.AwaitJob(job, partly));
    return cluster_.AwaitJob(job, [&](const JobStatus& status) { return status.checkpoints_completed >= at_finish.checkpoints_completed + 2; })
        .status()
        .WithContext("checkpoints after some subtasks have finished");
  }

  StatusOr<JobStatus> AwaitFinished(const std::string& job) {
    ASSIGN_OR_RETURN(const JobStatus end, cluster_.AwaitEnd(job));
    if (end.state != "FINISHED") return Internal("job ended as " + end.state + ": " + end.failure);
    return end;
  }

  // At a random moment of the job's life.
  void Pause() { std::this_thread::sleep_for(milliseconds(random_() % 400)); }

  Status RunWithKill() {
    ASSIGN_OR_RETURN(const std::string job, cluster_.Submit(Arguments(combination_.parallelism)));
    const StatusOr<JobStatus> ready = cluster_.AwaitJob(job, [](const JobStatus& status) { return status.running() && status.checkpoints_completed > 0; });
    if (!ready.ok() && scenario_.may_end_early && ready.status().code() == StatusCode::kFailedPrecondition) return AwaitFinished(job).status();
    RETURN_IF_ERROR(ready.status().WithContext("before the kill"));
    if (scenario_.await_partly_finished) RETURN_IF_ERROR(AwaitPartlyFinished(job));
    Pause();
    const bool killed = combination_.disturbance == Disturbance::kKillWorker ? KillWorker() : KillTaskManager();
    LetGo();
    ASSIGN_OR_RETURN(const JobStatus end, AwaitFinished(job));
    if (!scenario_.may_end_early && (!killed || end.restarts == 0)) return Internal("job ended before it was disturbed: the scenario is too short");
    return Status::Ok();
  }

  bool KillWorker() {
    const std::vector<pid_t> workers = cluster_.Workers();
    if (workers.empty()) return false;
    return KillAndAwait(workers[random_() % workers.size()], std::chrono::seconds(5)).ok();
  }

  bool KillTaskManager() {
    std::vector<uint32_t> busy;
    for (uint32_t i = 0; i < cluster_.task_manager_count(); ++i) {
      if (!cluster_.Workers(i).empty()) busy.push_back(i);
    }
    if (busy.empty()) return false;
    const uint32_t victim = busy[random_() % busy.size()];
    return cluster_.KillTaskManager(victim).ok() && cluster_.StartTaskManager(victim).ok();
  }

  Status RunWithRestore() {
    ASSIGN_OR_RETURN(const std::string first, cluster_.Submit(Arguments(combination_.parallelism)));
    RETURN_IF_ERROR(cluster_.AwaitJob(first, [](const JobStatus& status) { return status.running() && status.checkpoints_completed >= 3; })
                        .status()
                        .WithContext("before the cancellation"));
    if (scenario_.await_partly_finished) RETURN_IF_ERROR(AwaitPartlyFinished(first));
    Pause();
    RETURN_IF_ERROR(cluster_.Cancel(first));
    ASSIGN_OR_RETURN(const JobStatus cancelled, cluster_.AwaitEnd(first));
    if (cancelled.state != "CANCELED") return Internal("cancelled job ended as " + cancelled.state + ": " + cancelled.failure);
    if (cancelled.checkpoint_latest_path.empty()) return Internal("a cancelled job does not name its last checkpoint");
    LetGo();
    uint32_t parallelism = combination_.parallelism;
    if (combination_.disturbance == Disturbance::kCancelRescale) parallelism = parallelism == 1 ? 3 : parallelism == 2 ? 1 : 2;
    std::vector<std::string> arguments = Arguments(parallelism);
    arguments.insert(arguments.begin(), {"-s", cancelled.checkpoint_latest_path});
    return RunAttached(arguments).WithContext("restored with parallelism " + std::to_string(parallelism));
  }

  Status CheckOutput() {
    if (scenario_.expectation.kind == Expectation::Kind::kError) return Status::Ok();
    if (scenario_.expectation.kind == Expectation::Kind::kPrinted) return CheckPrinted();
    const std::string difference = Difference(scenario_, combination_.parallelism, CommittedLines(output_));
    return difference.empty() ? Status::Ok() : Internal(difference + ", in " + output_);
  }

  // "identifier:N> row" when parallel, "identifier> row" otherwise, each row once, on whichever TaskManager.
  Status CheckPrinted() {
    const std::vector<std::string>& words = scenario_.expectation.words;
    std::string text;
    for (uint32_t i = 0; i < cluster_.task_manager_count(); ++i) text += "\n" + cluster_.task_manager_output(i).substr(printed_before_[i]);
    for (size_t i = 1; i < words.size(); ++i) {
      const size_t at = text.find("> " + words[i] + "\n");
      if (at == std::string::npos) return Internal("not printed: " + words[i] + ", in: " + text);
      const size_t begin = text.rfind('\n', at) + 1;
      const std::string prefix = text.substr(begin, at - begin);
      const bool right = combination_.parallelism == 1 ? prefix == words[0] : prefix.starts_with(words[0] + ":") && prefix.size() == words[0].size() + 2;
      if (!right) return Internal("wrong prefix: " + prefix);
      if (text.find("> " + words[i] + "\n", at + 1) != std::string::npos) return Internal("printed twice: " + words[i]);
    }
    return Status::Ok();
  }

  Cluster& cluster_;
  const Combination& combination_;
  const Scenario& scenario_;
  std::mt19937_64 random_;
  std::string output_;
  std::string input_;
  std::unique_ptr<TextServer> server_;
  std::vector<size_t> printed_before_;  // Size of each TaskManager's stdout.
};

}  // namespace

std::string Combination::ToString() const {
  return "--only " + scenario->name + (variant.empty() ? "" : " --variant " + variant) + " --parallelism " + std::to_string(parallelism) + " --task-managers " +
         std::to_string(task_managers) + " --batch-rows " + std::to_string(batch_rows) + " --disturb " + DisturbanceName(disturbance);
}

Status RunCombination(Cluster& cluster, const Combination& combination, uint64_t seed) { return Run(cluster, combination, seed).Execute(); }

}  // namespace weir::scenarios
