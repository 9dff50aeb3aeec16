// What the command line and the daemons say to people when something is missing or wrong, on real daemons.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/scenarios/cluster.h"

namespace weir::scenarios {
namespace {

#define EXPECT_SAYS(text, words) EXPECT_NE((text).find(words), std::string::npos) << "no \"" << (words) << "\" in:\n" << (text)

size_t CountOf(const std::string& text, const std::string& words) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(words, at)) != std::string::npos; ++at) ++count;
  return count;
}

class CommandScenarioTest : public ::testing::Test {
 protected:
  void Start(const ClusterOptions& options) {
    StatusOr<std::unique_ptr<Cluster>> started = Cluster::Start(options);
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    cluster_ = std::move(*started);
  }
  void TearDown() override {
    if (cluster_ == nullptr) return;
    const Status stopped = cluster_->Stop();
    EXPECT_TRUE(stopped.ok()) << stopped.ToString();
  }
  // What `weir list` shows, or why it does not.
  std::string List(const std::vector<std::string>& arguments = {}) {
    const StatusOr<CommandResult> result = cluster_->Command("list", arguments);
    return result.ok() ? result->output + result->error : result.status().ToString();
  }
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(CommandScenarioTest, AJobThatWaitsForSlotsSaysSoUntilItHasThem) {
  ClusterOptions options;
  options.task_managers = 2;
  options.properties = {{"heartbeat.interval", "200 ms"}, {"heartbeat.timeout", "2 s"}};
  Start(options);
  ASSERT_TRUE(Eventually(kStartTimeout, [&] { return CountOf(cluster_->job_manager_log(), " Registered TaskManager ") == 2; }));
  ASSERT_TRUE(cluster_->KillTaskManager(1).ok());
  ASSERT_TRUE(Eventually(kStartTimeout, [&] { return CountOf(cluster_->job_manager_log(), " is lost: ") == 1; }));
  const std::string go_file = cluster_->NewDirectory("go") + "/go";
  const StatusOr<std::string> job = cluster_->Submit({"-p", "2", JobPath("scenario_running_count"), "--rows", "100", "--rows-per-second", "1000", "--go-file",
                                                      go_file, "--output", cluster_->NewDirectory("out")});
  ASSERT_TRUE(job.ok()) << job.status().ToString();
  const StatusOr<JobStatus> waits = cluster_->AwaitJob(*job, [](const JobStatus& status) { return status.state_reason == "needs 2 slots, 1 free"; });
  ASSERT_TRUE(waits.ok()) << waits.status().ToString();
  EXPECT_EQ(waits->state, "CREATED");
  EXPECT_SAYS(List(), "(CREATED) needs 2 slots, 1 free\n");
  EXPECT_SAYS(List({"-o", "json"}), "\"state-reason\": \"needs 2 slots, 1 free\"");
  ASSERT_TRUE(cluster_->StartTaskManager(1).ok());
  const StatusOr<JobStatus> runs = cluster_->AwaitJob(*job, [](const JobStatus& status) { return status.running(); });
  ASSERT_TRUE(runs.ok()) << runs.status().ToString();
  EXPECT_EQ(runs->state_reason, "");
  // Many beats of a heartbeat, one line of each kind.
  EXPECT_EQ(CountOf(cluster_->job_manager_log(), " waits for slots: needs 2 slots, 1 free."), 1u);
  EXPECT_EQ(CountOf(cluster_->job_manager_log(), " has its slots, after "), 1u);

  // The same after a failure.
  ASSERT_TRUE(cluster_->KillTaskManager(0).ok());
  const StatusOr<JobStatus> restarts = cluster_->AwaitJob(*job, [](const JobStatus& status) { return status.state_reason == "needs 2 slots, has 1, 0 free"; });
  ASSERT_TRUE(restarts.ok()) << restarts.status().ToString();
  EXPECT_EQ(restarts->state, "RESTARTING");
  ASSERT_TRUE(cluster_->StartTaskManager(0).ok());
  std::ofstream(go_file) << "go";
  const StatusOr<JobStatus> end = cluster_->AwaitEnd(*job);
  ASSERT_TRUE(end.ok()) << end.status().ToString();
  EXPECT_EQ(end->state, "FINISHED") << end->failure;
}

// One cluster for what needs no slots of its own.
class CommandMessageTest : public CommandScenarioTest {
 protected:
  void SetUp() override { Start({}); }
  // Fails with exit code 1; what it says.
  std::string Refused(const std::string& action, const std::vector<std::string>& arguments) {
    const StatusOr<CommandResult> result = cluster_->Command(action, arguments);
    if (!result.ok()) return result.status().ToString();
    EXPECT_TRUE(WIFEXITED(result->wait_status) && WEXITSTATUS(result->wait_status) == 1) << DescribeEnd(result->wait_status) << result->output;
    return result->output + result->error;
  }
  std::vector<std::string> SmallJob(std::vector<std::string> options) {
    for (const std::string& each : {JobPath("scenario_keyed_count"), std::string("--rows"), std::string("100"), std::string("--keys"), std::string("10"),
                                    std::string("--output"), cluster_->NewDirectory("out")}) {
      options.push_back(each);
    }
    return options;
  }
};

TEST_F(CommandMessageTest, SettingsThatHaveNoEffectOnAJobAreAWarningBesideCleanJson) {
  const StatusOr<CommandResult> result =
      cluster_->Command("run", SmallJob({"-o", "json", "-D", "state.checkpoints.dir=/elsewhere", "-D", "parallelism.defualt=2", "-D", "parallelism.default=1"}));
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_TRUE(result->ok()) << result->error;
  EXPECT_SAYS(result->error, "weir: configuration key has no effect on a job, key=state.checkpoints.dir at -D; the JobManager reads it");
  EXPECT_SAYS(result->error, "weir: configuration key is unknown, key=parallelism.defualt at -D, nearest=parallelism.default");
  EXPECT_EQ(result->error.find("key=parallelism.default at"), std::string::npos) << result->error;
  EXPECT_TRUE(nlohmann::json::accept(result->output)) << result->output;
}

TEST_F(CommandMessageTest, AJobManagerThatCannotBeNamedIsSaidSo) {
  const std::string address = cluster_->job_manager_address();
  const size_t colon = address.rfind(':');
  // The port comes from jobmanager.rpc.port, which all commands here are given.
  const StatusOr<CommandResult> host_alone = cluster_->Command("list", {"-m", address.substr(0, colon)});
  ASSERT_TRUE(host_alone.ok()) << host_alone.status().ToString();
  EXPECT_TRUE(host_alone->ok()) << host_alone->error;
  EXPECT_SAYS(Refused("list", {"-m", "localhost:80x"}), "got \"localhost:80x\": \"80x\" is no port from 1 to 65535");
}

TEST_F(CommandMessageTest, OptionsThatWouldDoNothingAreRefused) {
  EXPECT_SAYS(Refused("run", SmallJob({"-n"})), "--allow-non-restored-state needs a savepoint or checkpoint");
  EXPECT_SAYS(Refused("run", SmallJob({"--claim-mode", "claim"})), "--claim-mode needs a savepoint or checkpoint");
}

TEST_F(CommandMessageTest, ASnapshotThatIsNotThereFailsTheSubmission) {
  const std::string missing = cluster_->directory() + "/no-such-savepoint";
  const std::string said = Refused("run", SmallJob({"-d", "-s", missing}));
  EXPECT_SAYS(said, "cannot start from " + missing);
  EXPECT_SAYS(said, missing + "/_metadata");
  EXPECT_SAYS(said, "NOT_FOUND");
  EXPECT_EQ(said.find("has been submitted"), std::string::npos) << said;
  EXPECT_SAYS(List({"-a"}), "(FAILED)");
  // A file where a directory should be: no fault of the connection.
  const std::string file = cluster_->NewDirectory("file") + "/file";
  std::ofstream(file) << "no directory";
  const std::string not_a_directory = Refused("run", SmallJob({"-d", "-s", file}));
  EXPECT_SAYS(not_a_directory, file);
  EXPECT_EQ(not_a_directory.find("cannot reach the JobManager"), std::string::npos) << not_a_directory;
}

TEST_F(CommandMessageTest, ASnapshotThatCannotBeReadHoldsUpNothingElse) {
  // Whoever opens it waits for a writer, as on a file system that hangs.
  const std::string hung = cluster_->NewDirectory("hung");
  const std::string metadata = hung + "/_metadata";
  ASSERT_EQ(::mkfifo(metadata.c_str(), 0600), 0);
  const StatusOr<std::string> job = cluster_->Submit(SmallJob({"-D", "client.timeout=2 s", "-s", hung}));
  ASSERT_TRUE(job.ok()) << job.status().ToString();  // The answer does not wait for ever.
  EXPECT_SAYS(List(), "(INITIALIZING) reads " + hung + "\n");
  const StatusOr<CommandResult> other = cluster_->Command("run", SmallJob({}));
  ASSERT_TRUE(other.ok()) << other.status().ToString();
  EXPECT_TRUE(other->ok()) << other->error;
  const int writer = ::open(metadata.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  ::close(writer);
  const StatusOr<JobStatus> end = cluster_->AwaitEnd(*job);
  ASSERT_TRUE(end.ok()) << end.status().ToString();
  EXPECT_EQ(end->state, "FAILED");
  EXPECT_SAYS(end->failure, metadata);
}

TEST_F(CommandMessageTest, AnAttachedRunSaysThatItsJobRestartsAndWhy) {
  const StatusOr<CommandResult> run = cluster_->Command(
      "run", {JobPath("scenario_bad_job"), "--how", "throw", "--restarts", "1", "--output", cluster_->NewDirectory("bad")});
  ASSERT_TRUE(run.ok()) << run.status().ToString();
  EXPECT_FALSE(run->ok());
  const size_t restart = run->error.find("Job restarts (1 so far): ");
  ASSERT_NE(restart, std::string::npos) << run->error;
  EXPECT_NE(run->error.find("value 500 is beyond the pale", restart), std::string::npos) << run->error;
}

TEST_F(CommandMessageTest, AFailureHasAMessageAndAStack) {
  const StatusOr<CommandResult> run =
      cluster_->Command("run", {"-o", "json", JobPath("scenario_bad_job"), "--how", "throw", "--output", cluster_->NewDirectory("bad")});
  ASSERT_TRUE(run.ok()) << run.status().ToString();
  const nlohmann::json shown = nlohmann::json::parse(run->output, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(shown.is_object()) << run->output;
  const std::string message = shown.at("root-exception").at("message");
  const std::string stack = shown.at("root-exception").at("stack");
  EXPECT_SAYS(message, "value 500 is beyond the pale");
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_SAYS(stack, "DoWrong");
  // People see both.
  EXPECT_SAYS(run->error, "value 500 is beyond the pale");
  EXPECT_SAYS(run->error, "DoWrong");
  const StatusOr<CommandResult> info = cluster_->Command("info", {shown.at("id").get<std::string>()});
  ASSERT_TRUE(info.ok()) << info.status().ToString();
  EXPECT_SAYS(info->output, "last failure: ");
  EXPECT_SAYS(info->output, "DoWrong");
}

// Ends by itself with exit code 1 and says why in one line.
void ExpectRefusesToStart(const std::string& program, const std::string& folder, const std::vector<std::string>& settings, const std::string& line) {
  ProcessOptions options;
  options.command = {ProgramPath(program), "-D", "io.tmp.dirs=" + folder, "-D", "execution.checkpointing.dir=" + folder + "/checkpoints",
                     "-D", "env.log.dir=" + folder + "/log"};
  for (const std::string& setting : settings) options.command.insert(options.command.end(), {"-D", setting});
  StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  ASSERT_TRUE(process.ok()) << process.status().ToString();
  const StatusOr<int> end = (*process)->WaitForExit(kStartTimeout);
  ASSERT_TRUE(end.ok()) << end.status().ToString();
  EXPECT_TRUE(WIFEXITED(*end) && WEXITSTATUS(*end) == 1) << DescribeEnd(*end);
  EXPECT_EQ((*process)->output() + (*process)->error(), line);
}

TEST_F(CommandMessageTest, APortInUseIsOneLineWithAddressPortAndReason) {
  const std::string taken = cluster_->job_manager_address();
  const std::string port = taken.substr(taken.rfind(':') + 1);
  const std::string folder = cluster_->NewDirectory("daemon");
  const std::string reason = "cannot listen on 127.0.0.1:" + port + ": Address already in use\n";
  ExpectRefusesToStart("weir-jobmanager", folder, {"jobmanager.bind-host=127.0.0.1", "jobmanager.rpc.port=" + port, "metrics.reporter.prom.port=0"},
                       "weir-jobmanager: UNAVAILABLE: jobmanager.rpc.port: " + reason);
}

TEST_F(CommandMessageTest, AMetricsPortInUseCostsTheMetricsOnly) {
  const std::string taken = cluster_->job_manager_address();
  const std::string folder = cluster_->NewDirectory("daemon");
  ProcessOptions options;
  options.command = {ProgramPath("weir-jobmanager"), "-D", "io.tmp.dirs=" + folder, "-D", "execution.checkpointing.dir=" + folder + "/checkpoints",
                     "-D", "jobmanager.bind-host=127.0.0.1", "-D", "jobmanager.rpc.port=0", "-D",
                     "metrics.reporter.prom.port=" + taken.substr(taken.rfind(':') + 1)};
  StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  ASSERT_TRUE(process.ok()) << process.status().ToString();
  const StatusOr<std::string> line = (*process)->WaitForLine("JobManager listens on ", kStartTimeout);
  ASSERT_TRUE(line.ok()) << line.status().ToString();
  EXPECT_SAYS(*line, "metrics are not shown: no port is free");
  EXPECT_SAYS((*process)->error(), "cannot listen on " + taken + ": Address already in use");
  (*process)->Signal(SIGTERM);
  const StatusOr<int> end = (*process)->WaitForExit(kStartTimeout);
  ASSERT_TRUE(end.ok()) << end.status().ToString();
  EXPECT_TRUE(WIFEXITED(*end) && WEXITSTATUS(*end) == 0) << DescribeEnd(*end);
}

}  // namespace
}  // namespace weir::scenarios
