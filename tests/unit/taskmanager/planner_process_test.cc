#include "proto/planning/planner_process.h"

#include <gtest/gtest.h>

#include "proto/planning/plan_properties.h"

namespace weir {
namespace {

PlanRequest Request(const std::string& mode) {
  PlanRequest request;
  request.library = WEIR_TEST_JOB;
  request.arguments = {"--mode", mode};
  request.parallelism = 3;
  request.worker_program = WEIR_WORKER_PROGRAM;
  return request;
}

TEST(PlannerProcessTest, AJobIsPlannedWithItsSettings) {
  PlanRequest request = Request("none");
  request.defaults.checkpoint.interval_ms = 1'234;
  const StatusOr<PlannedJob> planned = PlanInChild(request);
  ASSERT_TRUE(planned.ok()) << planned.status().ToString();
  EXPECT_EQ(planned->graph.name, "misbehaving");
  EXPECT_EQ(planned->graph.checkpoint.interval_ms, 1'234);
  EXPECT_EQ(planned->graph.vertices.back().parallelism, 3u);
  EXPECT_EQ(planned->fingerprint, planned->graph.Fingerprint());
  EXPECT_TRUE(planned->pinned.contains("planning"));
}

TEST(PlannerProcessTest, ACrashIsAMessageWithSignalAndStack) {
  const Status status = PlanInChild(Request("entry-crash")).status();
  EXPECT_EQ(status.code(), StatusCode::kUserError);
#ifdef WEIR_SANITIZED
  return;  // Crashes are reported by the sanitizer, in its own words.
#endif
  EXPECT_NE(status.message().find("signal 11"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("SIGSEGV"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("CrashHere"), std::string::npos) << status.message();
}

TEST(PlannerProcessTest, AnExceptionOfTheEntryComesBack) {
  const Status status = PlanInChild(Request("entry-throw")).status();
  EXPECT_EQ(status.code(), StatusCode::kUserError);
  EXPECT_NE(status.message().find("thrown on demand"), std::string::npos) << status.message();
}

TEST(PlannerProcessTest, ExitIsNoWayToPlan) {
  const Status status = PlanInChild(Request("entry-exit")).status();
  EXPECT_EQ(status.code(), StatusCode::kUserError);
  EXPECT_NE(status.message().find("exited with code 3"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("must not call exit"), std::string::npos) << status.message();
}

TEST(PlannerProcessTest, AHangEndsAtTheDeadline) {
  PlanRequest request = Request("entry-hang");
  request.timeout_ms = 300;
  EXPECT_EQ(PlanInChild(request).status().code(), StatusCode::kDeadlineExceeded);
}

// What an entry may use only if it is pinned.
class SurroundingsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(SurroundingsTest, AGraphThatDependsOnThemIsRefusedAndNamed) {
  PlanRequest request = Request("none");
  request.arguments.insert(request.arguments.end(), {"--named-by", GetParam()});
  const Status status = PlanInChildTwice(request).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  for (const char* text : {"\" has an operator \"misbehave ", ", then \"misbehave ", "env.Pinned"}) {
    EXPECT_NE(status.message().find(text), std::string::npos) << "no " << text << " in " << status.message();
  }
}

TEST_P(SurroundingsTest, AGraphThatPinsThemIsPlanned) {
  PlanRequest request = Request("none");
  request.arguments.insert(request.arguments.end(), {"--named-by-pinned", GetParam()});
  const StatusOr<PlannedJob> planned = PlanInChildTwice(request);
  ASSERT_TRUE(planned.ok()) << planned.status().ToString();
  EXPECT_TRUE(planned->pinned.contains("suffix"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, SurroundingsTest,
                         ::testing::Values("time", "date", "weekday", "gettimeofday", "timespec_get", "uptime", "gethostname", "uname", "random_device",
                                           "rand", "drand48"),
                         [](const auto& info) { return std::string(info.param); });

TEST(PlannerProcessTest, OtherJobsArePlannedTwiceWithoutANotice) {
  for (const char* mode : {"none", "waits"}) {
    const StatusOr<PlannedJob> twice = PlanInChildTwice(Request(mode));
    ASSERT_TRUE(twice.ok()) << mode << ": " << twice.status().ToString();
    EXPECT_EQ(twice->fingerprint, PlanInChild(Request(mode))->fingerprint);
  }
}

TEST(PlannerProcessTest, WhatTheEntryPrintsAppearsOnce) {
  ::testing::internal::CaptureStdout();
  const Status status = PlanInChildTwice(Request("prints")).status();
  const std::string printed = ::testing::internal::GetCapturedStdout();
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(printed, "the entry runs\n");
}

TEST(PlannerProcessTest, AnEntryThatRunsDifferentlyTheSecondTimeIsRefused) {
  PlanRequest request = Request("worker-hang");
  request.timeout_ms = 1'000;
  const Status hangs = PlanInChildTwice(request).status();
  EXPECT_EQ(hangs.code(), StatusCode::kDeadlineExceeded);
  EXPECT_NE(hangs.message().find("a second time"), std::string::npos) << hangs.message();
  const Status renamed = PlanInChildTwice(Request("unstable")).status();
  EXPECT_EQ(renamed.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(renamed.message().find("its name is \"misbehaving\", then \"another name\""), std::string::npos) << renamed.message();
}

TEST(PlannerProcessTest, NoLibraryOrNoProgramIsSaid) {
  PlanRequest request = Request("none");
  request.library = "/no/such/job.so";
  EXPECT_EQ(PlanInChild(request).status().code(), StatusCode::kInvalidArgument);
  request.worker_program = "/no/such/program";
  EXPECT_EQ(PlanInChild(request).status().code(), StatusCode::kNotFound);
}

TEST(PlanPropertiesTest, DefaultsComeBack) {
  PlanDefaults defaults;
  defaults.checkpoint = {.interval_ms = 1, .timeout_ms = 2, .min_pause_ms = 3, .tolerable_failed = 4, .retained_max = 5, .retain_on_cancellation = false};
  EXPECT_EQ(PlanDefaultsFromProperties(ToProperties(defaults))->checkpoint, defaults.checkpoint);
  EXPECT_FALSE(PlanDefaultsFromProperties(ToProperties(defaults))->restart.has_value());
  defaults.restart = RestartStrategyConfig{.kind = RestartStrategyConfig::Kind::kFixedDelay, .attempts_max = 1, .delay_ms = 2, .initial_backoff_ms = 3,
                                           .max_backoff_ms = 4, .backoff_multiplier = 1.1, .reset_backoff_threshold_ms = 6, .jitter_factor = 0.7,
                                           .exponential_attempts_max = 8};
  EXPECT_EQ(PlanDefaultsFromProperties(ToProperties(defaults))->restart, defaults.restart);
}

TEST(PlanPropertiesTest, UnknownKeysAndWordsAreRefused) {
  for (const char* text : {"x=1", "execution.checkpointing.interval", "execution.checkpointing.interval=", "execution.checkpointing.interval=1s",
                           "restart-strategy.type=7", "restart-strategy.exponential-delay.jitter-factor=much"}) {
    EXPECT_FALSE(PlanDefaultsFromProperties({text}).ok()) << text;
  }
}

}  // namespace
}  // namespace weir
