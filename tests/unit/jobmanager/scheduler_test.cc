#include "jobmanager/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/jobmanager/actions.h"
#include "tests/unit/testing/graphs.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::Has;
using testing::OnlyOf;
using A = SchedulerAction;
using E = SchedulerEvent;
using Phase = Scheduler::Phase;
using Actions = Scheduler::Actions;

// Two subtasks of each vertex on TaskManagers "a" and "b"; restarts after 50 ms without jitter.
class SchedulerTest : public ::testing::Test {
 protected:
  static Scheduler::Options Options() {
    Scheduler::Options options;
    options.restart = {.initial_backoff_ms = 50, .jitter_factor = 0};
    return options;
  }
  Actions Step(const E::Any& event) { return scheduler_.Step(event, now_ms_); }
  Actions TickAt(int64_t now_ms) {
    now_ms_ = now_ms;
    return Step(E::Tick{});
  }
  Actions Grant() { return Step(E::SlotsGranted{{{.task_manager = "a", .index = {0}}, {.task_manager = "b", .index = {0}}}}); }
  Actions Ready(const std::string& tm) { return Step(E::WorkerReady{scheduler_.attempt(), tm}); }
  Actions Change(uint32_t vertex, uint32_t subtask, TaskStatus status, Status failure = {}) {
    return Step(E::TaskChanged{.attempt = scheduler_.attempt(), .subtask = {.vertex = {vertex}, .subtask = subtask}, .status = status, .failure = std::move(failure)});
  }
  Actions ChangeAll(TaskStatus status) {
    Actions last;
    for (uint32_t vertex = 0; vertex < 3; ++vertex) {
      for (uint32_t subtask = 0; subtask < 2; ++subtask) last = Change(vertex, subtask, status);
    }
    return last;
  }
  Actions Cancelled(const std::string& tm) { return Step(E::TasksCancelled{scheduler_.attempt(), tm}); }
  Actions Deploy() {
    Grant();
    Ready("a");
    return Ready("b");
  }
  void Run() {
    Step(E::Submitted{});
    Deploy();
    ChangeAll(TaskStatus::kRunning);
    ASSERT_EQ(scheduler_.phase(), Phase::kRunning);
  }
  // One task fails and both workers answer the cancellation.
  void FailAndCancel() {
    Change(0, 0, TaskStatus::kFailed, UserError("boom"));
    Cancelled("a");
    Cancelled("b");
    ASSERT_EQ(scheduler_.phase(), Phase::kRestartPause);
  }

  int64_t now_ms_ = 0;
  Scheduler scheduler_{testing::LineGraph(2, 2, 2), {3}, Options()};
};

SchedulerVerdict VerdictOf(const Actions& actions) { return OnlyOf<A::MessageIgnored>(actions).verdict; }

TEST_F(SchedulerTest, DeploysOnlyWhenAllWorkersAreReady) {
  EXPECT_EQ(OnlyOf<A::RequestSlots>(Step(E::Submitted{CheckpointId{7}})).slot_count, 2u);
  const auto starts = AllOf<A::StartWorker>(Grant());
  ASSERT_EQ(starts.size(), 2u);
  EXPECT_EQ(starts[0].attempt, (AttemptId{.epoch = {3}, .restart = 1}));
  EXPECT_FALSE(Has<A::DeployTasks>(Ready("b")));
  const auto deploys = AllOf<A::DeployTasks>(Ready("a"));
  ASSERT_EQ(deploys.size(), 2u);
  EXPECT_EQ(deploys[0].task_manager, "a");
  EXPECT_EQ(deploys[0].tasks.size(), 3u);
  EXPECT_EQ(deploys[0].restored, CheckpointId{7});
}

TEST_F(SchedulerTest, CheckpointingStartsWhenAllTasksRun) {
  Step(E::Submitted{});
  Deploy();
  for (uint32_t vertex = 1; vertex < 3; ++vertex) {
    for (uint32_t subtask = 0; subtask < 2; ++subtask) Change(vertex, subtask, TaskStatus::kRunning);
  }
  Change(0, 0, TaskStatus::kFinished);
  const auto start = OnlyOf<A::StartCheckpointing>(Change(0, 1, TaskStatus::kDrained));
  EXPECT_THAT(start.finished, ::testing::ElementsAre(SubtaskId{.vertex = {0}, .subtask = 0}));
  EXPECT_THAT(start.drained, ::testing::ElementsAre(SubtaskId{.vertex = {0}, .subtask = 1}));
}

TEST_F(SchedulerTest, AFailureRestartsTheWholeJobOnSurvivingWorkersAsANewAttempt) {
  Run();
  Step(E::PublicationStarted{{4}});
  Step(E::PublicationSettled{.id = {4}, .published = true});
  const Actions failed = Change(1, 0, TaskStatus::kFailed, UserError("boom"));
  EXPECT_EQ(OnlyOf<A::StatusChanged>(failed).status, JobStatus::kRestarting);
  EXPECT_TRUE(Has<A::StopCheckpointing>(failed));
  EXPECT_EQ(AllOf<A::CancelTasks>(failed).size(), 2u);
  Cancelled("a");
  EXPECT_EQ(scheduler_.phase(), Phase::kRestartCancelling);
  Cancelled("b");
  EXPECT_FALSE(Has<A::RequestSlots>(TickAt(49)));
  const Actions restart = TickAt(50);
  EXPECT_TRUE(Has<A::RequestSlots>(restart));
  EXPECT_FALSE(Has<A::StopWorker>(restart));
  const auto deploys = AllOf<A::DeployTasks>(Deploy());
  ASSERT_EQ(deploys.size(), 2u);
  EXPECT_EQ(deploys[0].attempt, (AttemptId{.epoch = {3}, .restart = 2}));
  EXPECT_EQ(deploys[0].restored, CheckpointId{4});
}

TEST_F(SchedulerTest, R9MessagesOfAnotherAttemptChangeNothing) {
  Run();
  const AttemptId old = scheduler_.attempt();
  FailAndCancel();
  TickAt(50);
  Grant();
  const SubtaskId task{.vertex = {0}, .subtask = 0};
  EXPECT_EQ(VerdictOf(Step(E::WorkerReady{old, "a"})), SchedulerVerdict::kStaleAttempt);
  EXPECT_EQ(VerdictOf(Step(E::WorkerFailed{.attempt = old, .task_manager = "a", .reason = {}})), SchedulerVerdict::kStaleAttempt);
  EXPECT_EQ(VerdictOf(Step(E::TasksCancelled{old, "a"})), SchedulerVerdict::kStaleAttempt);
  EXPECT_EQ(VerdictOf(Step(E::TaskChanged{.attempt = old, .subtask = task, .status = TaskStatus::kFinished, .failure = {}})), SchedulerVerdict::kStaleAttempt);
  EXPECT_EQ(VerdictOf(Step(E::CheckpointingFailed{.attempt = old, .reason = {}})), SchedulerVerdict::kStaleAttempt);
}

TEST_F(SchedulerTest, ARestartThatIsNoFailureAsksNoStrategy) {
  Scheduler::Options options = Options();
  options.restart.kind = RestartStrategyConfig::Kind::kNone;
  Scheduler scheduler(testing::LineGraph(1, 1, 1), {3}, options);
  scheduler.Step(E::Submitted{CheckpointId{4}}, 0);
  scheduler.Step(E::SlotsGranted{{{.task_manager = "a", .index = {0}}}}, 0);
  scheduler.Step(E::WorkerReady{scheduler.attempt(), "a"}, 0);
  EXPECT_TRUE(Has<A::CancelTasks>(scheduler.Step(E::CheckpointingFailed{.attempt = scheduler.attempt(), .reason = "drained", .jitter = 0.5, .restarts_only = true}, 0)));
  EXPECT_EQ(scheduler.status(), JobStatus::kRestarting);
  EXPECT_TRUE(Has<A::RequestSlots>(scheduler.Step(E::TasksCancelled{scheduler.attempt(), "a"}, 0)));  // Without a pause.
}

TEST_F(SchedulerTest, DoubleUnknownAndUnexpectedMessagesAreNamed) {
  Run();
  EXPECT_EQ(VerdictOf(Step(E::Submitted{})), SchedulerVerdict::kDuplicate);
  EXPECT_EQ(VerdictOf(Grant()), SchedulerVerdict::kNotExpected);
  EXPECT_EQ(VerdictOf(Ready("a")), SchedulerVerdict::kDuplicate);
  EXPECT_EQ(VerdictOf(Ready("z")), SchedulerVerdict::kUnknownWorker);
  EXPECT_EQ(VerdictOf(Cancelled("a")), SchedulerVerdict::kNotExpected);
  EXPECT_EQ(VerdictOf(Change(9, 0, TaskStatus::kRunning)), SchedulerVerdict::kUnknownTask);
  Change(0, 0, TaskStatus::kDrained);
  EXPECT_EQ(VerdictOf(Change(0, 0, TaskStatus::kRunning)), SchedulerVerdict::kDuplicate);  // Reordered.
  EXPECT_EQ(VerdictOf(Step(E::TaskManagerLost{.task_manager = "z"})), SchedulerVerdict::kUnknownWorker);
}

TEST_F(SchedulerTest, R10ARestartWaitsForThePublicationInFlight) {
  Run();
  Step(E::PublicationStarted{{4}});
  FailAndCancel();
  EXPECT_FALSE(Has<A::RequestSlots>(TickAt(10'000)));
  EXPECT_TRUE(Has<A::RequestSlots>(Step(E::PublicationSettled{.id = {4}, .published = true})));
  EXPECT_EQ(AllOf<A::DeployTasks>(Deploy()).at(0).restored, CheckpointId{4});
}

TEST_F(SchedulerTest, FailuresDuringARestartDoNotCountAgain) {
  Run();
  Change(0, 0, TaskStatus::kFailed, UserError("boom"));
  Step(E::TaskManagerLost{.task_manager = "a"});
  Cancelled("b");
  EXPECT_EQ(scheduler_.phase(), Phase::kRestartPause);
  EXPECT_TRUE(Has<A::RequestSlots>(TickAt(50)));
}

TEST_F(SchedulerTest, AFailureWhileWorkersStartIsAFailureOfTheAttempt) {
  Step(E::Submitted{});
  Grant();
  Step(E::WorkerFailed{.attempt = scheduler_.attempt(), .task_manager = "a", .reason = UserError("SIGSEGV")});
  EXPECT_EQ(scheduler_.phase(), Phase::kRestartCancelling);
  Cancelled("b");
  EXPECT_EQ(scheduler_.phase(), Phase::kRestartPause);
}

TEST_F(SchedulerTest, AJobIsCreatedUntilItsTasksAreDeployed) {
  EXPECT_FALSE(Has<A::StatusChanged>(Step(E::Submitted{})));
  EXPECT_FALSE(Has<A::StatusChanged>(Grant()));
  EXPECT_EQ(scheduler_.status(), JobStatus::kCreated);
  Ready("a");
  EXPECT_EQ(OnlyOf<A::StatusChanged>(Ready("b")).status, JobStatus::kRunning);
}

TEST_F(SchedulerTest, AfterAFailureItIsRestartingUntilItsTasksAreDeployed) {
  Run();
  FailAndCancel();
  EXPECT_FALSE(Has<A::StatusChanged>(TickAt(50)));
  EXPECT_FALSE(Has<A::StatusChanged>(Grant()));
  EXPECT_EQ(scheduler_.status(), JobStatus::kRestarting);
  Ready("a");
  EXPECT_EQ(OnlyOf<A::StatusChanged>(Ready("b")).status, JobStatus::kRunning);
}

TEST_F(SchedulerTest, AFailureBeforeTheDeploymentIsToldEachTime) {
  Step(E::Submitted{});
  Grant();
  const auto fail = [this](const std::string& what) {
    return OnlyOf<A::StatusChanged>(Step(E::WorkerFailed{.attempt = scheduler_.attempt(), .task_manager = "a", .reason = UserError(what)}));
  };
  EXPECT_EQ(fail("first").status, JobStatus::kRestarting);
  Cancelled("b");
  TickAt(50);
  Grant();
  const auto again = fail("second");
  EXPECT_EQ(again.status, JobStatus::kRestarting);
  EXPECT_EQ(again.cause.message(), "second");
}

TEST_F(SchedulerTest, AWorkerOnATaskManagerWithoutASlotIsStopped) {
  Run();
  FailAndCancel();
  TickAt(50);
  const Actions granted = Step(E::SlotsGranted{{{.task_manager = "a", .index = {0}}, {.task_manager = "a", .index = {1}}}});
  EXPECT_EQ(OnlyOf<A::StopWorker>(granted).task_manager, "b");
  EXPECT_EQ(OnlyOf<A::StartWorker>(granted).task_manager, "a");
}

TEST_F(SchedulerTest, R8TheJobEndsOnlyAfterItsTerminalRecord) {
  Run();
  const Actions finished = ChangeAll(TaskStatus::kFinished);
  EXPECT_EQ(OnlyOf<A::WriteTerminal>(finished).status, JobStatus::kFinished);
  EXPECT_FALSE(Has<A::JobEnded>(finished));
  const Actions ended = Step(E::TerminalWritten{});
  EXPECT_EQ(OnlyOf<A::JobEnded>(ended).status, JobStatus::kFinished);
  EXPECT_EQ(AllOf<A::StopWorker>(ended).size(), 2u);
  EXPECT_TRUE(Has<A::ReleaseSlots>(ended));
  EXPECT_EQ(scheduler_.status(), JobStatus::kFinished);
}

TEST_F(SchedulerTest, CancelEndsAllTasksFirst) {
  Run();
  const Actions cancelling = Step(E::CancelRequested{});
  EXPECT_EQ(scheduler_.status(), JobStatus::kCancelling);
  EXPECT_EQ(AllOf<A::CancelTasks>(cancelling).size(), 2u);
  EXPECT_EQ(VerdictOf(Step(E::CancelRequested{})), SchedulerVerdict::kNotExpected);
  Cancelled("a");
  EXPECT_EQ(OnlyOf<A::WriteTerminal>(Cancelled("b")).status, JobStatus::kCanceled);
}

TEST_F(SchedulerTest, R31ACancelBeyondItsDeadlineKillsTheWorker) {
  Run();
  Step(E::CancelRequested{});
  Cancelled("a");
  EXPECT_FALSE(Has<A::KillWorker>(TickAt(29'999)));
  EXPECT_EQ(OnlyOf<A::KillWorker>(TickAt(30'000)).task_manager, "b");
  EXPECT_EQ(scheduler_.phase(), Phase::kEnding);  // It may still run until its end is known.
  const Actions dead = Step(E::WorkerFailed{.attempt = scheduler_.attempt(), .task_manager = "b", .reason = {}});
  EXPECT_EQ(OnlyOf<A::WriteTerminal>(dead).status, JobStatus::kCanceled);
}

TEST_F(SchedulerTest, CancelBeforeAnythingRunsEndsAtOnce) {
  Step(E::Submitted{});
  EXPECT_TRUE(Has<A::WriteTerminal>(Step(E::CancelRequested{})));
}

TEST_F(SchedulerTest, AStrategyThatGivesUpFailsTheJob) {
  Scheduler::Options options = Options();
  options.restart.kind = RestartStrategyConfig::Kind::kNone;
  Scheduler scheduler(testing::LineGraph(2, 2, 2), {3}, options);
  scheduler.Step(E::Submitted{}, 0);
  scheduler.Step(E::SlotsGranted{{{.task_manager = "a", .index = {0}}, {.task_manager = "a", .index = {1}}}}, 0);
  scheduler.Step(E::WorkerFailed{.attempt = scheduler.attempt(), .task_manager = "a", .reason = UserError("boom")}, 0);
  EXPECT_EQ(scheduler.status(), JobStatus::kFailing);
  EXPECT_TRUE(Has<A::JobEnded>(scheduler.Step(E::TerminalWritten{}, 0)));
  EXPECT_EQ(scheduler.status(), JobStatus::kFailed);
}

TEST_F(SchedulerTest, R7AFatalFailureDoesNotRestart) {
  Run();
  Step(E::FatalFailure{Corruption("checkpoint damaged")});
  EXPECT_EQ(scheduler_.status(), JobStatus::kFailing);
  Cancelled("a");
  EXPECT_EQ(OnlyOf<A::WriteTerminal>(Cancelled("b")).reason, "CORRUPTION: checkpoint damaged");
}

TEST_F(SchedulerTest, R3ADeposedLeaderDoesNothingMore) {
  Run();
  EXPECT_TRUE(Has<A::StopCheckpointing>(Step(E::LeadershipLost{})));
  EXPECT_EQ(scheduler_.status(), JobStatus::kSuspended);
  EXPECT_EQ(VerdictOf(Change(0, 0, TaskStatus::kFailed)), SchedulerVerdict::kNotExpected);
}

TEST_F(SchedulerTest, R29ATaskThatRanAndIsMissingFromAReportFailsTheAttempt) {
  const auto report = [this](const std::string& tm, uint32_t without = UINT32_MAX) {
    E::TasksReported event{scheduler_.attempt(), tm, {}};
    for (const TaskPlacement& placement : scheduler_.placements()) {
      if (placement.slot.task_manager == tm && placement.subtask.vertex.value != without) event.running.push_back(placement.subtask);
    }
    return event;
  };
  Step(E::Submitted{});
  Deploy();
  Step(E::TasksReported{scheduler_.attempt(), "a", {}});  // Nobody has said that it runs: the deployment is under way.
  EXPECT_EQ(scheduler_.phase(), Phase::kDeploying);
  ChangeAll(TaskStatus::kRunning);
  ASSERT_EQ(scheduler_.phase(), Phase::kRunning);
  Step(report("a"));
  Step(report("b"));
  Step(E::TasksReported{{LeaderEpoch{3}, 0}, "a", {}});  // Of another attempt.
  EXPECT_EQ(scheduler_.phase(), Phase::kRunning);
  for (uint32_t subtask = 0; subtask < 2; ++subtask) Change(0, subtask, TaskStatus::kFinished);
  Step(report("a", 0));  // What has ended need not be there.
  EXPECT_EQ(scheduler_.phase(), Phase::kRunning);
  const Actions actions = Step(report("b", 2));
  EXPECT_EQ(scheduler_.phase(), Phase::kRestartCancelling);
  const std::string cause = OnlyOf<A::StatusChanged>(actions).cause.message();
  EXPECT_NE(cause.find("TaskManager b"), std::string::npos) << cause;
  EXPECT_NE(cause.find("subtask="), std::string::npos) << cause;
}

TEST_F(SchedulerTest, R3WhoeverLosesTheLeadershipLetsGoOfWorkersAndSlots) {
  Run();
  const Actions actions = Step(E::LeadershipLost{});
  std::vector<std::string> stopped;
  for (const A::StopWorker& stop : AllOf<A::StopWorker>(actions)) stopped.push_back(stop.task_manager);
  EXPECT_EQ(stopped, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(Has<A::ReleaseSlots>(actions));
  EXPECT_FALSE(Has<A::JobEnded>(actions));  // Nothing of it is ours to delete.
  EXPECT_EQ(VerdictOf(Step(E::CancelRequested{})), SchedulerVerdict::kNotExpected);
}

TEST_F(SchedulerTest, R7AJobWhoseEndCannotBeRecordedFailsAndNothingIsCleanedUp) {
  Run();
  EXPECT_EQ(VerdictOf(Step(E::TerminalImpossible{Corruption("x")})), SchedulerVerdict::kNotExpected);
  Step(E::CancelRequested{});
  Cancelled("a");
  ASSERT_TRUE(Has<A::WriteTerminal>(Cancelled("b")));
  const Actions actions = Step(E::TerminalImpossible{Corruption("damaged, path=/c/1")});
  EXPECT_EQ(AllOf<A::StopWorker>(actions).size(), 2u);
  EXPECT_TRUE(Has<A::ReleaseSlots>(actions));
  EXPECT_EQ(OnlyOf<A::JobEnded>(actions).status, JobStatus::kFailed);
  EXPECT_FALSE(OnlyOf<A::JobEnded>(actions).recorded);
  EXPECT_EQ(OnlyOf<A::StatusChanged>(actions).cause.message(), "damaged, path=/c/1");
  EXPECT_EQ(scheduler_.status(), JobStatus::kFailed);
}

TEST_F(SchedulerTest, MissingSlotsAndSlowDeploymentsHaveDeadlines) {
  Step(E::Submitted{});
  TickAt(300'000);
  EXPECT_EQ(scheduler_.phase(), Phase::kRestartPause);
  TickAt(300'050);
  Grant();
  TickAt(900'050);
  EXPECT_EQ(scheduler_.phase(), Phase::kRestartCancelling);
}

}  // namespace
}  // namespace weir
