#include "jobmanager/stuck_tasks.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr AttemptId kFirst{LeaderEpoch{1}, 1};
constexpr AttemptId kSecond{LeaderEpoch{1}, 2};

SubtaskId Subtask(uint32_t index) { return {VertexIndex{3}, index}; }
std::string Name(uint32_t index) { return "count (" + std::to_string(index + 1) + "/9)"; }

TEST(StuckTasksTest, ExplainsWithTaskTimeAndStack) {
  StuckTasks tasks;
  EXPECT_EQ(tasks.Explain("it failed", kFirst).message, "it failed");
  EXPECT_EQ(tasks.Explain("it failed", kFirst).stack, "");
  tasks.OnReport(kFirst, Subtask(0), {Name(0), 1'234, "  #0 Loop\n  #1 main\n"});
  EXPECT_EQ(tasks.Explain("it failed", kFirst).message, "it failed\ncount (1/9) has not finished a step for 1234 ms");
  EXPECT_EQ(tasks.Explain("it failed", kFirst).stack, "count (1/9):\n  #0 Loop\n  #1 main");
}

TEST(StuckTasksTest, ATaskThatGoesOnIsForgotten) {
  StuckTasks tasks;
  tasks.OnReport(kFirst, Subtask(0), {Name(0), 1'234, "  #0 Loop\n"});
  tasks.OnReport(kFirst, Subtask(0), {Name(0), 0, ""});
  EXPECT_EQ(tasks.Explain("it failed", kFirst).message, "it failed");
}

TEST(StuckTasksTest, R9AnotherAttemptsTasksExplainNothing) {
  StuckTasks tasks;
  tasks.OnReport(kFirst, Subtask(0), {Name(0), 1, "old"});
  EXPECT_EQ(tasks.Explain("it failed", kSecond).message, "it failed");
  tasks.OnReport(kSecond, Subtask(1), {Name(1), 2, "new"});
  tasks.OnReport(kFirst, Subtask(2), {Name(2), 3, "late"});
  EXPECT_EQ(tasks.Explain("it failed", kSecond).message, "it failed\ncount (2/9) has not finished a step for 2 ms");
  EXPECT_EQ(tasks.Explain("it failed", kSecond).stack, "count (2/9):\nnew");
}

TEST(StuckTasksTest, WhatTheMessageSaysIsNotSaidTwice) {
  StuckTasks tasks;
  tasks.OnReport(kFirst, Subtask(0), {Name(0), 1, "a"});
  const std::string explained = tasks.Explain("it failed", kFirst).message;
  tasks.OnReport(kFirst, Subtask(0), {Name(0), 2, "b"});
  EXPECT_EQ(tasks.Explain(explained, kFirst).message, explained);
  EXPECT_EQ(tasks.Explain(explained, kFirst).stack, "");
}

TEST(StuckTasksTest, ShowsTheFirstFewAndCountsTheRest) {
  StuckTasks tasks;
  for (uint32_t i = 0; i < 9; ++i) tasks.OnReport(kFirst, Subtask(i), {Name(i), 1, "stack"});
  const std::string text = tasks.Explain("it failed", kFirst).message;
  EXPECT_NE(text.find("count (3/9)"), std::string::npos);
  EXPECT_EQ(text.find("count (4/9)"), std::string::npos);
  EXPECT_NE(text.find("6 more tasks"), std::string::npos);
}

}  // namespace
}  // namespace weir
