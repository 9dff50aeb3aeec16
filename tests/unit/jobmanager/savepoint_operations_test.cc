#include "jobmanager/savepoint_operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

class SavepointOperationsTest : public ::testing::Test {
 protected:
  uint64_t Begin(const std::string& trigger_id, AfterSavepoint after) { return operations_.Begin(trigger_id, after, "/sp/" + trigger_id).number; }
  const SavepointOperations::Operation& Of(const std::string& trigger_id) {
    static const SavepointOperations::Operation kNone;
    const SavepointOperations::Operation* const found = operations_.Find(std::string_view(trigger_id));
    EXPECT_NE(found, nullptr) << trigger_id;
    return found != nullptr ? *found : kNone;
  }

  SavepointOperations operations_;
};

TEST_F(SavepointOperationsTest, ASavepointIsOverOnceItIsComplete) {
  const uint64_t number = Begin("a", AfterSavepoint::kContinue);
  EXPECT_FALSE(Of("a").ended);
  operations_.OnSavepointComplete(number);
  EXPECT_TRUE(Of("a").ended && Of("a").complete && Of("a").failure.ok());
  operations_.OnJobStatus(JobStatus::kFailed, UserError("later"));
  EXPECT_TRUE(Of("a").failure.ok());
}

TEST_F(SavepointOperationsTest, AStopIsOverOnceTheJobHasFinished) {
  const uint64_t number = Begin("a", AfterSavepoint::kStop);
  operations_.OnSavepointComplete(number);
  operations_.OnJobStatus(JobStatus::kRunning, Status::Ok());
  EXPECT_FALSE(Of("a").ended);
  operations_.OnJobStatus(JobStatus::kFinished, Status::Ok());
  EXPECT_TRUE(Of("a").ended && Of("a").failure.ok());
}

TEST_F(SavepointOperationsTest, AStopThatEndsInARestartSaysSoAndWhereItsSavepointIs) {
  const uint64_t number = Begin("a", AfterSavepoint::kDrain);
  operations_.OnSavepointComplete(number);
  operations_.OnJobStatus(JobStatus::kRestarting, Unavailable("worker lost"));
  EXPECT_TRUE(Of("a").ended && Of("a").complete);
  EXPECT_THAT(Of("a").failure.message(), ::testing::HasSubstr("/sp/a is complete"));
  EXPECT_THAT(Of("a").failure.message(), ::testing::HasSubstr("goes on from there"));
  EXPECT_THAT(Of("a").failure.message(), ::testing::HasSubstr("worker lost"));
}

TEST_F(SavepointOperationsTest, AStopWhoseSavepointIsNotCompleteWaitsForItsFailure) {
  const uint64_t number = Begin("a", AfterSavepoint::kStop);
  operations_.OnJobStatus(JobStatus::kRestarting, Unavailable("worker lost"));
  EXPECT_FALSE(Of("a").ended);
  operations_.OnSavepointFailed(number, "declined");
  EXPECT_TRUE(Of("a").ended);
  EXPECT_FALSE(Of("a").complete);
  EXPECT_THAT(Of("a").failure.message(), ::testing::HasSubstr("declined"));
}

TEST_F(SavepointOperationsTest, R3OfAJobThatAnotherLeaderOwnsEveryOneIsAnswered) {
  Begin("a", AfterSavepoint::kStop);
  Begin("b", AfterSavepoint::kContinue);
  operations_.OnSavepointComplete(Begin("c", AfterSavepoint::kDrain));
  operations_.OnJobStatus(JobStatus::kSuspended, Status::Ok());
  for (const char* trigger_id : {"a", "b", "c"}) {
    EXPECT_TRUE(Of(trigger_id).ended && !Of(trigger_id).failure.ok()) << trigger_id;
    EXPECT_EQ(Of(trigger_id).complete, trigger_id == std::string("c"));
  }
  EXPECT_THAT(Of("a").failure.message(), ::testing::HasSubstr("/sp/a"));
}

TEST_F(SavepointOperationsTest, TheSecondOutcomeOfOneChangesNothing) {
  const uint64_t number = Begin("a", AfterSavepoint::kContinue);
  operations_.OnSavepointFailed(number, "first");
  operations_.OnSavepointComplete(number);
  EXPECT_FALSE(Of("a").complete);
  EXPECT_THAT(Of("a").failure.message(), ::testing::HasSubstr("first"));
}

TEST_F(SavepointOperationsTest, EndedOnesAreForgottenOldestFirstAndWaitingOnesNever) {
  Begin("waits", AfterSavepoint::kStop);
  for (size_t i = 0; i <= SavepointOperations::kEndedMax; ++i) operations_.OnSavepointComplete(Begin(std::to_string(i), AfterSavepoint::kContinue));
  EXPECT_EQ(operations_.Find(std::string_view("0")), nullptr);
  EXPECT_NE(operations_.Find(std::string_view("1")), nullptr);
  EXPECT_NE(operations_.Find(std::string_view("waits")), nullptr);
}

TEST_F(SavepointOperationsTest, WhatWaitsIsBounded) {
  for (size_t i = 0; i < SavepointOperations::kWaitingMax; ++i) {
    EXPECT_FALSE(operations_.full());
    Begin(std::to_string(i), AfterSavepoint::kStop);
  }
  EXPECT_TRUE(operations_.full());
}

}  // namespace
}  // namespace weir
