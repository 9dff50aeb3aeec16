// Bad jobs beside a good one, hostile files, bytes and configuration, and the loss of the JobManager, on real daemons.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "tests/scenarios/cluster.h"
#include "tests/scenarios/scenario.h"
#include "tests/scenarios/text_server.h"
#include <weir/job.h>

namespace weir::scenarios {
namespace {

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void WriteWhole(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

// One cluster for the tests of a suite; its end is checked for leaks.
class FaultTest : public ::testing::Test {
 protected:

  static void SetUpTestSuite() {
    ClusterOptions options;
    options.task_managers = 2;
    options.slots = 4;
    options.properties = {{"task.cancellation.timeout", "2 s"},
                          {"heartbeat.interval", "200 ms"},
                          {"heartbeat.timeout", "2 s"},
                          {"jobmanager.artifact.size-max", "100mb"},
                          {"taskmanager.network.handshake-timeout", "500 ms"}};
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
  void TearDown() override {
    const Status idle = cluster_->CheckIdle();
    EXPECT_TRUE(idle.ok()) << idle.ToString();
  }

  // A keyed count that takes about `seconds`, in more slots than one TaskManager has: whatever comes next shares one with it.
  std::string SubmitGood(int seconds) {
    good_output_ = cluster_->NewDirectory("good");
    good_rows_ = 2'000 * seconds;
    const StatusOr<std::string> job = cluster_->Submit(
        {"-p", "5", JobPath("scenario_running_count"), "--rows", std::to_string(good_rows_), "--rows-per-second", "2000", "--output", good_output_});
    EXPECT_TRUE(job.ok()) << job.status().ToString();
    if (!job.ok()) return "";
    const auto running = cluster_->AwaitJob(*job, [](const JobStatus& status) { return status.running(); });
    EXPECT_TRUE(running.ok()) << running.status().ToString();
    return *job;
  }
  void ExpectGoodUndisturbed(const std::string& job) {
    const StatusOr<JobStatus> end = cluster_->AwaitEnd(job);
    ASSERT_TRUE(end.ok()) << end.status().ToString();
    EXPECT_EQ(end->state, "FINISHED") << end->failure;
    EXPECT_EQ(end->restarts, 0u);
    std::vector<int64_t> values;
    for (int64_t value = 0; value < good_rows_; ++value) values.push_back(value);
    EXPECT_EQ(NumberedDifference(CommittedLines(good_output_), values), "");
  }
  // A small job finishes: the cluster works.
  void ExpectClusterWorks() {
    const std::string output = cluster_->NewDirectory("works");
    const StatusOr<CommandResult> result =
        cluster_->Command("run", {"-p", "2", JobPath("scenario_keyed_count"), "--rows", "1000", "--keys", "10", "--output", output});
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    EXPECT_TRUE(result->ok()) << result->error;
    EXPECT_EQ(CommittedLines(output).size(), 10u);
  }
  // `weir run` fails; what it says.
  std::string RunToError(const std::vector<std::string>& arguments) {
    const StatusOr<CommandResult> result = cluster_->Command("run", arguments);
    if (!result.ok()) return result.status().ToString();
    EXPECT_FALSE(result->ok()) << result->output;
    last_output_ = result->output;
    return result->error;
  }
  std::vector<std::string> BadJob(const std::string& how) {
    return {"-p", "1", JobPath("scenario_bad_job"), "--how", how, "--output", cluster_->NewDirectory("bad")};
  }

  static std::unique_ptr<Cluster> cluster_;
  std::string good_output_;
  int64_t good_rows_ = 0;
  std::string last_output_;
};

std::unique_ptr<Cluster> FaultTest::cluster_;

// ---- Bad jobs beside a good one ----

struct BadJobCase {
  std::string how;
  std::vector<std::string> said;  // By `weir run`, all of them.
};

void PrintTo(const BadJobCase& bad, std::ostream* out) { *out << bad.how; }

class BadJobTest : public FaultTest, public ::testing::WithParamInterface<BadJobCase> {};

TEST_P(BadJobTest, FailsAloneAndSaysWhy) {
  const std::string good = SubmitGood(6);
  const std::string error = RunToError(BadJob(GetParam().how));
  for (const std::string& text : GetParam().said) EXPECT_NE(error.find(text), std::string::npos) << "no \"" << text << "\" in:\n" << error;
  // `weir info` says the same afterwards.
  const size_t at = last_output_.find("JobID ");
  ASSERT_NE(at, std::string::npos) << last_output_;
  const StatusOr<JobStatus> status = cluster_->Info(last_output_.substr(at + 6, 32));
  ASSERT_TRUE(status.ok()) << status.status().ToString();
  EXPECT_EQ(status->state, "FAILED");
  for (const std::string& text : GetParam().said) EXPECT_NE(status->failure.find(text), std::string::npos) << "no \"" << text << "\" in:\n" << status->failure;
  ExpectGoodUndisturbed(good);
}

// Under sanitizers the signals are theirs, and so is the text; the job must fail alone all the same.
#ifdef WEIR_SANITIZED
const std::vector<std::string> kSegfaultSaid = {"Bad Job"};
const std::vector<std::string> kAbortSaid = {"Bad Job"};
const std::vector<std::string> kPlanningSegfaultSaid = {"planning process"};
#else
const std::vector<std::string> kSegfaultSaid = {"signal 11", "misbehave", "(1/1)", "WriteThroughNull"};
const std::vector<std::string> kAbortSaid = {"signal 6", "misbehave", "(1/1)", "DoWrong"};
const std::vector<std::string> kPlanningSegfaultSaid = {"signal 11", "WriteThroughNull"};
#endif

INSTANTIATE_TEST_SUITE_P(Kinds, BadJobTest,
                         ::testing::Values(BadJobCase{"segfault", kSegfaultSaid}, BadJobCase{"abort", kAbortSaid},
                                           BadJobCase{"exit", {"exited with code 0", "misbehave", "(1/1)", "must not call exit", "DoWrong"}},
                                           BadJobCase{"throw", {"value 500 is beyond the pale", "misbehave", "(1/1)", "DoWrong"}},
                                           BadJobCase{"throw-int", {"misbehave", "(1/1)"}},
                                           BadJobCase{"throw-open", {"no connection to the moon", "misbehave", "(1/1)"}},
                                           BadJobCase{"bad-alloc", {"bad_alloc", "misbehave", "(1/1)"}}),
                         [](const auto& info) {
                           std::string name = info.param.how;
                           std::erase(name, '-');
                           return name;
                         });

// ThreadSanitizer keeps a signal back until the thread calls into it: a loop never does, so its stack cannot be taken.
#ifdef __SANITIZE_THREAD__
constexpr bool kStacksOfLoops = false;
#else
constexpr bool kStacksOfLoops = true;
#endif

// What is said of the loop in user code: by whom, in which task, and where.
void ExpectNamesTheLoop(const std::string& failure, const std::string& cause) {
  std::vector<std::string> said = {cause, "misbehave", "(1/1) has not finished a step for "};
  if (kStacksOfLoops) said.push_back("DoWrong");
  for (const std::string& text : said) {
    EXPECT_NE(failure.find(text), std::string::npos) << "no \"" << text << "\" in:\n" << failure;
  }
}

TEST_F(FaultTest, EndlessLoopEndsWithinTheCancellationTimeoutAndIsNamed) {
  const std::string good = SubmitGood(8);
  const StatusOr<std::string> bad = cluster_->Submit(BadJob("loop"));
  ASSERT_TRUE(bad.ok()) << bad.status().ToString();
  // The good job's worker is on the same TaskManagers; the bad one has one more.
  ASSERT_TRUE(cluster_->AwaitJob(*bad, [](const JobStatus& status) { return status.running(); }).ok());
  // The loop begins with the 500th record, a quarter of a second after the start; the processor time of its worker tells.
  ASSERT_TRUE(Eventually(std::chrono::seconds(120), [&] {
    for (const pid_t worker : cluster_->Workers()) {
      std::istringstream stat(ReadWhole("/proc/" + std::to_string(worker) + "/stat"));
      std::string field;
      for (int i = 1; i <= 14; ++i) stat >> field;  // utime; names of ours have no blanks.
      if (std::atoi(field.c_str()) > ::sysconf(_SC_CLK_TCK)) return true;
    }
    return false;
  }));
  ASSERT_TRUE(cluster_->Cancel(*bad).ok());
  const StatusOr<JobStatus> end = cluster_->AwaitEnd(*bad);
  ASSERT_TRUE(end.ok()) << end.status().ToString();
  EXPECT_EQ(end->state, "CANCELED");
  ExpectNamesTheLoop(end->failure, "task.cancellation.timeout");
  ExpectGoodUndisturbed(good);
}

TEST_F(FaultTest, EndlessLoopFailsTheJobByItsCheckpointsAndIsNamed) {
  std::vector<std::string> arguments = {"-D", "execution.checkpointing.interval=100ms", "-D", "execution.checkpointing.timeout=2s", "-D",
                                        "task.watchdog-interval=300ms"};
  for (std::string& argument : BadJob("loop")) arguments.push_back(std::move(argument));
  const std::string error = RunToError(arguments);
  ExpectNamesTheLoop(error, "too many failed checkpoints");
  EXPECT_EQ(error.find("has not finished a step"), error.rfind("has not finished a step")) << error;  // Once is enough.
  // The worker's own log says it, too.
  const size_t at = last_output_.find("JobID ");
  ASSERT_NE(at, std::string::npos) << last_output_;
  bool logged = false;
  for (const auto& file : std::filesystem::directory_iterator(cluster_->directory() + "/log/" + last_output_.substr(at + 6, 32))) {
    const std::string log = ReadWhole(file.path());
    const size_t stuck = log.find("Task is stuck: ");
    logged = logged || (stuck != std::string::npos && (!kStacksOfLoops || log.find("DoWrong", stuck) != std::string::npos));
  }
  EXPECT_TRUE(logged);
}

TEST_F(FaultTest, WhatAJobForksEndsWithItsWorker) {
  const auto forked = [this] { return cluster_->ProcessesNamed("sleep").size(); };
  const StatusOr<std::string> cancelled = cluster_->Submit(BadJob("fork"));
  ASSERT_TRUE(cancelled.ok()) << cancelled.status().ToString();
  ASSERT_TRUE(Eventually(kJobTimeout, [&] { return forked() == 1; }));
  ASSERT_TRUE(cluster_->Cancel(*cancelled).ok());
  EXPECT_TRUE(Eventually(kJobTimeout, [&] { return forked() == 0; }));

  const StatusOr<std::string> lost = cluster_->Submit(BadJob("fork"));
  ASSERT_TRUE(lost.ok()) << lost.status().ToString();
  ASSERT_TRUE(Eventually(kJobTimeout, [&] { return forked() == 1; }));
  for (uint32_t i = 0; i < cluster_->task_manager_count(); ++i) ASSERT_TRUE(cluster_->KillTaskManager(i).ok());
  EXPECT_TRUE(Eventually(kJobTimeout, [&] { return forked() == 0; }));
  for (uint32_t i = 0; i < cluster_->task_manager_count(); ++i) ASSERT_TRUE(cluster_->StartTaskManager(i).ok());
  EXPECT_TRUE(cluster_->AwaitEnd(*lost).ok());
}

TEST_F(FaultTest, CrashWhilePlanningIsAMessage) {
  EXPECT_NE(RunToError(BadJob("throw-planning")).find("the plan failed"), std::string::npos);
  const std::string error = RunToError(BadJob("segfault-planning"));
  for (const std::string& text : kPlanningSegfaultSaid) EXPECT_NE(error.find(text), std::string::npos) << "no \"" << text << "\" in:\n" << error;
}

// ---- Hostile files ----

TEST_F(FaultTest, FilesThatAreNoJobAreRefused) {
  const std::string folder = cluster_->NewDirectory("files");
  const std::string library = ReadWhole(JobPath("scenario_keyed_count"));
  ASSERT_FALSE(library.empty());
  WriteWhole(folder + "/text.so", "#!/bin/sh\necho no library\n");
  WriteWhole(folder + "/empty.so", "");
  WriteWhole(folder + "/truncated.so", library.substr(0, library.size() / 2));
  std::string foreign = library;
  const std::string own_abi = "abi=" + std::to_string(WEIR_ABI_VERSION) + ";";
  const size_t note = foreign.find(own_abi);
  ASSERT_NE(note, std::string::npos);
  ++foreign[note + own_abi.size() - 2];
  WriteWhole(folder + "/foreign.so", foreign);
  std::string no_entry = library;
  for (size_t at = 0; (at = no_entry.find("weir_job_entry", at)) != std::string::npos;) no_entry[at] = 'W';
  WriteWhole(folder + "/renamed.so", no_entry);

  const std::pair<std::string, std::string> cases[] = {{folder + "/text.so", "no ELF file"},      {folder + "/empty.so", "job library is empty"},
                                                       {folder + "/truncated.so", "truncated"},   {folder + "/foreign.so", "built for another ABI"},
                                                       {folder + "/renamed.so", "no entry"},      {JobPath("scenario_no_entry"), "no WEIR_JOB entry"},
                                                       {folder + "/missing.so", "cannot be read: No such file or directory"},
                                                       {folder, "cannot be read: Is a directory"}};
  for (const auto& [path, expected] : cases) {
    const std::string error = RunToError({path, "--output", folder + "/out"});
    EXPECT_NE(error.find(expected), std::string::npos) << path << ": " << error;
    EXPECT_NE(error.find(path), std::string::npos) << path << ": " << error;
  }
  ExpectClusterWorks();
}

TEST_F(FaultTest, DamagedLibrariesNeverCrashTheCommand) {
  const std::string folder = cluster_->NewDirectory("damaged");
  const std::string library = ReadWhole(JobPath("scenario_keyed_count"));
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 8; ++i) {
    std::string damaged = library;
    for (int flips = 0; flips < 40; ++flips) damaged[random() % 4'096] ^= static_cast<char>(1 << (random() % 8));
    if (i % 2 == 0) damaged.resize(random() % damaged.size());
    const std::string path = folder + "/" + std::to_string(i) + ".so";
    WriteWhole(path, damaged);
    const StatusOr<CommandResult> result = cluster_->Command("info", {path, "--output", folder + "/out"});
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    EXPECT_TRUE(WIFEXITED(result->wait_status)) << DescribeEnd(result->wait_status) << " " << path;
  }
}

TEST_F(FaultTest, LibraryBeyondTheSizeLimitIsRefused) {
  const std::string folder = cluster_->NewDirectory("huge");
  const std::string path = folder + "/huge.so";
  std::filesystem::copy_file(JobPath("scenario_keyed_count"), path);
  std::filesystem::resize_file(path, 150u << 20);  // Sparse; what follows the sections does not matter to the loader.
  const std::string error = RunToError({path, "--output", folder + "/out"});
  EXPECT_NE(error.find("jobmanager.artifact.size-max"), std::string::npos) << error;
  ExpectClusterWorks();
}

// ---- Hostile bytes ----

// What the other side answers until it closes or `timeout`; nothing when it refuses the connection.
std::string Talk(const std::string& address, const std::string& bytes, bool close_write) {
  const int socket = ConnectTo(address);
  if (socket < 0) return "";
  const timeval limit{.tv_sec = 3, .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<size_t>(count);
  }
  if (close_write) ::shutdown(socket, SHUT_WR);
  std::string answer;
  char piece[4'096];
  for (ssize_t count; answer.size() < 65'536 && (count = ::recv(socket, piece, sizeof(piece), 0)) > 0;) answer.append(piece, static_cast<size_t>(count));
  ::close(socket);
  return answer;
}

TEST_F(FaultTest, GarbageOnItsPortsDoesNotDisturb) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const std::string good = SubmitGood(6);
  for (const std::string& address : {cluster_->data_address(0), cluster_->data_address(1), cluster_->job_manager_address()}) {
    Talk(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false);
    Talk(address, "", true);
    Talk(address, std::string(1, '\0'), true);
    for (int i = 0; i < 10; ++i) {
      std::string garbage(random() % 70'000, '\0');
      for (char& byte : garbage) byte = static_cast<char>(random());
      Talk(address, garbage, true);
    }
    Talk(address, std::string(4u << 20, '\xff'), true);
  }
  // Half a handshake that stays open ends at its time-out and takes nobody's place.
  std::vector<int> silent;
  for (int i = 0; i < 50; ++i) silent.push_back(ConnectTo(cluster_->data_address(i % 2)));
  ExpectGoodUndisturbed(good);
  ExpectClusterWorks();
  for (const int socket : silent) {
    char byte = 0;
    const timeval limit{.tv_sec = 3, .tv_usec = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ssize_t count = 0;
    while ((count = ::recv(socket, &byte, 1, 0)) > 0) {
    }
    EXPECT_TRUE(count == 0 || errno == ECONNRESET) << "a silent connection is still open after the handshake's time-out";
    ::close(socket);
  }
}

// ---- Configuration ----

class ConfigurationTest : public FaultTest {
 protected:
  // Starts the daemon with this file; it must end by itself with an error, unless `starts`.
  std::string Start(const std::string& program, const std::string& text, bool starts = false) {
    const std::string folder = cluster_->NewDirectory("conf");
    WriteWhole(folder + "/weir-conf.yaml", text);
    ProcessOptions options;
    options.command = {ProgramPath(program),
                       "--configDir",
                       folder,
                       "-D",
                       "jobmanager.rpc.port=0",
                       "-D",
                       "metrics.reporter.prom.port=0",
                       "-D",
                       "io.tmp.dirs=" + folder,
                       "-D",
                       "execution.checkpointing.dir=" + folder + "/checkpoints",
                       "-D",
                       "env.pid.dir=" + folder};
    StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
    EXPECT_TRUE(process.ok());
    if (starts) {
      const StatusOr<std::string> line = (*process)->WaitForLine("listens on", kStartTimeout);
      EXPECT_TRUE(line.ok()) << line.status().ToString();
      (*process)->Signal(SIGTERM);
    }
    const StatusOr<int> end = (*process)->WaitForExit(std::chrono::seconds(15));
    EXPECT_TRUE(end.ok()) << end.status().ToString();
    EXPECT_TRUE(end.ok() && (*end == 0) == starts) << (end.ok() ? DescribeEnd(*end) : "") << (*process)->error();
    return (*process)->error() + (*process)->output();
  }
};

TEST_F(ConfigurationTest, TabsAreAnErrorWithFileAndLine) {
  for (const char* program : {"weir-jobmanager", "weir-taskmanager"}) {
    const std::string said = Start(program, "jobmanager:\n\trpc:\n\t\tport: 1\n");
    EXPECT_NE(said.find("weir-conf.yaml:2"), std::string::npos) << said;
  }
}

TEST_F(ConfigurationTest, WrongUnitsAreAnErrorWithFileAndLine) {
  for (const char* program : {"weir-jobmanager", "weir-taskmanager"}) {
    const std::string said = Start(program, "# comment\nheartbeat.timeout: 10 parsecs\n");
    EXPECT_NE(said.find("weir-conf.yaml:2"), std::string::npos) << said;
    EXPECT_NE(said.find("heartbeat.timeout"), std::string::npos) << said;
    EXPECT_NE(said.find("10 parsecs"), std::string::npos) << said;
  }
}

TEST_F(ConfigurationTest, UnknownKeysAreAWarningWithTheNearestName) {
  const std::string said = Start("weir-jobmanager", "heartbeat.timeuot: 10 s\n", /*starts=*/true);
  EXPECT_NE(said.find("heartbeat.timeuot"), std::string::npos) << said;
  EXPECT_NE(said.find("nearest=heartbeat.timeout"), std::string::npos) << said;
}

// ---- Long calls ----

TEST_F(FaultTest, TenMillionRowsOfOneCallNeedLittleMemory) {
  constexpr int64_t kRows = 10'000'000;
  const std::string output = cluster_->NewDirectory("flood");
  const StatusOr<CommandResult> result =
      cluster_->Command("run", {"--output", "json", "-p", "1", JobPath("scenario_flood"), "--rows", std::to_string(kRows), "--output", output});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_TRUE(result->ok()) << result->error;
  EXPECT_NE(result->output.find("\"restarts\": 0"), std::string::npos) << result->output;
  const std::vector<std::string> lines = CommittedLines(output);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1], "(" + std::to_string(kRows) + "," + std::to_string(kRows * (kRows + 1) / 2) + ")");
  // "(-1,kilobytes)"; the rows alone would be 160 MB.
  const int64_t peak_kilobytes = std::atoll(lines[0].c_str() + 4);
  EXPECT_GT(peak_kilobytes, 0);
  EXPECT_LT(peak_kilobytes, 96 * 1024);
  std::printf("peak memory %lld kB\n", static_cast<long long>(peak_kilobytes));
}

TEST_F(FaultTest, CallThatSleepsBeyondTheHeartbeatTimeoutIsLeftAlone) {
  const char* const full = ::getenv("WEIR_SCENARIO_FULL");
  const std::string output = cluster_->NewDirectory("sleep");
  const StatusOr<CommandResult> result = cluster_->Command(
      "run", {"--output", "json", "-p", "1", JobPath("scenario_flood"), "--sleep-ms", full != nullptr ? "30000" : "3000", "--rows", "4", "--output", output});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_TRUE(result->ok()) << result->error;
  EXPECT_NE(result->output.find("\"restarts\": 0"), std::string::npos) << result->output;
  const std::vector<std::string> lines = CommittedLines(output);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1], "(4,10)");
}

// Both subtasks of the consumer sleep, each behind a window that the other worker's producers have filled, and say nothing for
// much longer than heartbeat.timeout; only the workers' own connection is judged by it (R32).
TEST(FullWindowTest, BehindACallThatSleepsIsLegal) {
  constexpr int64_t kRows = 8'000'000;
  ClusterOptions options;
  options.task_managers = 2;
  // More than the kernel's buffers take: the producers' sockets stand still as well.
  options.properties = {{"heartbeat.interval", "200 ms"},
                        {"heartbeat.timeout", "2 s"},
                        {"taskmanager.network.credits-per-channel", "64"},
                        {"taskmanager.network.batch-bytes-max", "1mb"},
                        {"taskmanager.network.batch-rows-max", "65536"}};
  StatusOr<std::unique_ptr<Cluster>> cluster = Cluster::Start(options);
  ASSERT_TRUE(cluster.ok()) << cluster.status().ToString();
  const std::string output = (*cluster)->NewDirectory("out");
  const StatusOr<CommandResult> result = (*cluster)->Command(
      "run", {"--output", "json", "-p", "2", JobPath("scenario_keyed_count"), "--rows", std::to_string(kRows), "--keys", "100", "--sleep-ms", "6000",
              "--checkpoint-interval-ms", "1000", "--output", output});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_TRUE(result->ok()) << result->error;
  EXPECT_NE(result->output.find("\"restarts\": 0"), std::string::npos) << result->output;
  const std::vector<std::string> lines = CommittedLines(output);
  ASSERT_EQ(lines.size(), 100u);
  for (const std::string& line : lines) EXPECT_TRUE(line.ends_with("," + std::to_string(kRows / 100) + ")")) << line;
  const Status stopped = (*cluster)->Stop();
  EXPECT_TRUE(stopped.ok()) << stopped.ToString();
}

// ---- Processes that stand still ----

TEST(StoppedWorkerTest, IsReplacedAndDoesNoHarmWhenItGoesOn) {
  ClusterOptions options;
  options.task_managers = 2;
  StatusOr<std::unique_ptr<Cluster>> cluster = Cluster::Start(options);
  ASSERT_TRUE(cluster.ok()) << cluster.status().ToString();
  const std::string output = (*cluster)->NewDirectory("out");
  const StatusOr<std::string> job = (*cluster)->Submit(
      {"-p", "2", JobPath("scenario_running_count"), "--rows", "20000", "--rows-per-second", "2000", "--output", output});
  ASSERT_TRUE(job.ok()) << job.status().ToString();
  ASSERT_TRUE((*cluster)->AwaitJob(*job, [](const JobStatus& status) { return status.running() && status.checkpoints_completed >= 2; }).ok());
  const std::vector<pid_t> workers = (*cluster)->Workers(0);
  ASSERT_EQ(workers.size(), 1u);
  ASSERT_EQ(::kill(workers.front(), SIGSTOP), 0);
  const StatusOr<JobStatus> restarted = (*cluster)->AwaitJob(*job, [](const JobStatus& status) { return !status.recoveries.empty() && status.running(); });
  ASSERT_TRUE(restarted.ok()) << restarted.status().ToString();
  // Ended by the TaskManager; else it would go on now.
  static_cast<void>(::kill(workers.front(), SIGCONT));
  const StatusOr<JobStatus> end = (*cluster)->AwaitEnd(*job);
  ASSERT_TRUE(end.ok()) << end.status().ToString();
  EXPECT_EQ(end->state, "FINISHED");
  const std::vector<std::string> lines = CommittedLines(output);
  EXPECT_EQ(std::set<std::string>(lines.begin(), lines.end()).size(), lines.size()) << "a row was committed twice";
  EXPECT_EQ(lines.size(), 20'000u);
  const Status stopped = (*cluster)->Stop();
  EXPECT_TRUE(stopped.ok()) << stopped.ToString();
}

// ---- The JobManager's loss ----

class JobManagerLossTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ClusterOptions options;
    options.task_managers = 2;
    options.slots = 2;
    options.properties = {{"heartbeat.interval", "200 ms"}, {"heartbeat.timeout", "2 s"}};
    StatusOr<std::unique_ptr<Cluster>> started = Cluster::Start(options);
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    cluster_ = std::move(*started);
    output_ = cluster_->NewDirectory("out");
    const StatusOr<std::string> job =
        cluster_->Submit({"-p", "4", JobPath("scenario_running_count"), "--rows", "8000", "--rows-per-second", "2000", "--output", output_});
    ASSERT_TRUE(job.ok()) << job.status().ToString();
    const auto running = cluster_->AwaitJob(*job, [](const JobStatus& status) { return status.running() && status.checkpoints_completed >= 2; });
    ASSERT_TRUE(running.ok()) << running.status().ToString();
    job_ = *job;
  }
  std::unique_ptr<Cluster> cluster_;
  std::string output_;
  std::string job_;
};

TEST_F(JobManagerLossTest, TaskManagersEndTheirWorkersWhenTold) {
  ASSERT_TRUE(cluster_->KillJobManager().ok());
  const Status stopped = cluster_->Stop();
  EXPECT_TRUE(stopped.ok()) << stopped.ToString();
}

TEST_F(JobManagerLossTest, SecondJobManagerOnTheSameStorageWorks) {
  ASSERT_TRUE(cluster_->RestartJobManager().ok());
  // The TaskManagers come back by themselves: a new job gets its slots.
  const std::string second = cluster_->NewDirectory("second");
  const StatusOr<CommandResult> result =
      cluster_->Command("run", {"-p", "4", JobPath("scenario_keyed_count"), "--rows", "1000", "--keys", "10", "--output", second});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_TRUE(result->ok()) << result->error;
  EXPECT_EQ(CommittedLines(second).size(), 10u);
  const Status idle = cluster_->CheckIdle();
  EXPECT_TRUE(idle.ok()) << idle.ToString();
  const Status stopped = cluster_->Stop();
  EXPECT_TRUE(stopped.ok()) << stopped.ToString();
}

}  // namespace
}  // namespace weir::scenarios
