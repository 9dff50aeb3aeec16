// Savepoints from the command line, on real daemons: taken, moved, restored with any parallelism, stopped and drained with,
// damaged, disposed of, and disturbed by kill -9.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "tests/scenarios/cluster.h"
#include "tests/scenarios/scenario.h"

namespace weir::scenarios {
namespace {

constexpr int64_t kRows = 20'000;
constexpr int64_t kKeys = 100;

std::set<std::string> FilesBelow(const std::string& directory) {
  std::set<std::string> files;
  std::error_code error;  // Some may go meanwhile.
  for (std::filesystem::recursive_directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) files.insert(entry->path().string());
  }
  return files;
}

bool HasMetadata(const std::string& directory) {
  const std::set<std::string> files = FilesBelow(directory);
  return std::any_of(files.begin(), files.end(), [](const std::string& file) { return file.ends_with("/_metadata"); });
}

// "(key,number,value)" rows of kRows values.
std::string EveryRowOnce(const std::string& output) {
  std::vector<int64_t> values;
  for (int64_t value = 0; value < kRows; ++value) values.push_back(value);
  return NumberedDifference(CommittedLines(output), values);
}

// "(key,count)" of kKeys keys that share `rows` evenly.
std::vector<std::string> Counts(int64_t rows) {
  std::vector<std::string> lines;
  for (int64_t key = 0; key < kKeys; ++key) lines.push_back("(" + std::to_string(key) + "," + std::to_string(rows / kKeys) + ")");
  std::sort(lines.begin(), lines.end());
  return lines;
}

class SavepointScenarioTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ClusterOptions options;
    options.task_managers = 2;
    options.slots = 4;
    options.properties = {{"task.cancellation.timeout", "2 s"},
                          {"heartbeat.interval", "200 ms"},
                          {"heartbeat.timeout", "2 s"},
                          {"execution.checkpointing.data-inline-threshold", "0"}};  // All state in files.
    StatusOr<std::unique_ptr<Cluster>> started = Cluster::Start(options);
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    cluster_ = std::move(*started);
  }
  static void TearDownTestSuite() {
    if (cluster_ == nullptr) return;
    const Status stopped = cluster_->Stop();
    EXPECT_TRUE(stopped.ok()) << stopped.ToString();
    cluster_.reset();
  }
  void SetUp() override {
    ASSERT_NE(cluster_, nullptr);
    directory_ = cluster_->NewDirectory("savepoints");
    output_ = cluster_->NewDirectory("out");
    go_file_ = cluster_->NewDirectory("go") + "/go";
  }
  void TearDown() override {
    const Status idle = cluster_->CheckIdle();
    EXPECT_TRUE(idle.ok()) << idle.ToString();
  }

  // Takes about a second and then waits for Go, so that it is never over too soon.
  std::vector<std::string> Arguments(const std::string& job, uint32_t parallelism, const std::string& output,
                                     const std::vector<std::string>& options = {}) const {
    std::vector<std::string> arguments = {"-p", std::to_string(parallelism)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    for (const std::string& each : {JobPath(job), std::string("--rows"), std::to_string(kRows), std::string("--rows-per-second"), std::to_string(kRows),
                                    std::string("--keys"), std::to_string(kKeys), std::string("--go-file"), go_file_, std::string("--output"), output}) {
      arguments.push_back(each);
    }
    return arguments;
  }
  void Go() const { std::ofstream(go_file_) << "go"; }

  // The id of a job that runs and has completed a checkpoint; empty, and the test has failed, otherwise.
  std::string Start(const std::string& job, uint32_t parallelism, const std::vector<std::string>& options = {}) {
    const StatusOr<std::string> id = cluster_->Submit(Arguments(job, parallelism, output_, options));
    EXPECT_TRUE(id.ok()) << id.status().ToString();
    if (!id.ok()) return "";
    const auto running = cluster_->AwaitJob(*id, [](const JobStatus& status) { return status.running() && status.checkpoints_completed > 0; });
    EXPECT_TRUE(running.ok()) << running.status().ToString();
    return running.ok() ? *id : "";
  }
  static void ExpectEnd(const std::string& id, const std::string& state) {
    const StatusOr<JobStatus> end = cluster_->AwaitEnd(id);
    ASSERT_TRUE(end.ok()) << end.status().ToString();
    EXPECT_EQ(end->state, state) << end->failure;
  }
  // Runs to the end, all of it.
  void ExpectFinishes(const std::string& job, uint32_t parallelism, const std::string& output, const std::vector<std::string>& options) {
    Go();
    const StatusOr<CommandResult> run = cluster_->Command("run", Arguments(job, parallelism, output, options));
    ASSERT_TRUE(run.ok()) << run.status().ToString();
    EXPECT_TRUE(run->ok()) << run->error;
  }
  static void KillAWorker() {
    const std::vector<pid_t> workers = cluster_->Workers();
    // One that has ended by itself is as good.
    if (!workers.empty()) static_cast<void>(KillAndAwait(workers.front(), std::chrono::seconds(5)).ok());
  }
  // The path that the command's output ends with; empty, and the test has failed, when it fails.
  std::string Take(const std::string& action, const std::vector<std::string>& arguments) {
    const StatusOr<CommandResult> result = cluster_->Command(action, arguments);
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    if (!result.ok()) return "";
    EXPECT_TRUE(result->ok()) << result->error;
    return PathIn(result->output);
  }
  static std::string PathIn(const std::string& output) {
    constexpr std::string_view kFixed = "Savepoint completed. Path: ";
    const size_t at = output.find(kFixed);
    if (at == std::string::npos) return "";
    return output.substr(at + kFixed.size(), output.find('\n', at) - at - kFixed.size());
  }
  // Fails with exit code 1; what it says.
  static std::string Refused(const std::string& action, const std::vector<std::string>& arguments) {
    const StatusOr<CommandResult> result = cluster_->Command(action, arguments);
    if (!result.ok()) return result.status().ToString();
    EXPECT_FALSE(result->ok()) << result->output;
    return result->output + result->error;
  }

  static std::unique_ptr<Cluster> cluster_;
  std::string directory_;
  std::string output_;
  std::string go_file_;
};

std::unique_ptr<Cluster> SavepointScenarioTest::cluster_;

#define EXPECT_SAYS(text, words) EXPECT_NE((text).find(words), std::string::npos) << "no \"" << (words) << "\" in:\n" << (text)

class SavepointFormatScenarioTest : public SavepointScenarioTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(SavepointFormatScenarioTest, MovedAndRestoredWithAnyParallelismGivesTheResultsOfAnUndisturbedRun) {
  const std::string id = Start("scenario_keyed_count", 2);
  const std::string path = Take("savepoint", {"--type", GetParam(), id, directory_});
  ASSERT_EQ(path.find(directory_ + "/savepoint-" + id.substr(0, 6) + "-"), 0u) << path;
  const std::string moved = cluster_->NewDirectory("moved") + "/under another name";
  std::filesystem::rename(path, moved);
  const std::set<std::string> files = FilesBelow(moved);
  EXPECT_GE(files.size(), 3u);
  for (const uint32_t parallelism : {1u, 2u, 3u}) {
    const std::string output = cluster_->NewDirectory("restored");
    ExpectFinishes("scenario_keyed_count", parallelism, output, {"-s", moved});
    EXPECT_EQ(CommittedLines(output), Counts(kRows)) << parallelism;
  }
  EXPECT_EQ(FilesBelow(moved), files);  // Nobody's: no job deletes anything of it.
  ExpectEnd(id, "FINISHED");            // Its own end, since Go.
  EXPECT_EQ(CommittedLines(output_), Counts(kRows));
}

INSTANTIATE_TEST_SUITE_P(Formats, SavepointFormatScenarioTest, ::testing::Values("canonical", "native"));

// Keyed states of each kind, timers, union, even-split and broadcast state.
TEST_F(SavepointScenarioTest, EveryKindOfStateSurvivesAnyParallelismAndKills) {
  const std::string undisturbed = cluster_->NewDirectory("undisturbed");
  const std::string id = Start("scenario_every_state", 3);
  const std::string path = Take("savepoint", {id, directory_});
  ASSERT_NE(path, "");
  // Once more, with a worker killed meanwhile: taken or failed, the job goes on.
  const std::string target = cluster_->NewDirectory("target");
  StatusOr<std::unique_ptr<Process>> command = cluster_->StartCommand("savepoint", {id, target});
  ASSERT_TRUE(command.ok()) << command.status().ToString();
  Eventually(std::chrono::seconds(5), [&] { return !std::filesystem::is_empty(target); });
  KillAWorker();
  ASSERT_TRUE((*command)->WaitForExit(kJobTimeout).ok());
  ExpectFinishes("scenario_every_state", 2, undisturbed, {});  // Says Go to the others, too.
  const std::vector<std::string> expected = CommittedLines(undisturbed);
  EXPECT_EQ(expected.size(), static_cast<size_t>(2 * kKeys));
  ExpectEnd(id, "FINISHED");
  EXPECT_EQ(CommittedLines(output_), expected);
  for (const uint32_t parallelism : {1u, 2u, 5u, 8u}) {
    const std::string output = cluster_->NewDirectory("restored");
    const StatusOr<std::string> restored = cluster_->Submit(Arguments("scenario_every_state", parallelism, output, {"-s", path}));
    ASSERT_TRUE(restored.ok()) << restored.status().ToString();
    // While it restores, or soon behind.
    ASSERT_TRUE(Eventually(std::chrono::seconds(10), [&] { return !cluster_->Workers().empty(); }));
    KillAWorker();
    ExpectEnd(*restored, "FINISHED");
    EXPECT_EQ(CommittedLines(output), expected) << "parallelism " << parallelism;
  }
}

TEST_F(SavepointScenarioTest, StoppedAndResumedAgainAndAgainEmitsEveryRowOnce) {
  std::vector<std::string> from;
  for (const uint32_t parallelism : {2u, 3u, 1u}) {
    const std::string id = Start("scenario_running_count", parallelism, from);
    const std::string path = Take("stop", {"-p", directory_, id});
    ASSERT_NE(path, "");
    ExpectEnd(id, "FINISHED");
    from = {"-s", path};
  }
  ExpectFinishes("scenario_running_count", 2, output_, from);
  EXPECT_EQ(EveryRowOnce(output_), "");
}

TEST_F(SavepointScenarioTest, DrainedEmitsItsFinalResultsAndCanBeResumed) {
  const std::string counts = Start("scenario_keyed_count", 2);
  ASSERT_NE(Take("stop", {"--drain", "-p", directory_, counts}), "");
  ExpectEnd(counts, "FINISHED");
  EXPECT_EQ(CommittedLines(output_).size(), static_cast<size_t>(kKeys));  // Finish was called for each key.

  output_ = cluster_->NewDirectory("out");
  const std::string id = Start("scenario_running_count", 3);
  const std::string path = Take("stop", {"-d", "-p", directory_, id});
  ASSERT_NE(path, "");
  ExpectEnd(id, "FINISHED");
  ExpectFinishes("scenario_running_count", 2, output_, {"-s", path});
  EXPECT_EQ(EveryRowOnce(output_), "");
}

TEST_F(SavepointScenarioTest, CancelledWithASavepointEndsAsCancelled) {
  const std::string id = Start("scenario_running_count", 2);
  const StatusOr<CommandResult> result = cluster_->Command("cancel", {"-s", directory_, id});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  ASSERT_TRUE(result->ok()) << result->error;
  EXPECT_SAYS(result->output, "Cancelled job " + id + ". Savepoint stored in " + directory_ + "/savepoint-");
  ExpectEnd(id, "CANCELED");
  const size_t at = result->output.find(directory_ + "/savepoint-");
  const std::string path = result->output.substr(at, result->output.rfind('.') - at);
  ExpectFinishes("scenario_running_count", 3, output_, {"--from-savepoint", path + "/_metadata"});
  EXPECT_EQ(EveryRowOnce(output_), "");
}

TEST_F(SavepointScenarioTest, TheDefaultDirectoryIsTheCallersOrTheJobs) {
  const std::string id = Start("scenario_running_count", 2, {"-D", "state.savepoints.dir=" + directory_});
  const StatusOr<CommandResult> result = cluster_->Command("savepoint", {id, "-o", "json"});
  ASSERT_TRUE(result.ok() && result->ok()) << (result.ok() ? result->error : result.status().ToString());
  EXPECT_SAYS(result->output, "\"status\":\"COMPLETED\"");
  EXPECT_SAYS(result->output, "\"location\":\"" + directory_ + "/savepoint-");
  const std::string other = cluster_->NewDirectory("other");
  const std::string path = Take("stop", {"-D", "execution.checkpointing.savepoint-dir=" + other, id});
  EXPECT_EQ(path.find(other + "/savepoint-"), 0u) << path;
  ExpectEnd(id, "FINISHED");
  // Where to start from may be configured, too, also in the words of older releases.
  ExpectFinishes("scenario_running_count", 3, output_, {"-D", "execution.savepoint.path=" + path, "-D", "execution.savepoint-restore-mode=CLAIM"});
  EXPECT_TRUE(Eventually(std::chrono::seconds(10), [&] { return !std::filesystem::exists(path); }));
  EXPECT_EQ(EveryRowOnce(output_), "");
}

TEST_F(SavepointScenarioTest, DisposedIsGoneAndCheckpointsAreNotSavepoints) {
  const std::string id = Start("scenario_keyed_count", 2);
  const std::string path = Take("savepoint", {id, directory_});
  const StatusOr<CommandResult> result = cluster_->Command("savepoint", {"-d", path});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_TRUE(result->ok()) << result->error;
  EXPECT_SAYS(result->output, "Savepoint '" + path + "' disposed.");
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_SAYS(Refused("savepoint", {"--dispose", path}), "Failed to dispose the savepoint '" + path + "'.");
  const StatusOr<JobStatus> status = cluster_->Info(id);
  ASSERT_TRUE(status.ok()) << status.status().ToString();
  EXPECT_SAYS(Refused("savepoint", {"-d", status->checkpoint_latest_path}), "Failed to dispose");
  Go();
  ExpectEnd(id, "FINISHED");
}

TEST_F(SavepointScenarioTest, StateOfAnOperatorThatTheJobLacksIsRefusedUnlessAllowed) {
  const std::string id = Start("scenario_keyed_count", 2);
  const std::string path = Take("stop", {"-p", directory_, id});
  Go();
  const std::string output = cluster_->NewDirectory("other");
  const std::string said = Refused("run", Arguments("scenario_running_count", 2, output, {"-s", path}));
  EXPECT_SAYS(said, "uid=count");
  ExpectFinishes("scenario_running_count", 2, output, {"-s", path, "-n"});
  EXPECT_GT(CommittedLines(output).size(), 0u);  // What the source had not read yet.
}

TEST_F(SavepointScenarioTest, JobManagerStorageKeepsStateInTheMetadataUpToItsLimit) {
  const std::string id = Start("scenario_every_state", 2, {"-D", "state.checkpoint-storage=jobmanager"});
  const StatusOr<JobStatus> status = cluster_->Info(id);
  ASSERT_TRUE(status.ok()) << status.status().ToString();
  const std::set<std::string> files = FilesBelow(status->checkpoint_latest_path);
  EXPECT_TRUE(std::all_of(files.begin(), files.end(), [](const std::string& file) { return file.ends_with("/_metadata"); })) << files.size();
  const std::string path = Take("savepoint", {id, directory_});
  KillAWorker();
  Go();
  ExpectEnd(id, "FINISHED");
  const std::vector<std::string> expected = CommittedLines(output_);
  EXPECT_EQ(expected.size(), static_cast<size_t>(2 * kKeys));
  // A savepoint is a directory with all of it, as ever.
  const std::string output = cluster_->NewDirectory("restored");
  ExpectFinishes("scenario_every_state", 3, output, {"-s", path});
  EXPECT_EQ(CommittedLines(output), expected);

  std::filesystem::remove(go_file_);
  const StatusOr<std::string> large = cluster_->Submit(Arguments("scenario_every_state", 2, cluster_->NewDirectory("large"),
                                                                 {"-D", "execution.checkpointing.storage=jobmanager", "-D",
                                                                  "execution.checkpointing.jobmanager-storage-size-max=2kb", "-D", "restart-strategy.type=none"}));
  ASSERT_TRUE(large.ok()) << large.status().ToString();
  const StatusOr<JobStatus> end = cluster_->AwaitEnd(*large);
  ASSERT_TRUE(end.ok()) << end.status().ToString();
  EXPECT_EQ(end->state, "FAILED");
  EXPECT_SAYS(end->failure, "larger than the JobManager keeps");
  EXPECT_SAYS(end->failure, "limit=2048");
}

TEST_F(SavepointScenarioTest, ClaimedIsDeletedByTheJobOnceItNeedsItNoMore) {
  const std::string id = Start("scenario_running_count", 2);
  const std::string path = Take("stop", {"-p", directory_, id});
  ExpectFinishes("scenario_running_count", 3, output_, {"-s", path, "--claim-mode", "claim"});
  EXPECT_TRUE(Eventually(std::chrono::seconds(10), [&] { return !std::filesystem::exists(path); }));
  EXPECT_EQ(EveryRowOnce(output_), "");
}

TEST_F(SavepointScenarioTest, R18TheCheckpointOfARunningJobIsNotClaimed) {
  const std::string id = Start("scenario_running_count", 2);
  const StatusOr<JobStatus> status = cluster_->Info(id);
  ASSERT_TRUE(status.ok()) << status.status().ToString();
  const std::string path = status->checkpoint_latest_path;
  const std::string said = Refused("run", Arguments("scenario_running_count", 1, cluster_->NewDirectory("other"), {"-s", path, "--claim-mode", "claim"}));
  EXPECT_SAYS(said, "job " + id + " has not ended");
  EXPECT_SAYS(said, path);
  Go();
  ExpectEnd(id, "FINISHED");
  EXPECT_EQ(EveryRowOnce(output_), "");
}

TEST_F(SavepointScenarioTest, ASavepointThatCannotBeWrittenLeavesTheJobAlone) {
  const std::string id = Start("scenario_running_count", 2);
  const std::string file = cluster_->NewDirectory("blocked") + "/file";
  std::ofstream(file) << "no directory";
  const std::string said = Refused("savepoint", {id, file});
  EXPECT_SAYS(said, "Failed to trigger a savepoint for the job " + id + ".");
  EXPECT_SAYS(said, file);
  EXPECT_SAYS(Refused("stop", {"-p", file, id}), "Could not stop with a savepoint job \"" + id + "\".");
  EXPECT_SAYS(Refused("savepoint", {id}), "execution.checkpointing.savepoint-dir");
  Go();
  ExpectEnd(id, "FINISHED");
  EXPECT_EQ(EveryRowOnce(output_), "");
}

void FlipAByteInTheMiddle(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(path) / 2);
  file.seekg(middle);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(middle);
  file.put(byte);
}

TEST_F(SavepointScenarioTest, ADamagedFileIsRefusedByName) {
  const std::string id = Start("scenario_running_count", 2);
  const std::string path = Take("stop", {"-p", directory_, id});
  const std::set<std::string> files = FilesBelow(path);
  EXPECT_GE(files.size(), 4u);  // Of sources, counts and sinks, and the metadata.
  Go();
  for (const std::string& file : files) {
    FlipAByteInTheMiddle(file);
    const std::string said = Refused("run", Arguments("scenario_running_count", 3, output_, {"-s", path}));
    EXPECT_SAYS(said, "CORRUPTION");
    EXPECT_SAYS(said, file);
    FlipAByteInTheMiddle(file);  // As it was.
  }
  ExpectFinishes("scenario_running_count", 3, output_, {"-s", path});
  EXPECT_EQ(EveryRowOnce(output_), "");
}

// Some of the savepoints below are taken, some fail: each is whole or nothing, and the job's output never shows it.
TEST_F(SavepointScenarioTest, KillsDuringSavepointsAndStopsLoseNothingAndRepeatNothing) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  std::vector<std::string> from;
  std::string id = Start("scenario_running_count", 3);
  for (int round = 0; round < 8; ++round) {
    const bool stops = round % 2 == 1;
    SCOPED_TRACE("round " + std::to_string(round) + (stops ? " stop" : " savepoint"));
    const auto before = cluster_->AwaitJob(id, [](const JobStatus& status) { return status.running() && status.checkpoints_completed > 0; });
    ASSERT_TRUE(before.ok()) << before.status().ToString();
    const std::string target = cluster_->NewDirectory("target");
    const std::vector<std::string> arguments = stops ? std::vector<std::string>{"-p", target, id} : std::vector<std::string>{id, target};
    StatusOr<std::unique_ptr<Process>> command = cluster_->StartCommand(stops ? "stop" : "savepoint", arguments);
    ASSERT_TRUE(command.ok()) << command.status().ToString();
    // Early or late in its course: once it has said that it begins, once the savepoint has a directory, or a `_metadata`.
    static_cast<void>((*command)->WaitForLine("Triggering", std::chrono::seconds(20)).ok());
    const uint32_t moment = random() % 3;
    Eventually(std::chrono::seconds(5), [&] { return moment == 0 || (moment == 1 && !std::filesystem::is_empty(target)) || HasMetadata(target); });
    if (random() % 4 == 0) {
      const uint32_t victim = random() % cluster_->task_manager_count();
      ASSERT_TRUE(cluster_->KillTaskManager(victim).ok());
      ASSERT_TRUE(cluster_->StartTaskManager(victim).ok());
    } else if (const std::vector<pid_t> workers = cluster_->Workers(); !workers.empty()) {
      static_cast<void>(KillAndAwait(workers[random() % workers.size()], std::chrono::seconds(5)).ok());
    }
    const StatusOr<int> end = (*command)->WaitForExit(kJobTimeout);
    ASSERT_TRUE(end.ok()) << end.status().ToString();
    const std::string path = PathIn((*command)->output());
    std::printf("round %d: %s %s\n", round, *end == 0 ? "taken" : "failed", (*command)->error().c_str());
    if (*end == 0) {
      EXPECT_TRUE(std::filesystem::exists(path + "/_metadata")) << path;
    } else {
      // There is none, unless it was the stop that failed, and that is said.
      const bool said_complete = (*command)->error().find("is complete") != std::string::npos;
      EXPECT_EQ(HasMetadata(target), said_complete) << (*command)->error();
    }
    if (!stops || *end != 0) continue;
    ExpectEnd(id, "FINISHED");
    from = {"-s", path};
    id = Start("scenario_running_count", 2 + random() % 2, from);
  }
  Go();
  ExpectEnd(id, "FINISHED");
  EXPECT_EQ(EveryRowOnce(output_), "");
}

}  // namespace
}  // namespace weir::scenarios
