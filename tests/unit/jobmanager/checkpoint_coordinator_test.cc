#include "jobmanager/checkpoint_coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/jobmanager/actions.h"
#include "tests/unit/jobmanager/coordinator_fixture.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::Has;
using testing::OnlyOf;
using A = CoordinatorAction;
using E = CoordinatorEvent;
using Phase = CheckpointCoordinator::Phase;
using Actions = CheckpointCoordinator::Actions;
using testing::kAttempt;
using testing::kCount;
using testing::kSink;
using testing::kSource0;
using testing::kSource1;

class CheckpointCoordinatorTest : public testing::CoordinatorFixture {};

CoordinatorVerdict VerdictOf(const Actions& actions) { return OnlyOf<A::MessageIgnored>(actions).verdict; }

TEST_F(CheckpointCoordinatorTest, TriggersTheSourcesAtTheInterval) {
  Start();
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(TickAt(99)));
  const auto trigger = OnlyOf<A::TriggerCheckpoint>(TickAt(100));
  EXPECT_EQ(trigger.id, CheckpointId{1});
  EXPECT_EQ(trigger.timestamp_ms, 5'100);
  EXPECT_THAT(trigger.roots, ::testing::ElementsAre(kSource0, kSource1));
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(TickAt(400)));  // One at a time.
}

TEST_F(CheckpointCoordinatorTest, R11OnlyThePublicationCompletesACheckpoint) {
  Start();
  TickAt(100);
  const Actions acked = AckAll(1);
  EXPECT_EQ(OnlyOf<A::Publish>(acked).metadata.vertices.size(), 3u);
  EXPECT_FALSE(Has<A::NotifyComplete>(acked));
  EXPECT_TRUE(Has<A::RetryPublish>(Step(E::PublishUnknown{{1}})));
  EXPECT_EQ(OnlyOf<A::NotifyComplete>(Step(E::Published{{1}})).id, CheckpointId{1});
  EXPECT_EQ(VerdictOf(Step(E::Published{{1}})), CoordinatorVerdict::kNotPublishing);
}

TEST_F(CheckpointCoordinatorTest, R9LateDoubleStaleAndUnknownMessagesChangeNothing) {
  Start();
  EXPECT_EQ(VerdictOf(Ack(kSink, 1)), CoordinatorVerdict::kUnknownCheckpoint);
  TickAt(100);
  EXPECT_EQ(VerdictOf(Ack(kSink, 1, false, {.epoch = {1}, .restart = 0})), CoordinatorVerdict::kStaleAttempt);
  EXPECT_EQ(VerdictOf(Ack({.vertex = {7}, .subtask = 0}, 1)), CoordinatorVerdict::kUnknownSubtask);
  EXPECT_EQ(VerdictOf(Ack({.vertex = {0}, .subtask = 2}, 1)), CoordinatorVerdict::kUnknownSubtask);
  EXPECT_EQ(VerdictOf(Ack(kSink, 2)), CoordinatorVerdict::kUnknownCheckpoint);
  EXPECT_FALSE(Has<A::MessageIgnored>(Ack(kSink, 1)));
  EXPECT_EQ(VerdictOf(Ack(kSink, 1)), CoordinatorVerdict::kDuplicate);
  Step(E::Declined{.attempt = kAttempt, .subtask = kCount, .id = {1}, .reason = "full"});
  EXPECT_EQ(VerdictOf(Ack(kSource0, 1)), CoordinatorVerdict::kLate);
  EXPECT_EQ(VerdictOf(Step(E::Declined{.attempt = kAttempt, .subtask = kCount, .id = {1}, .reason = {}})), CoordinatorVerdict::kLate);
}

TEST_F(CheckpointCoordinatorTest, R16ATimeOutAbortsAndTheNextOneSupersedes) {
  graph_.checkpoint.tolerable_failed = 1;
  Start();
  TickAt(100);
  const Actions expired = TickAt(1'100);
  EXPECT_EQ(OnlyOf<A::NotifyAborted>(expired).failure, CheckpointFailure::kExpired);
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(expired).id, CheckpointId{2});
  EXPECT_FALSE(Has<A::FailAttempt>(expired));
  EXPECT_TRUE(Has<A::FailAttempt>(TickAt(2'100)));  // The second in a row is one too many.
}

TEST_F(CheckpointCoordinatorTest, ACompletedCheckpointForgivesEarlierFailures) {
  graph_.checkpoint.tolerable_failed = 1;
  Start();
  TickAt(100);
  TickAt(1'100);
  EXPECT_EQ(coordinator_->consecutive_failures(), 1u);
  AckAll(2);
  Step(E::Published{{2}});
  EXPECT_EQ(coordinator_->consecutive_failures(), 0u);
}

TEST_F(CheckpointCoordinatorTest, ThePauseCountsFromTheCompletion) {
  graph_.checkpoint.min_pause_ms = 80;
  Start();
  TickAt(100);
  AckAll(1);
  now_ms_ = 190;
  Step(E::Published{{1}});
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(TickAt(269)));
  EXPECT_TRUE(Has<A::TriggerCheckpoint>(TickAt(270)));
}

TEST_F(CheckpointCoordinatorTest, R10NothingBeginsWhileAPublicationIsInFlight) {
  Start();
  TickAt(100);
  AckAll(1);
  EXPECT_FALSE(Has<A::NotifyAborted>(Step(E::AttemptStopped{kAttempt})));
  EXPECT_EQ(coordinator_->phase(), Phase::kPublishingStopped);
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(TickAt(10'000)));
  EXPECT_FALSE(Has<A::NotifyComplete>(Step(E::Published{{1}})));  // Its tasks are gone.
  EXPECT_EQ(coordinator_->phase(), Phase::kStopped);
}

TEST_F(CheckpointCoordinatorTest, IdsGrowOverRestartsAndLeaders) {
  Start({}, CheckpointId{41});
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(TickAt(100)).id, CheckpointId{42});
  EXPECT_EQ(OnlyOf<A::NotifyAborted>(Step(E::AttemptStopped{kAttempt})).failure, CheckpointFailure::kAttemptStopped);
  Step(E::AttemptStarted{.attempt = {.epoch = {1}, .restart = 2}, .last_id = {}, .wall_offset_ms = 0, .finished = {}, .drained = {}});
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(TickAt(300)).id, CheckpointId{43});
}

TEST_F(CheckpointCoordinatorTest, R5ABurnedIdIsAFailureAndIsNotUsedAgain) {
  graph_.checkpoint.tolerable_failed = 9;
  Start();
  TickAt(100);
  AckAll(1);
  const Actions failed = Step(E::PublishFailed{.id = {1}, .reason = "id burned"});
  EXPECT_EQ(OnlyOf<A::NotifyAborted>(failed).failure, CheckpointFailure::kPublishFailed);
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(TickAt(200)).id, CheckpointId{2});
}

TEST_F(CheckpointCoordinatorTest, OlderCheckpointsAreReleasedBeyondTheRetainedNumber) {
  graph_.checkpoint.retained_max = 2;
  Start();
  for (uint64_t id = 1; id <= 3; ++id) {
    TickAt(static_cast<int64_t>(100 * id));
    AckAll(id);
    const Actions actions = Step(E::Published{{id}});
    EXPECT_EQ(Has<A::ReleaseOlder>(actions), id == 3);
    if (id == 3) { EXPECT_EQ(OnlyOf<A::ReleaseOlder>(actions).oldest_retained, CheckpointId{2}); }
  }
}

TEST_F(CheckpointCoordinatorTest, R25AFinalCheckpointFollowsWhenAllIsDrainedAlsoWithoutAnInterval) {
  graph_.checkpoint.interval_ms = 0;
  Start();
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(TickAt(100'000)));
  for (const SubtaskId subtask : {kSource0, kSource1, kCount}) EXPECT_FALSE(Has<A::TriggerCheckpoint>(Drain(subtask)));
  EXPECT_TRUE(Has<A::TriggerCheckpoint>(Drain(kSink)));
  AckAll(1, /*drained=*/true);
  EXPECT_TRUE(Has<A::NotifyComplete>(Step(E::Published{{1}})));
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(TickAt(200'000)));  // All is covered; tasks end by themselves.
}

TEST_F(CheckpointCoordinatorTest, R25ACheckpointTakenBeforeTheDrainDoesNotCoverIt) {
  graph_.checkpoint.interval_ms = 0;
  Start();
  EXPECT_TRUE(Has<A::TriggerCheckpoint>(Step(E::TriggerRequested{})));
  Ack(kSource0, 1, /*drained=*/false);
  for (const SubtaskId subtask : {kSource0, kSource1, kCount, kSink}) Drain(subtask);
  for (const SubtaskId subtask : {kSource1, kCount, kSink}) Ack(subtask, 1, true);
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(Step(E::Published{{1}})).id, CheckpointId{2});
}

TEST_F(CheckpointCoordinatorTest, R25FinishedTasksAreRecordedAndTheirConsumersBecomeRoots) {
  Start();
  for (const SubtaskId subtask : {kSource0, kSource1}) {
    Drain(subtask);
    Finish(subtask);
  }
  EXPECT_EQ(VerdictOf(Finish(kSource0)), CoordinatorVerdict::kDuplicate);
  EXPECT_THAT(OnlyOf<A::TriggerCheckpoint>(TickAt(100)).roots, ::testing::ElementsAre(kCount));
  EXPECT_EQ(VerdictOf(Ack(kSource0, 1)), CoordinatorVerdict::kNotExpected);
  Ack(kCount, 1);
  const CheckpointMetadata metadata = OnlyOf<A::Publish>(Ack(kSink, 1)).metadata;
  EXPECT_TRUE(metadata.vertices[0].subtasks[0].finished);
  EXPECT_FALSE(metadata.vertices[1].subtasks[0].finished);
}

TEST_F(CheckpointCoordinatorTest, R25ATaskThatFinishesWithoutAcknowledgingAborts) {
  Start();
  TickAt(100);
  Ack(kSource0, 1);
  EXPECT_FALSE(Has<A::NotifyAborted>(Finish(kSource0)));
  const Actions aborted = Finish(kSource1);
  EXPECT_EQ(OnlyOf<A::NotifyAborted>(aborted).failure, CheckpointFailure::kTaskFinished);
  EXPECT_EQ(coordinator_->consecutive_failures(), 0u);
}

TEST_F(CheckpointCoordinatorTest, TasksThatHadFinishedAtTheStartAreNotExpected) {
  Start({kSource0, kSource1});
  EXPECT_THAT(OnlyOf<A::TriggerCheckpoint>(TickAt(100)).roots, ::testing::ElementsAre(kCount));
}

}  // namespace
}  // namespace weir
