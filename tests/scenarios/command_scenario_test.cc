// What the command line and the daemons say to people when something is missing or wrong, on real daemons.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>

#include "tests/scenarios/cluster.h"

namespace weir::scenarios {
namespace {

#define EXPECT_SAYS(text, words) EXPECT_NE((text).find(words), std::string::npos) << "no \"" << (words) << "\" in:\n" << (text)

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
  std::unique_ptr<Cluster> cluster_;
};

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
  ExpectRefusesToStart("weir-jobmanager", folder, {"jobmanager.bind-host=127.0.0.1", "jobmanager.rpc.port=0", "metrics.reporter.prom.port=" + port},
                       "weir-jobmanager: UNAVAILABLE: metrics: no metrics port is free: " + reason);
}

}  // namespace
}  // namespace weir::scenarios
