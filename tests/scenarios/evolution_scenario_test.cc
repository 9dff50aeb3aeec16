// The state of a job that changes: checked, looked into and restored from the command line, on real daemons.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/scenarios/cluster.h"

namespace weir::scenarios {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr int64_t kRows = 1'000;  // A hundred for each of ten keys; the last one, of key 9, waits for Go.

struct Ended {
  int exit_code = -1;
  std::string output;
  std::string error;
};

// `weir ...`, without a cluster.
Ended Weir(const std::vector<std::string>& arguments) {
  ProcessOptions options;
  options.command = {ProgramPath("weir")};
  options.command.insert(options.command.end(), arguments.begin(), arguments.end());
  StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  if (!process.ok()) return {-1, "", process.status().ToString()};
  const StatusOr<int> end = (*process)->WaitForExit(kJobTimeout);
  if (!end.ok()) return {-1, "", end.status().ToString()};
  return {WIFEXITED(*end) ? WEXITSTATUS(*end) : -1, (*process)->output(), (*process)->error()};
}

std::vector<json> Lines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

class EvolutionScenarioTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ClusterOptions options;
    options.slots = 2;
    options.properties = {{"execution.checkpointing.data-inline-threshold", "0"}};  // All state in files.
    StatusOr<std::unique_ptr<Cluster>> started = Cluster::Start(options);
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    cluster_ = std::move(*started);
    go_file_ = cluster_->NewDirectory("go") + "/go";
    TakeSnapshots();
  }
  static void TearDownTestSuite() {
    if (cluster_ == nullptr) return;
    const Status stopped = cluster_->Stop();
    EXPECT_TRUE(stopped.ok()) << stopped.ToString();
    cluster_.reset();
  }

  static std::vector<std::string> JobArguments(const std::string& output) {
    return {"--rows", std::to_string(kRows), "--rows-per-second", "100000", "--go-file", go_file_, "--output", output};
  }
  static std::vector<std::string> RunArguments(const std::string& job, const std::string& output, const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"-p", "2"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.push_back(JobPath(job));
    for (const std::string& argument : JobArguments(output)) arguments.push_back(argument);
    return arguments;
  }

  static std::string Savepoint(const std::string& id, const std::string& type) {
    const StatusOr<CommandResult> result = cluster_->Command("savepoint", {"-o", "json", "--type", type, id, cluster_->NewDirectory("savepoints")});
    EXPECT_TRUE(result.ok() && result->ok()) << (result.ok() ? result->error : result.status().ToString());
    return result.ok() && result->ok() ? json::parse(result->output).value("location", "") : "";
  }

  // A canonical and a native savepoint and a retained checkpoint of version 1, all with every row but the one that waits.
  static void TakeSnapshots() {
    const StatusOr<std::string> id = cluster_->Submit(RunArguments("scenario_visits_1", cluster_->NewDirectory("out"), {}));
    ASSERT_TRUE(id.ok()) << id.status().ToString();
    ASSERT_TRUE(cluster_->AwaitJob(*id, [](const JobStatus& status) { return status.running() && status.checkpoints_completed > 0; }).ok());
    const auto has_all = [](const std::string& snapshot) {
      const Ended last = Weir({"state", "get", snapshot, "visits", "numbers", "key-9"});
      return last.exit_code == 0 && json::parse(last.output).at("value").size() == kRows / 10 - 1;
    };
    ASSERT_TRUE(Eventually(kJobTimeout, [&] { return has_all(canonical_ = Savepoint(*id, "canonical")); }));
    native_ = Savepoint(*id, "native");
    const StatusOr<JobStatus> before = cluster_->Info(*id);
    ASSERT_TRUE(before.ok());
    const auto later = cluster_->AwaitJob(*id, [&](const JobStatus& status) { return status.checkpoint_latest_id > before->checkpoint_latest_id; });
    ASSERT_TRUE(later.ok());
    ASSERT_TRUE(cluster_->Cancel(*id).ok());
    const StatusOr<JobStatus> end = cluster_->AwaitEnd(*id);
    ASSERT_TRUE(end.ok());
    checkpoint_ = end->checkpoint_latest_path;
  }

  static std::unique_ptr<Cluster> cluster_;
  static std::string go_file_;
  static std::string canonical_;
  static std::string native_;
  static std::string checkpoint_;
};

std::unique_ptr<Cluster> EvolutionScenarioTest::cluster_;
std::string EvolutionScenarioTest::go_file_;
std::string EvolutionScenarioTest::canonical_;
std::string EvolutionScenarioTest::native_;
std::string EvolutionScenarioTest::checkpoint_;

TEST_F(EvolutionScenarioTest, LsShowsEveryStateOfEverySnapshot) {
  for (const std::string& snapshot : {canonical_, native_, checkpoint_}) {
    const Ended list = Weir({"state", "ls", snapshot, "-o", "json"});
    ASSERT_EQ(list.exit_code, 0) << list.error;
    std::map<std::string, json> states;
    const json shown = json::parse(list.output);
    for (const json& op : shown.at("operators")) {
      for (const json& state : op.at("states")) states[op.at("operator").get<std::string>() + "/" + state.at("state").get<std::string>()] = state;
    }
    const auto expect = [&](const std::string& name, const std::string& kind, const std::string& schema, int64_t entries) {
      ASSERT_TRUE(states.contains(name)) << name << " in " << list.output;
      EXPECT_EQ(states[name].at("kind"), kind) << name;
      EXPECT_EQ(states[name].at("schema"), schema) << name;
      EXPECT_EQ(states[name].at("keys"), 10) << name;
      EXPECT_EQ(states[name].at("entries"), entries) << name;
    };
    expect("visits/last", "value", "{place:string,count:i32}", 10);
    expect("visits/numbers", "list", "list<i32>", kRows - 1);
    expect("visits/places", "map", "map<string,i32>", 30);
    expect("visits/largest", "reducing", "i32", 10);
    expect("visits/mean", "aggregating", "{count:i32,sum:i64}", 10);
    expect("visits/seen", "value", "i32", 10);
    EXPECT_EQ(states["visits/seen"].at("ttl"), true);
    EXPECT_TRUE(states.contains("numbers/splits")) << list.output;
  }
  const Ended text = Weir({"state", "ls", canonical_, "--key-groups"});
  EXPECT_EQ(text.exit_code, 0) << text.error;
  EXPECT_THAT(text.output, HasSubstr("canonical savepoint of job "));
  EXPECT_THAT(text.output, HasSubstr("  key group "));
}

TEST_F(EvolutionScenarioTest, GetShowsTheStateOfOneKey) {
  for (const std::string& snapshot : {canonical_, native_, checkpoint_}) {
    const auto get = [&](const std::string& state) {
      const Ended shown = Weir({"state", "get", snapshot, "visits", state, "key-3"});
      EXPECT_EQ(shown.exit_code, 0) << shown.error;
      return shown.exit_code == 0 ? json::parse(shown.output) : json();
    };
    EXPECT_EQ(get("last").at("value"), json::parse(R"({"place":"place-993","count":993})"));
    EXPECT_EQ(get("numbers").at("value").size(), 100u);
    EXPECT_EQ(get("places").at("entries").size(), 3u);
    EXPECT_EQ(get("largest").at("value"), 993);
    EXPECT_EQ(get("mean").at("value"), json::parse(R"({"count":100,"sum":49800})"));
    EXPECT_GT(get("seen").at("last_access").get<int64_t>(), 1'700'000'000'000);
  }
  const Ended absent = Weir({"state", "get", canonical_, "visits", "last", "key-77"});
  EXPECT_EQ(absent.exit_code, 1);
  EXPECT_THAT(absent.error, HasSubstr("the key has no state \"last\", key=key-77"));
  EXPECT_THAT(Weir({"state", "get", canonical_, "nobody", "last", "key-7"}).error, HasSubstr("has no operator \"nobody\"; it has: "));
  EXPECT_THAT(Weir({"state", "get", canonical_, "visits", "nothing", "key-7"}).error, HasSubstr("has no keyed state \"nothing\""));
}

TEST_F(EvolutionScenarioTest, ExportsOfAllFormatsHoldTheSame) {
  const auto numbers = [](const std::string& snapshot) {
    std::vector<int64_t> all;
    const Ended shown = Weir({"state", "export", snapshot, "--operator", "visits", "--state", "numbers"});
    EXPECT_EQ(shown.exit_code, 0) << shown.error;
    for (const json& line : Lines(shown.output)) {
      for (const json& number : line.at("value")) all.push_back(number.get<int64_t>());
    }
    std::sort(all.begin(), all.end());
    return all;
  };
  std::vector<int64_t> expected;
  for (int64_t value = 0; value < kRows - 1; ++value) expected.push_back(value);
  for (const std::string& snapshot : {canonical_, native_, checkpoint_}) EXPECT_EQ(numbers(snapshot), expected);

  std::map<std::string, int> lines;
  std::map<int64_t, int> by_group;
  for (const json& line : Lines(Weir({"state", "export", canonical_}).output)) {
    ++lines[line.at("operator").get<std::string>() + "/" + line.at("state").get<std::string>()];
    if (line.contains("key_group")) ++by_group[line.at("key_group").get<int64_t>()];
  }
  EXPECT_EQ(lines["visits/last"], 10);
  EXPECT_EQ(lines["visits/places"], 30);
  EXPECT_GT(lines["numbers/splits"], 0);
  ASSERT_FALSE(by_group.empty());
  const auto& [group, count] = *by_group.begin();
  EXPECT_EQ(Lines(Weir({"state", "export", canonical_, "--key-group", std::to_string(group)}).output).size(), static_cast<size_t>(count));
}

TEST_F(EvolutionScenarioTest, CheckSaysWhatBecomesOfEachState) {
  const auto check = [](const std::string& job, const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"check", JobPath(job), "--against", canonical_, "-p", "2", "-o", "json"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.push_back("--");
    for (const std::string& argument : JobArguments("/nowhere")) arguments.push_back(argument);
    return Weir(arguments);
  };
  const auto verdicts = [](const Ended& result) {
    std::map<std::string, std::string> by_state;
    const json shown = json::parse(result.output);
    for (const json& state : shown.at("states")) {
      by_state[state.at("state").is_null() ? "(key)" : state.at("state").get<std::string>()] = state.at("verdict").get<std::string>();
    }
    return by_state;
  };
  using Verdicts = std::map<std::string, std::string>;

  const Ended same = check("scenario_visits_1", {});
  ASSERT_EQ(same.exit_code, 0) << same.error << same.output;
  EXPECT_EQ(verdicts(same), (Verdicts{{"(key)", "as is"}, {"last", "as is"}, {"numbers", "as is"}, {"places", "as is"}, {"largest", "as is"}, {"mean", "as is"}, {"seen", "as is"}}));

  const Ended changed = check("scenario_visits_2", {});
  ASSERT_EQ(changed.exit_code, 0) << changed.error << changed.output;
  const std::string migrated = "after migration";
  EXPECT_EQ(verdicts(changed), (Verdicts{{"(key)", "as is"}, {"last", migrated}, {"numbers", migrated}, {"places", migrated}, {"highest", migrated}, {"mean", migrated}, {"seen", migrated}}));
  EXPECT_THAT(changed.output, HasSubstr("was called \\\"largest\\\"; the value grows from i32 to i64"));

  const Ended wrong = check("scenario_visits_3", {});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_EQ(verdicts(wrong)["last"], "incompatible");
  EXPECT_EQ(verdicts(wrong)["numbers"], "dropped");
  EXPECT_THAT(json::parse(wrong.output).at("reason"), HasSubstr("state \"last\" of operator \"KeyedProcess\" does not fit the checkpoint: field \"count\" was i32, now it is i16"));
}

TEST_F(EvolutionScenarioTest, WhatCheckRefusesDoesNotStart) {
  const StatusOr<CommandResult> run = cluster_->Command("run", RunArguments("scenario_visits_3", cluster_->NewDirectory("out"), {"-s", canonical_}));
  ASSERT_TRUE(run.ok()) << run.status().ToString();
  EXPECT_FALSE(run->ok());
  EXPECT_THAT(run->error, HasSubstr("state \"last\" of operator \"KeyedProcess\" does not fit the checkpoint: field \"count\" was i32, now it is i16"));
}

TEST_F(EvolutionScenarioTest, AChangedJobGoesOnWithAllItHad) {
  std::ofstream(go_file_) << "go";
  for (const std::string& snapshot : {canonical_, native_, checkpoint_}) {
    const std::string output = cluster_->NewDirectory("out");
    const StatusOr<CommandResult> run = cluster_->Command("run", RunArguments("scenario_visits_2", output, {"-s", snapshot}));
    ASSERT_TRUE(run.ok()) << run.status().ToString();
    ASSERT_TRUE(run->ok()) << run->error;
    std::vector<std::string> lines = CommittedLines(output);
    ASSERT_EQ(lines.size(), 10u);
    EXPECT_EQ(lines[3], "(key-3 place-993/993/none 49800 2949 993 498 993)");
    for (const std::string& line : lines) EXPECT_THAT(line, HasSubstr("/none "));
  }
}

}  // namespace
}  // namespace weir::scenarios
