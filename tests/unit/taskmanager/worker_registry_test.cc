#include "taskmanager/worker_registry.h"

#include <gtest/gtest.h>

#include <random>

namespace weir {
namespace {

using Event = WorkerRegistryEvent;
using Action = WorkerRegistryAction;

AttemptId Attempt(uint32_t restart) { return {LeaderEpoch{1}, restart}; }

// A registry, the time, and the actions of the last step as short words.
class WorkerRegistryTest : public ::testing::Test {
 protected:
  using Words = std::vector<std::string>;

  Words Step(const Event::Any& event) {
    Words words;
    failures_.clear();
    for (const Action::Any& action : registry_.Step(event, now_ms_)) {
      std::visit([&](const auto& known) { words.push_back(Word(known)); }, action);
    }
    return words;
  }
  Words Tick(int64_t ms) {
    now_ms_ += ms;
    return Step(Event::Tick{});
  }

  std::string Word(const Action::Fetch& a) { return serial_ = a.serial, "fetch"; }
  std::string Word(const Action::Launch&) { return "launch"; }
  std::string Word(const Action::SendStart& a) { return "start " + a.attempt.ToString(); }
  std::string Word(const Action::SendCancel& a) { return "cancel " + a.attempt.ToString(); }
  std::string Word(const Action::SendStop&) { return "stop"; }
  std::string Word(const Action::Kill&) { return "kill"; }
  std::string Word(const Action::Forget&) { return "forget"; }
  std::string Word(const Action::ReportReady& a) { return "ready " + a.attempt.ToString(); }
  std::string Word(const Action::ReportFailed& a) {
    failures_.push_back(a.failure);
    return "failed " + a.attempt.ToString();
  }
  std::string Word(const Action::ReportTasksCancelled& a) { return "cancelled " + a.attempt.ToString(); }
  std::string Word(const Action::Ignored&) { return "ignored"; }

  Event::StartRequested Start(uint32_t restart, const std::string& identity = "lib") { return {job_, Attempt(restart), identity}; }
  Event::Exited Exited() { return {serial_, UserError("worker exited with code 0 although its job was running")}; }

  // A ready worker with two tasks of attempt 1.
  void Run() {
    EXPECT_EQ(Step(Start(1)), Words{"fetch"});
    EXPECT_EQ(Step(Event::ArtifactFetched{serial_, {}}), Words{"launch"});
    EXPECT_EQ(Step(Event::ProcessStarted{serial_, 77}), Words{"start 1.1"});
    EXPECT_EQ(Step(Event::Ready{serial_}), Words{"ready 1.1"});
    EXPECT_EQ(Step(Event::TasksDeployed{job_, Attempt(1), {{VertexIndex{0}, 0}, {VertexIndex{1}, 0}}}), Words{});
  }

  const JobId job_ = JobId::Random();
  WorkerRegistry registry_{{.start_timeout_ms = 100, .cancellation_timeout_ms = 200, .shutdown_timeout_ms = 50, .worker_count_max = 3}};
  int64_t now_ms_ = 0;
  WorkerSerial serial_;  // Of the last Fetch.
  std::vector<Status> failures_;
};

TEST_F(WorkerRegistryTest, AWorkerIsReportedWithItsRunningTasks) {
  Run();
  ASSERT_EQ(registry_.Report().size(), 1u);
  EXPECT_EQ(registry_.Report()[0].running.size(), 2u);
  EXPECT_EQ(Step(Event::TaskEnded{serial_, Attempt(1), {VertexIndex{0}, 0}}), Words{});
  EXPECT_EQ(Step(Event::TaskEnded{serial_, Attempt(0), {VertexIndex{1}, 0}}), Words{});  // Of another attempt.
  EXPECT_EQ(registry_.Report()[0].running, (std::vector<SubtaskId>{{VertexIndex{1}, 0}}));
  EXPECT_EQ(registry_.ReadyWorkerOf(job_), serial_);
}

TEST_F(WorkerRegistryTest, AReadyWorkerIsReusedForANewerAttemptOnly) {
  Run();
  EXPECT_EQ(Step(Start(0)), Words{"ignored"});
  EXPECT_EQ(Step(Event::CancelRequested{job_, Attempt(1)}), Words{"cancel 1.1"});
  EXPECT_EQ(Step(Event::TasksCancelled{serial_, Attempt(1)}), Words{"cancelled 1.1"});
  EXPECT_EQ(Step(Start(2)), Words{"ready 1.2"});
}

TEST_F(WorkerRegistryTest, TasksOfAnOlderAttemptEndBeforeANewOneIsReady) {
  Run();
  EXPECT_EQ(Step(Start(2)), Words{"cancel 1.1"});
  EXPECT_EQ(Step(Event::TasksCancelled{serial_, Attempt(0)}), Words{"ignored"});
  EXPECT_EQ(Step(Event::TasksCancelled{serial_, Attempt(1)}), Words{"ready 1.2"});  // Nobody asked for the cancellation.
}

TEST_F(WorkerRegistryTest, ACancellationThatBothWantIsAnsweredToBoth) {
  Run();
  EXPECT_EQ(Step(Start(2)), Words{"cancel 1.1"});
  EXPECT_EQ(Step(Event::CancelRequested{job_, Attempt(1)}), Words{"cancel 1.1"});
  EXPECT_EQ(Step(Event::TasksCancelled{serial_, Attempt(1)}), (Words{"cancelled 1.1", "ready 1.2"}));
}

TEST_F(WorkerRegistryTest, AStartingWorkerServesTheNewestAttempt) {
  EXPECT_EQ(Step(Start(1)), Words{"fetch"});
  EXPECT_EQ(Step(Start(2)), Words{});
  EXPECT_EQ(Step(Event::ArtifactFetched{serial_, {}}), Words{"launch"});
  EXPECT_EQ(Step(Start(3)), Words{});
  EXPECT_EQ(Step(Event::ProcessStarted{serial_, 77}), Words{"start 1.3"});
  EXPECT_EQ(Step(Start(4)), Words{});
  EXPECT_EQ(Step(Event::Ready{serial_}), Words{"ready 1.4"});
  EXPECT_EQ(Step(Event::Ready{serial_}), Words{"ignored"});
}

TEST_F(WorkerRegistryTest, AnUnexpectedEndIsAFailureAndTheNextStartIsANewWorker) {
  Run();
  const WorkerSerial first = serial_;
  EXPECT_EQ(Step(Exited()), (Words{"forget", "failed 1.1"}));
  EXPECT_EQ(failures_[0].code(), StatusCode::kUserError);
  EXPECT_TRUE(registry_.empty());
  EXPECT_EQ(Step(Exited()), Words{});  // Double.
  EXPECT_EQ(Step(Start(2)), Words{"fetch"});
  EXPECT_NE(serial_, first);
}

TEST_F(WorkerRegistryTest, ALibraryThatCannotBeFetchedFailsTheWorkerWithoutAProcess) {
  EXPECT_EQ(Step(Start(1)), Words{"fetch"});
  EXPECT_EQ(Step(Event::ArtifactFetched{serial_, Corruption("bad hash")}), (Words{"forget", "failed 1.1"}));
  EXPECT_EQ(failures_[0].code(), StatusCode::kCorruption);
}

TEST_F(WorkerRegistryTest, WhatAWorkerSaysOfItsFailureCountsMoreThanHowItEnds) {
  Run();
  EXPECT_EQ(Step(Event::Failed{serial_, ResourceExhausted("memory")}), Words{"kill"});
  EXPECT_EQ(Step(Event::Failed{serial_, Internal("again")}), Words{});
  EXPECT_EQ(Step(Exited()), (Words{"forget", "failed 1.1"}));
  EXPECT_EQ(failures_[0], ResourceExhausted("memory"));
}

TEST_F(WorkerRegistryTest, AWorkerThatIsNotReadyInTimeIsKilled) {
  Step(Start(1));
  Step(Event::ArtifactFetched{serial_, {}});
  Step(Event::ProcessStarted{serial_, 77});
  EXPECT_EQ(registry_.next_deadline_ms(), 100);
  EXPECT_EQ(Tick(99), Words{});
  EXPECT_EQ(Tick(1), Words{"kill"});
  EXPECT_EQ(Tick(1'000), Words{});
  EXPECT_EQ(Step(Event::Ready{serial_}), Words{"ignored"});  // Too late.
  EXPECT_EQ(Step(Exited()), (Words{"forget", "failed 1.1"}));
  EXPECT_EQ(failures_[0].code(), StatusCode::kDeadlineExceeded);
}

TEST_F(WorkerRegistryTest, TheTimeToStartBeginsWhenTheLibraryIsThere) {  // The download has a deadline of its own.
  Step(Start(1));
  EXPECT_EQ(Tick(10'000), Words{});
  EXPECT_EQ(Step(Event::ArtifactFetched{serial_, {}}), Words{"launch"});
  EXPECT_EQ(Tick(99), Words{});
  EXPECT_EQ(Tick(1), Words{"kill"});
}

TEST_F(WorkerRegistryTest, ACancellationWithoutAnAnswerKillsTheWorker) {
  Run();
  EXPECT_EQ(Step(Event::CancelRequested{job_, Attempt(1)}), Words{"cancel 1.1"});
  EXPECT_EQ(Tick(199), Words{});
  EXPECT_EQ(Tick(1), Words{"kill"});
  EXPECT_EQ(Step(Exited()), (Words{"forget", "failed 1.1", "cancelled 1.1"}));
  EXPECT_EQ(failures_[0].code(), StatusCode::kDeadlineExceeded);
}

// The JobManager's own deadline may be the earlier one: it then asks for the worker to stop.
TEST_F(WorkerRegistryTest, AWorkerThatDoesNotCancelSaysSoAlsoWhenItWasToldToStop) {
  Run();
  Step(Event::CancelRequested{job_, Attempt(1)});
  now_ms_ += 199;
  EXPECT_EQ(Step(Event::StopRequested{job_}), Words{"stop"});
  EXPECT_EQ(Tick(1), Words{"kill"});
  Step(Exited());
  EXPECT_EQ(failures_[0].code(), StatusCode::kDeadlineExceeded) << failures_[0].ToString();
}

TEST_F(WorkerRegistryTest, RepeatedCancellationsDoNotMoveTheDeadline) {
  Run();
  Step(Event::CancelRequested{job_, Attempt(1)});
  now_ms_ += 150;
  EXPECT_EQ(Step(Event::CancelRequested{job_, Attempt(1)}), Words{"cancel 1.1"});
  EXPECT_EQ(Tick(50), Words{"kill"});
}

TEST_F(WorkerRegistryTest, WithoutTasksACancellationIsAnsweredAtOnce) {
  EXPECT_EQ(Step(Event::CancelRequested{job_, Attempt(1)}), Words{"cancelled 1.1"});
  Step(Start(1));
  EXPECT_EQ(Step(Event::CancelRequested{job_, Attempt(1)}), Words{"cancelled 1.1"});
}

TEST_F(WorkerRegistryTest, StoppingIsGracefulThenDeadly) {
  Run();
  EXPECT_EQ(Step(Event::StopRequested{job_}), Words{"stop"});
  EXPECT_EQ(registry_.ReadyWorkerOf(job_), std::nullopt);
  EXPECT_EQ(Step(Event::StopRequested{job_}), Words{});
  EXPECT_EQ(Tick(200), Words{"kill"});
  EXPECT_EQ(Step(Exited()), (Words{"forget", "failed 1.1"}));
  EXPECT_EQ(failures_[0].code(), StatusCode::kCancelled);
  EXPECT_EQ(Step(Event::StopRequested{job_}), Words{"ignored"});
}

TEST_F(WorkerRegistryTest, AStartThatMeetsAWorkerOnItsWayOutWaitsForItsEnd) {
  Run();
  Step(Event::StopRequested{job_});
  EXPECT_EQ(Step(Start(2)), Words{});
  EXPECT_EQ(Step(Start(3)), Words{});
  EXPECT_EQ(Step(Start(2)), Words{"ignored"});
  EXPECT_EQ(Step(Exited()), (Words{"forget", "failed 1.1", "fetch"}));
  EXPECT_EQ(Step(Event::ArtifactFetched{serial_, {}}), Words{"launch"});
  EXPECT_EQ(Step(Event::ProcessStarted{serial_, 78}), Words{"start 1.3"});
}

TEST_F(WorkerRegistryTest, AnotherShapeOfTheJobNeedsAnotherWorker) {
  Run();
  EXPECT_EQ(Step(Start(2, "other lib")), Words{"stop"});
  EXPECT_EQ(Step(Exited()), (Words{"forget", "failed 1.1", "fetch"}));
}

TEST_F(WorkerRegistryTest, AWorkerKilledBeforeItStartedIsNotSentAnything) {
  Step(Start(1));
  Step(Event::ArtifactFetched{serial_, {}});
  EXPECT_EQ(Step(Event::StopRequested{job_}), Words{"kill"});
  EXPECT_EQ(Step(Event::ProcessStarted{serial_, 77}), Words{});
  EXPECT_EQ(Step(Exited()), (Words{"forget", "failed 1.1"}));
}

TEST_F(WorkerRegistryTest, StopAllKillsOrStopsEveryWorkerAndForgetsWaitingStarts) {
  Run();
  const WorkerSerial running = serial_;
  EXPECT_EQ(Step(Event::StartRequested{JobId::Random(), Attempt(1), "x"}), Words{"fetch"});
  EXPECT_EQ(Step(Event::StopRequested{job_}), Words{"stop"});
  EXPECT_EQ(Step(Start(2)), Words{});
  Words words = Step(Event::StopAll{.reason = "no leader", .graceful = false});
  std::sort(words.begin(), words.end());
  EXPECT_EQ(words, (Words{"failed 1.1", "forget", "kill"}));
  serial_ = running;
  EXPECT_EQ(Step(Exited()), (Words{"forget", "failed 1.1"}));
  EXPECT_TRUE(registry_.empty());
}

TEST_F(WorkerRegistryTest, AGracefulStopAllHasItsOwnDeadline) {
  Run();
  EXPECT_EQ(Step(Event::StopAll{.reason = "shutdown", .graceful = true}), Words{"stop"});
  EXPECT_EQ(Tick(50), Words{"kill"});
}

TEST_F(WorkerRegistryTest, TheNumberOfWorkersIsBounded) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Step(Event::StartRequested{JobId::Random(), Attempt(1), "x"}), Words{"fetch"});
  EXPECT_EQ(Step(Start(1)), Words{"failed 1.1"});
  EXPECT_EQ(failures_[0].code(), StatusCode::kResourceExhausted);
}

// Whatever comes in whatever order: no CHECK fails, and every worker that was launched can be brought to its end.
TEST_F(WorkerRegistryTest, AnyOrderOfEventsLeadsToAnEnd) {
  std::mt19937 random(20'240'607);
  for (int round = 0; round < 200; ++round) {
    WorkerRegistry registry({.start_timeout_ms = 100, .cancellation_timeout_ms = 200, .shutdown_timeout_ms = 50, .worker_count_max = 3});
    std::vector<JobId> jobs = {JobId::Random(), JobId::Random()};
    std::map<WorkerSerial, bool> launched;  // Serial -> lives.
    uint64_t last_serial = 0;
    int64_t now_ms = 0;
    const auto step = [&](const Event::Any& event) {
      for (const Action::Any& action : registry.Step(event, now_ms)) {
        if (const auto* fetch = std::get_if<Action::Fetch>(&action)) last_serial = fetch->serial.value;
        if (const auto* launch = std::get_if<Action::Launch>(&action)) launched[launch->serial] = true;
        if (const auto* forget = std::get_if<Action::Forget>(&action)) {
          ASSERT_FALSE(launched[forget->serial]) << "forgotten while it lives";
        }
      }
    };
    for (int i = 0; i < 200; ++i) {
      now_ms += random() % 20;
      const JobId job = jobs[random() % 2];
      const AttemptId attempt = Attempt(random() % 5);
      const WorkerSerial serial{1 + random() % (last_serial + 1)};
      switch (random() % 11) {
        case 0: step(Event::StartRequested{job, attempt, random() % 8 == 0 ? "b" : "a"}); break;
        case 1: step(Event::StopRequested{job}); break;
        case 2: step(Event::CancelRequested{job, attempt}); break;
        case 3: step(Event::TasksDeployed{job, attempt, {{VertexIndex{0}, 0}}}); break;
        case 4: step(Event::ArtifactFetched{serial, random() % 4 == 0 ? Unavailable("x") : Status::Ok()}); break;
        case 5: step(Event::ProcessStarted{serial, 1}); break;
        case 6: step(Event::Ready{serial}); break;
        case 7: step(Event::TasksCancelled{serial, attempt}); break;
        case 8: step(Event::TaskEnded{serial, attempt, {VertexIndex{0}, 0}}); break;
        case 9: step(Event::Tick{}); break;
        case 10:
          if (launched[serial]) {
            launched[serial] = false;
            step(Event::Exited{serial, UserError("x")});
          }
          break;
      }
    }
    step(Event::StopAll{.reason = "end", .graceful = false});
    for (auto& [serial, lives] : launched) {
      if (!lives) continue;
      lives = false;
      step(Event::Exited{serial, UserError("x")});
    }
    EXPECT_TRUE(registry.empty());
  }
}

}  // namespace
}  // namespace weir
