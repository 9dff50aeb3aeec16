#include "client/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr const char* kJob = "0123456789abcdef0123456789abcdef";

CommandLine Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "weir");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

// What it says about wrong arguments; empty, and the test has failed, when they are right.
std::string Refused(const std::vector<const char*>& arguments) {
  const CommandLine line = Parse(arguments);
  EXPECT_EQ(line.exit_code, 1);
  return line.text;
}

TEST(CommandLineTest, NothingIsAskedForAndHelpIs) {
  EXPECT_THAT(Refused({}), ::testing::HasSubstr("Please specify an action."));
  for (const std::vector<const char*>& arguments : std::vector<std::vector<const char*>>{{"--help"}, {"stop", "-h"}, {"savepoint", "--help"}}) {
    const CommandLine help = Parse(arguments);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.text, ::testing::HasSubstr("weir run -s"));  // It teaches what comes next.
  }
  EXPECT_THAT(Refused({"fly"}), ::testing::HasSubstr("Use the help option"));
}

TEST(CommandLineTest, CheckTakesALibraryAndASnapshotInAnyOrder) {
  for (const std::vector<const char*>& arguments : std::vector<std::vector<const char*>>{
           {"check", "new.so", "--against", "/sp", "-o", "json", "-p", "4", "--", "--input", "--", "-x"},
           {"check", "-o", "json", "-p4", "--against=/sp", "new.so", "--", "--input", "--", "-x"}}) {
    const CommandLine line = Parse(arguments);
    ASSERT_FALSE(line.exit_code.has_value()) << line.text;
    EXPECT_EQ(line.action, CommandAction::kCheck);
    EXPECT_EQ(line.run.library, "new.so");
    EXPECT_EQ(line.run.from_savepoint, "/sp");
    EXPECT_EQ(line.run.parallelism, 4u);
    EXPECT_EQ(line.output, OutputFormat::kJson);
    EXPECT_THAT(line.run.arguments, ::testing::ElementsAre("--input", "--", "-x"));
  }
  EXPECT_TRUE(Parse({"check", "-n", "new.so", "--against", "/sp"}).run.allow_non_restored_state);
  EXPECT_THAT(Refused({"check", "--against", "/sp"}), ::testing::HasSubstr("library"));
  EXPECT_THAT(Refused({"check", "new.so", "--input", "/data"}), ::testing::HasSubstr("--input"));
}

TEST(CommandLineTest, StateShowsGetsAndExports) {
  const CommandLine list = Parse({"state", "ls", "/sp", "--key-groups", "-o", "json"});
  ASSERT_FALSE(list.exit_code.has_value()) << list.text;
  EXPECT_EQ(list.action, CommandAction::kState);
  EXPECT_EQ(list.state_action, StateAction::kList);
  EXPECT_EQ(list.state.snapshot, "/sp");
  EXPECT_TRUE(list.state.by_key_group);
  EXPECT_EQ(list.output, OutputFormat::kJson);
  const CommandLine get = Parse({"state", "get", "/sp", "counts", "total", "alice"});
  ASSERT_FALSE(get.exit_code.has_value()) << get.text;
  EXPECT_EQ(get.state_action, StateAction::kGet);
  EXPECT_EQ(get.state.operator_name, "counts");
  EXPECT_EQ(get.state.state, "total");
  EXPECT_EQ(get.state.key, "alice");
  EXPECT_EQ(Parse({"state", "get", "/sp", "counts", "total", "-7"}).state.key, "-7");
  const CommandLine whole = Parse({"state", "export", "/sp", "--operator", "counts", "--state", "total", "--key-group", "3"});
  ASSERT_FALSE(whole.exit_code.has_value()) << whole.text;
  EXPECT_EQ(whole.state_action, StateAction::kExport);
  EXPECT_EQ(whole.state.operator_name, "counts");
  EXPECT_EQ(whole.state.state, "total");
  EXPECT_EQ(whole.state.key_group, 3u);
  EXPECT_THAT(Refused({"state"}), ::testing::HasSubstr("subcommand"));
  EXPECT_THAT(Refused({"state", "ls"}), ::testing::HasSubstr("snapshot"));
  EXPECT_THAT(Refused({"state", "get", "/sp", "counts"}), ::testing::HasSubstr("state"));
  EXPECT_THAT(Refused({"state", "export", "/sp", "--key-group", "x"}), ::testing::HasSubstr("key-group"));
}

TEST(CommandLineTest, SavepointTakesAJobAndPerhapsADirectory) {
  const CommandLine bare = Parse({"savepoint", kJob});
  ASSERT_FALSE(bare.exit_code.has_value()) << bare.text;
  EXPECT_EQ(bare.action, CommandAction::kSavepoint);
  EXPECT_EQ(bare.job_id, kJob);
  EXPECT_EQ(bare.savepoint.directory, "");
  EXPECT_FALSE(bare.savepoint.native || bare.savepoint.detached);
  const CommandLine full = Parse({"savepoint", "--type", "NATIVE", "-detached", kJob, "/data", "-o", "json", "-D", "client.timeout=5 s"});
  ASSERT_FALSE(full.exit_code.has_value()) << full.text;
  EXPECT_EQ(full.savepoint.directory, "/data");
  EXPECT_TRUE(full.savepoint.native && full.savepoint.detached);
  EXPECT_EQ(full.output, OutputFormat::kJson);
  EXPECT_THAT(full.properties, ::testing::ElementsAre("client.timeout=5 s"));
  EXPECT_THAT(Refused({"savepoint"}), ::testing::HasSubstr("Missing JobID"));
  EXPECT_THAT(Refused({"savepoint", "not-a-job"}), ::testing::HasSubstr("\"not-a-job\" is no job id"));
  EXPECT_THAT(Refused({"savepoint", "--type", "fast", kJob}), ::testing::HasSubstr("fast"));
}

TEST(CommandLineTest, DisposeTakesAPathAndNoJob) {
  for (const char* flag : {"-d", "--dispose"}) {
    const CommandLine line = Parse({"savepoint", flag, "/data/savepoint-1"});
    ASSERT_FALSE(line.exit_code.has_value()) << line.text;
    EXPECT_EQ(line.dispose_path, "/data/savepoint-1");
  }
  EXPECT_THAT(Refused({"savepoint", "-d", "/data/savepoint-1", kJob}), ::testing::HasSubstr("no job"));
}

TEST(CommandLineTest, StopTakesItsDirectoryBeforeTheJob) {
  for (const char* flag : {"-p", "--savepoint-path", "--savepointPath"}) {
    const CommandLine line = Parse({"stop", flag, "/data", "-d", kJob});
    ASSERT_FALSE(line.exit_code.has_value()) << line.text;
    EXPECT_EQ(line.action, CommandAction::kStop);
    EXPECT_EQ(line.savepoint.directory, "/data");
    EXPECT_TRUE(line.savepoint.drain);
    EXPECT_EQ(line.job_id, kJob);
  }
  const CommandLine bare = Parse({"stop", kJob});
  EXPECT_EQ(bare.job_id, kJob);
  EXPECT_FALSE(bare.savepoint.drain);
  EXPECT_THAT(Refused({"stop"}), ::testing::HasSubstr("Missing JobID"));
}

// As Flink reads it: where no argument is left for the job, the option's value is the job.
TEST(CommandLineTest, TheValueOfAnOptionalDirectoryMayBeTheJob) {
  const CommandLine stop = Parse({"stop", "-p", kJob});
  ASSERT_FALSE(stop.exit_code.has_value()) << stop.text;
  EXPECT_EQ(stop.job_id, kJob);
  EXPECT_EQ(stop.savepoint.directory, "");
  const CommandLine cancel = Parse({"cancel", "-s", kJob});
  ASSERT_FALSE(cancel.exit_code.has_value()) << cancel.text;
  EXPECT_TRUE(cancel.with_savepoint);
  EXPECT_EQ(cancel.job_id, kJob);
  EXPECT_EQ(cancel.savepoint.directory, "");
}

TEST(CommandLineTest, CancelTakesASavepointOnlyWhenAsked) {
  EXPECT_FALSE(Parse({"cancel", kJob}).with_savepoint);
  const CommandLine line = Parse({"cancel", "-s", "/data", "--type", "native", kJob});
  ASSERT_FALSE(line.exit_code.has_value()) << line.text;
  EXPECT_TRUE(line.with_savepoint && line.savepoint.native);
  EXPECT_EQ(line.savepoint.directory, "/data");
  EXPECT_THAT(Refused({"cancel", "--type", "native", kJob}), ::testing::HasSubstr("--with-savepoint"));
}

TEST(CommandLineTest, RunKnowsWhereToStartFromAndWhoseThatIs) {
  const CommandLine line = Parse({"run", "-s", "/sp", "-n", "-p", "3", "-cm", "CLAIM", "job.so", "-s", "of the job", "-detached"});
  ASSERT_FALSE(line.exit_code.has_value()) << line.text;
  EXPECT_EQ(line.run.from_savepoint, "/sp");
  EXPECT_TRUE(line.run.allow_non_restored_state);
  EXPECT_EQ(line.run.parallelism, 3u);
  EXPECT_EQ(line.run.claim, true);
  EXPECT_EQ(line.run.library, "job.so");
  EXPECT_THAT(line.run.arguments, ::testing::ElementsAre("-s", "of the job", "-detached"));
  EXPECT_FALSE(line.run.detached);
  EXPECT_EQ(Parse({"run", "--claim-mode", "no_claim", "job.so"}).run.claim, false);
  EXPECT_FALSE(Parse({"run", "job.so"}).run.claim.has_value());
  EXPECT_THAT(Refused({"run", "--claim-mode", "legacy", "job.so"}), ::testing::HasSubstr("legacy"));
  EXPECT_THAT(Refused({"run", "-d", "--local", "job.so"}), ::testing::HasSubstr("exclude each other"));
}

TEST(CommandLineTest, ListAndInfoReadAsBefore) {
  const CommandLine list = Parse({"list", "-r", "-a"});
  EXPECT_EQ(list.action, CommandAction::kList);
  EXPECT_TRUE(list.list.running && list.list.all && !list.list.scheduled);
  const CommandLine info = Parse({"info", "-p", "2", "job.so", "--rows", "5"});
  EXPECT_EQ(info.action, CommandAction::kInfo);
  EXPECT_EQ(info.target, "job.so");
  EXPECT_THAT(info.run.arguments, ::testing::ElementsAre("--rows", "5"));
  EXPECT_EQ(info.run.parallelism, 2u);
  EXPECT_THAT(Refused({"info", "-p", "2", kJob}), ::testing::HasSubstr("--parallelism"));
  EXPECT_THAT(Refused({"info", kJob, "-p", "2"}), ::testing::HasSubstr("--parallelism"));
  const CommandLine job = Parse({"info", kJob, "-o", "json"});
  EXPECT_EQ(job.target, kJob);
  EXPECT_EQ(job.output, OutputFormat::kJson);
}

}  // namespace
}  // namespace weir
