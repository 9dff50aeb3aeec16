// A whole TaskManager with real workers against a JobManager that the test plays.
#include "taskmanager/task_manager.h"

#include <gtest/gtest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/content_hash.h"
#include "proto/planning/planner_process.h"
#include "taskmanager/launcher_process.h"
#include "taskmanager/process_launcher.h"
#include "tests/unit/base/temporary_directory.h"
#include "tests/unit/taskmanager/fake_job_manager.h"

namespace weir {
namespace {

using EventCase = proto::TaskManagerEvent;

// With a sanitizer crashes are reported by it, in its own words.
#ifdef WEIR_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class TaskManagerTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kEpoch = 5;

  void Start(const std::function<void(TaskManagerOptions&)>& change = [](TaskManagerOptions&) {}) {
    launcher_ = std::make_unique<ProcessLauncher>(std::move(*ForkLauncher(WEIR_WORKER_PROGRAM)));
    TaskManagerOptions options;
    options.id = "tm-test";
    options.slots = 2;
    options.memory_bytes = 1ull << 30;
    options.job_manager_address = "127.0.0.1:" + std::to_string(job_manager_->port());
    options.temporary_directory = directory_.path();
    options.log_directory = directory_.path() + "/log";
    options.leader.heartbeat_interval_ms = 20;
    options.leader.heartbeat_timeout_ms = 60'000;
    // The thread sanitizer does not follow a task from one stack to another.
    if (kSanitized) options.configuration = *Configuration::Parse("", "", {"taskmanager.slot.threading=task"});
    change(options);
    StatusOr<std::unique_ptr<TaskManager>> started = TaskManager::Start(std::move(options), *launcher_);
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    task_manager_ = std::move(*started);
  }
  ~TaskManagerTest() override {
    if (task_manager_ == nullptr) return;
    task_manager_->Stop();
    task_manager_->Join();
  }

  proto::JobManagerCommand Command(uint64_t epoch = kEpoch) const {
    proto::JobManagerCommand command;
    command.set_leader_epoch(epoch);
    command.set_job_id(IdBytes(job_));
    return command;
  }
  static proto::Attempt Attempt(uint32_t restart) { return ToProto(AttemptId{LeaderEpoch{kEpoch}, restart}); }

  // Plans the job in the given mode and makes its library known.
  proto::JobManagerCommand StartCommand(const std::string& mode, uint32_t restart = 1) {
    PlanRequest request;
    request.library = WEIR_TEST_JOB;
    request.arguments = {"--mode", mode, "--fifo", fifo_path()};
    request.worker_program = WEIR_WORKER_PROGRAM;
    const StatusOr<PlannedJob> planned = PlanInChild(request);
    EXPECT_TRUE(planned.ok()) << planned.status().ToString();
    graph_ = planned->graph;
    const std::string library = Read(WEIR_TEST_JOB);
    job_manager_->AddArtifact(ContentHashHex(library), library);
    proto::JobManagerCommand command = Command();
    proto::StartWorker& start = *command.mutable_start_worker();
    *start.mutable_attempt() = Attempt(restart);
    start.set_job_name("test job");
    start.mutable_library()->set_hash(ContentHashHex(library));
    start.mutable_library()->set_size_bytes(library.size());
    for (const std::string& argument : request.arguments) start.add_arguments(argument);
    start.set_job_graph(planned->graph.Encode());
    start.set_fingerprint(planned->fingerprint);
    start.set_checkpoint_directory(directory_.path() + "/checkpoints/" + job_.ToHex());
    for (const auto& [name, value] : planned->pinned) (*start.mutable_pinned())[name] = value;
    return command;
  }

  // All subtasks of the graph in one slot of this TaskManager.
  proto::JobManagerCommand DeployCommand(uint32_t restart) const {
    proto::JobManagerCommand command = Command();
    *command.mutable_deploy()->mutable_attempt() = Attempt(restart);
    for (uint32_t v = 0; v < graph_.vertices.size(); ++v) {
      for (uint32_t s = 0; s < graph_.vertices[v].parallelism; ++s) {
        TaskDeployment task;
        task.subtask = {VertexIndex{v}, s};
        for (uint32_t e = 0; e < graph_.edges.size(); ++e) {
          const auto end = [&](const std::vector<uint32_t>& peers) {
            GateDeployment gate{e, {}};
            for (const uint32_t peer : peers) gate.channels.push_back({peer, "tm-test", task_manager_->data_address()});
            return gate;
          };
          if (graph_.edges[e].to.value == v) task.gates.push_back(end(ProducersOf(graph_, graph_.edges[e], s)));
          if (graph_.edges[e].from.value == v) task.partitions.push_back(end(ConsumersOf(graph_, graph_.edges[e], s)));
        }
        *command.mutable_deploy()->add_tasks() = ToProto(task);
      }
    }
    return command;
  }

  // Registers, starts a worker in the mode and deploys its tasks.
  void Run(const std::string& mode) {
    job_manager_->Accept(kEpoch);
    ASSERT_TRUE(job_manager_->Send(StartCommand(mode)));
    process_id_ = static_cast<pid_t>(job_manager_->WaitFor(EventCase::kWorkerReady).worker_ready().process_id());
    ASSERT_TRUE(job_manager_->Send(DeployCommand(1)));
  }
  std::string fifo_path() const { return directory_.path() + "/fifo"; }
  // Runs a task that never ends its first step, and waits until it is in there.
  void RunSpinning() {
    ASSERT_EQ(::mkfifo(fifo_path().c_str(), 0600), 0);
    const FileDescriptor fifo(::open(fifo_path().c_str(), O_RDWR | O_CLOEXEC));
    Run("spin");
    pollfd begun{fifo.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&begun, 1, 40'000), 1);
  }
  proto::Failure WaitForWorkerFailure() {
    const proto::WorkerFailed failed = job_manager_->WaitFor(EventCase::kWorkerFailed).worker_failed();
    EXPECT_EQ(FromProto(failed.attempt()).restart, 1u);
    return failed.failure();
  }
  static void Contains(const std::string& text, const std::string& part) {
    const bool found = text.find(part) != std::string::npos;
    EXPECT_TRUE(found) << "\"" << part << "\" is not in: " << text;
  }

  const TemporaryDirectory directory_;
  const JobId job_ = JobId::Random();
  std::unique_ptr<testing::FakeJobManager> job_manager_ = std::make_unique<testing::FakeJobManager>();
  std::unique_ptr<ProcessLauncher> launcher_;
  std::unique_ptr<TaskManager> task_manager_;
  JobGraph graph_;
  pid_t process_id_ = 0;
};

TEST_F(TaskManagerTest, RegistersAndReports) {
  Start();
  const proto::Registration registration = job_manager_->Accept(kEpoch);
  EXPECT_EQ(registration.task_manager_id(), "tm-test");
  EXPECT_EQ(registration.slots(), 2u);
  EXPECT_EQ(registration.data_address(), task_manager_->data_address());
  EXPECT_TRUE(IncarnationIdFromBytes(registration.incarnation()).ok());
  const auto heartbeat = job_manager_->WaitForHeartbeat([](const auto&) { return true; });
  EXPECT_EQ(heartbeat.incarnation(), registration.incarnation());
  EXPECT_EQ(heartbeat.workers_size(), 0);
}

TEST_F(TaskManagerTest, RunsAJobToItsEndAndStopsItsWorker) {
  Start();
  Run("stderr");
  size_t finished = 0;
  const size_t tasks = static_cast<size_t>(DeployCommand(1).deploy().tasks_size());
  bool drained = false;
  job_manager_->WaitFor([&](const proto::TaskManagerEvent& event) {
    if (!event.has_task_state()) return false;
    EXPECT_NE(event.task_state().state(), proto::FAILED) << event.task_state().failure().message();
    drained = drained || event.task_state().state() == proto::DRAINED;
    finished += event.task_state().state() == proto::FINISHED || event.task_state().state() == proto::DRAINED ? 1 : 0;
    return finished >= tasks;
  });
  proto::JobManagerCommand stop = Command();
  stop.mutable_stop_worker();
  ASSERT_TRUE(job_manager_->Send(stop));
  EXPECT_EQ(WaitForWorkerFailure().code(), "CANCELLED");
  job_manager_->WaitForHeartbeat([](const proto::TaskManagerHeartbeat& heartbeat) { return heartbeat.workers_size() == 0; });
  const std::string log = directory_.path() + "/log/" + job_.ToHex() + "/worker-5.1";
  EXPECT_EQ(Read(log + ".out"), "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  Contains(Read(log + ".log"), "a line on stderr");
}

TEST_F(TaskManagerTest, ADeploymentInPartsRunsWhenItsLastPartHasCome) {
  Start();
  job_manager_->Accept(kEpoch);
  ASSERT_TRUE(job_manager_->Send(StartCommand("stderr")));
  job_manager_->WaitFor(EventCase::kWorkerReady);
  const proto::JobManagerCommand whole = DeployCommand(1);
  const int tasks = whole.deploy().tasks_size();
  ASSERT_GT(tasks, 1);
  for (int i = 0; i < tasks; ++i) {
    proto::JobManagerCommand part = Command();
    *part.mutable_deploy()->mutable_attempt() = Attempt(1);
    *part.mutable_deploy()->add_tasks() = whole.deploy().tasks(i);
    part.mutable_deploy()->set_part(static_cast<uint32_t>(i));
    part.mutable_deploy()->set_more(i + 1 < tasks);
    ASSERT_TRUE(job_manager_->Send(part));
  }
  int ended = 0;
  job_manager_->WaitFor([&](const proto::TaskManagerEvent& event) {
    if (!event.has_task_state()) return false;
    EXPECT_NE(event.task_state().state(), proto::FAILED) << event.task_state().failure().message();
    ended += event.task_state().state() == proto::FINISHED || event.task_state().state() == proto::DRAINED ? 1 : 0;
    return ended >= tasks;
  });
}

TEST_F(TaskManagerTest, ALibraryThatDoesNotArriveInTimeFailsItsWorker) {
  Start([](TaskManagerOptions& options) { options.artifact_download_timeout_ms = 50; });
  job_manager_->Accept(kEpoch);
  job_manager_->StallDownloads(true);
  ASSERT_TRUE(job_manager_->Send(StartCommand("none")));
  const proto::Failure failure = WaitForWorkerFailure();
  EXPECT_EQ(failure.code(), "DEADLINE_EXCEEDED");
  Contains(failure.message(), "library cannot be fetched");
}

TEST_F(TaskManagerTest, ACrashIsAFailureWithSignalTaskAndStack) {
  Start();
  Run("crash");
  const proto::Failure failure = WaitForWorkerFailure();
  EXPECT_EQ(failure.code(), "USER_ERROR");
  if (kSanitized) return;
  Contains(failure.message(), "signal 11");
  Contains(failure.message(), "SIGSEGV");
  Contains(failure.stack(), "CrashHere");
}

TEST_F(TaskManagerTest, AnOverrunStackIsReportedToo) {
  Start();
  Run("overflow");
  const proto::Failure failure = WaitForWorkerFailure();
  EXPECT_EQ(failure.code(), "USER_ERROR");
  if (kSanitized) return;
  Contains(failure.message(), "signal 11");
  Contains(failure.stack(), "Recurse");
}

TEST_F(TaskManagerTest, AnAbortIsReported) {
  Start();
  Run("abort");
  const proto::Failure failure = WaitForWorkerFailure();
  EXPECT_EQ(failure.code(), "USER_ERROR");
  if (!kSanitized) Contains(failure.message(), "SIGABRT");
}

TEST_F(TaskManagerTest, AnExceptionFailsItsTaskWithTheStackOfTheThrow) {
  Start();
  Run("throw");
  const proto::TaskManagerEvent event =
      job_manager_->WaitFor([](const proto::TaskManagerEvent& candidate) { return candidate.task_state().state() == proto::FAILED; });
  Contains(event.task_state().failure().message(), "thrown on demand");
  Contains(event.task_state().failure().stack(), "ThrowHere");
  EXPECT_EQ(event.task_state().failure().message().find("ThrowHere"), std::string::npos);
  proto::JobManagerCommand cancel = Command();  // The worker survives.
  *cancel.mutable_cancel()->mutable_attempt() = Attempt(1);
  ASSERT_TRUE(job_manager_->Send(cancel));
  EXPECT_EQ(FromProto(job_manager_->WaitFor(EventCase::kTasksCancelled).tasks_cancelled().attempt()).restart, 1u);
}

TEST_F(TaskManagerTest, ExitInUserCodeIsAFailure) {
  Start();
  Run("exit");
  Contains(WaitForWorkerFailure().message(), "exited with code 0 although its job was running");
}

TEST_F(TaskManagerTest, MemoryBeyondTheShareIsAFailureThatNamesIt) {
  Start([](TaskManagerOptions& options) { options.memory_bytes = 512ull << 20; });  // 2 slots, 1 used.
  Run("allocate");
  const proto::Failure failure = WaitForWorkerFailure();
  EXPECT_EQ(failure.code(), "RESOURCE_EXHAUSTED");
  Contains(failure.message(), "share is 256 MiB");
}

TEST_F(TaskManagerTest, TasksThatDoNotEndWhenCancelledCostTheWorkerItsLife) {
  Start([](TaskManagerOptions& options) { options.workers.cancellation_timeout_ms = 300; });
  RunSpinning();
  proto::JobManagerCommand cancel = Command();
  *cancel.mutable_cancel()->mutable_attempt() = Attempt(1);
  ASSERT_TRUE(job_manager_->Send(cancel));
  EXPECT_EQ(WaitForWorkerFailure().code(), "DEADLINE_EXCEEDED");
  job_manager_->WaitFor(EventCase::kTasksCancelled);
}

TEST_F(TaskManagerTest, AWorkerThatHangsWhileLoadingIsKilled) {
  Start([](TaskManagerOptions& options) { options.workers.start_timeout_ms = 700; });
  job_manager_->Accept(kEpoch);
  ASSERT_TRUE(job_manager_->Send(StartCommand("worker-hang")));
  EXPECT_EQ(WaitForWorkerFailure().code(), "DEADLINE_EXCEEDED");
}

TEST_F(TaskManagerTest, AnotherDataflowInTheWorkerIsRefused) {
  Start();
  job_manager_->Accept(kEpoch);
  ASSERT_TRUE(job_manager_->Send(StartCommand("unstable")));
  const proto::Failure failure = WaitForWorkerFailure();
  EXPECT_EQ(failure.code(), "FAILED_PRECONDITION");
  Contains(failure.message(), "env.Pinned");
}

TEST_F(TaskManagerTest, ADamagedLibraryNeverRuns) {
  Start();
  job_manager_->Accept(kEpoch);
  proto::JobManagerCommand start = StartCommand("none");
  std::string damaged = Read(WEIR_TEST_JOB);
  damaged[damaged.size() / 2] ^= 1;
  job_manager_->AddArtifact(start.start_worker().library().hash(), damaged);
  ASSERT_TRUE(job_manager_->Send(start));
  EXPECT_EQ(WaitForWorkerFailure().code(), "CORRUPTION");
}

TEST_F(TaskManagerTest, AReadyWorkerServesTheNextAttempt) {
  Start();
  job_manager_->Accept(kEpoch);
  proto::JobManagerCommand start = StartCommand("none");
  ASSERT_TRUE(job_manager_->Send(start));
  const proto::WorkerReady first = job_manager_->WaitFor(EventCase::kWorkerReady).worker_ready();
  *start.mutable_start_worker()->mutable_attempt() = Attempt(2);
  ASSERT_TRUE(job_manager_->Send(start));
  const proto::WorkerReady second = job_manager_->WaitFor(EventCase::kWorkerReady).worker_ready();
  EXPECT_EQ(second.process_id(), first.process_id());
  EXPECT_EQ(second.attempt().restart(), 2u);
}

TEST_F(TaskManagerTest, AWorkerThatDoesNotStopIsKilledWithItsTaskManager) {
  Start([](TaskManagerOptions& options) { options.workers.shutdown_timeout_ms = 100; });
  RunSpinning();
  task_manager_->Stop();
  task_manager_->Join();
  task_manager_ = nullptr;
  EXPECT_FALSE(ProcessIdentity::Of(process_id_).ok());
  EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/weir-tm-test"));
}

TEST_F(TaskManagerTest, WorkersLiveThroughAShortLossOfTheJobManager) {
  Start([](TaskManagerOptions& options) { options.workers.shutdown_timeout_ms = 100; });
  RunSpinning();
  const int port = job_manager_->port();
  job_manager_ = nullptr;
  job_manager_ = std::make_unique<testing::FakeJobManager>(port);
  const proto::Registration again = job_manager_->Accept(kEpoch + 1);
  EXPECT_EQ(again.seen_leader_epoch(), kEpoch);
  const auto heartbeat = job_manager_->WaitForHeartbeat([](const auto&) { return true; });
  EXPECT_EQ(heartbeat.incarnation(), again.incarnation());
  ASSERT_EQ(heartbeat.workers_size(), 1);
  EXPECT_GT(heartbeat.workers(0).running_size(), 0);
  EXPECT_EQ(::kill(process_id_, 0), 0);
}

TEST_F(TaskManagerTest, WithoutALeaderWorkersEndAndANewIncarnationComes) {
  Start();
  const proto::Registration first = job_manager_->Accept(kEpoch, 20, 1'000);
  ASSERT_TRUE(job_manager_->Send(StartCommand("none")));
  const pid_t worker = static_cast<pid_t>(job_manager_->WaitFor(EventCase::kWorkerReady).worker_ready().process_id());
  job_manager_->StopAnsweringHeartbeats();  // Silence is as bad as absence.
  const proto::Registration second = job_manager_->Accept(kEpoch);
  EXPECT_NE(second.incarnation(), first.incarnation());
  EXPECT_FALSE(ProcessIdentity::Of(worker).ok());
  EXPECT_EQ(job_manager_->WaitForHeartbeat([&](const auto& heartbeat) { return heartbeat.incarnation() == second.incarnation(); }).workers_size(), 0);
}

TEST_F(TaskManagerTest, CommandsOfADeposedLeaderDoNothingAndEndTheSession) {
  Start();
  job_manager_->Accept(kEpoch);
  proto::JobManagerCommand start = StartCommand("none");
  start.set_leader_epoch(kEpoch - 1);
  ASSERT_TRUE(job_manager_->Send(start));
  job_manager_->Accept(kEpoch);
  EXPECT_EQ(job_manager_->WaitForHeartbeat([](const auto&) { return true; }).workers_size(), 0);
}

TEST_F(TaskManagerTest, TasksWithoutAWorkerFail) {
  Start();
  job_manager_->Accept(kEpoch);
  StartCommand("none");
  ASSERT_TRUE(job_manager_->Send(DeployCommand(1)));
  EXPECT_EQ(job_manager_->WaitFor(EventCase::kTaskState).task_state().failure().code(), "UNAVAILABLE");
}

TEST_F(TaskManagerTest, TwoTaskManagersWithOneIdAreRefused) {
  Start();
  // The owner of the directory is another process that lives.
  std::ofstream(directory_.path() + "/weir-tm-test/owner") << ProcessIdentity::Of(::getppid())->ToString();
  ProcessLauncher launcher(std::move(*ForkLauncher(WEIR_WORKER_PROGRAM)));
  TaskManagerOptions options;
  options.id = "tm-test";
  options.job_manager_address = "127.0.0.1:1";
  options.temporary_directory = directory_.path();
  EXPECT_EQ(TaskManager::Start(std::move(options), launcher).status().code(), StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace weir
