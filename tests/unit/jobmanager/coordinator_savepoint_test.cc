// Savepoints: their turn, what they do to the job, and what becomes of each request.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/jobmanager/actions.h"
#include "tests/unit/jobmanager/coordinator_fixture.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::Has;
using testing::kAttempt;
using testing::kCount;
using testing::kSink;
using testing::kSource0;
using testing::kSource1;
using testing::OnlyOf;
using A = CoordinatorAction;
using E = CoordinatorEvent;
using Phase = CheckpointCoordinator::Phase;
using Actions = CheckpointCoordinator::Actions;
using After = SavepointRequest::After;

class CoordinatorSavepointTest : public testing::CoordinatorFixture {
 protected:
  Actions Request(uint64_t number, After after = After::kContinue) {
    return Step(E::SavepointRequested{{.number = number, .format = SavepointFormat::kCanonical, .directory = "/sp/" + std::to_string(number), .after = after}});
  }
  Actions DrainAll() {
    Actions last;
    for (const SubtaskId subtask : {kSource0, kSource1, kCount, kSink}) last = Drain(subtask);
    return last;
  }
};

TEST_F(CoordinatorSavepointTest, IsTakenAtOnceWithTheNextIdAlsoWithoutPeriodicCheckpoints) {
  graph_.checkpoint.interval_ms = 0;
  Start({}, {7});
  const auto trigger = OnlyOf<A::TriggerCheckpoint>(Request(1));
  EXPECT_EQ(trigger.id, CheckpointId{8});
  ASSERT_TRUE(trigger.savepoint.has_value());
  EXPECT_EQ(trigger.savepoint->directory, "/sp/1");
  EXPECT_EQ(CheckpointTypeName(TypeOf(trigger.savepoint)), "SAVEPOINT");
  EXPECT_THAT(trigger.roots, ::testing::ElementsAre(kSource0, kSource1));
}

TEST_F(CoordinatorSavepointTest, APublishedOneIsNeitherNotifiedNorRetained) {
  graph_.checkpoint.retained_max = 1;
  Start();
  TickAt(100);
  AckAll(1);
  Step(E::Published{{1}});
  Request(1);
  const auto publish = OnlyOf<A::Publish>(AckAll(2));
  EXPECT_EQ(publish.metadata.savepoint, SavepointFormat::kCanonical);
  ASSERT_TRUE(publish.savepoint.has_value());
  const Actions published = Step(E::Published{{2}});
  EXPECT_FALSE(Has<A::NotifyComplete>(published));  // R11: recovery does not start from it, so nothing may be committed.
  EXPECT_FALSE(Has<A::ReleaseOlder>(published));
  const auto ended = OnlyOf<A::SavepointEnded>(published);
  EXPECT_EQ(ended.request.number, 1u);
  EXPECT_EQ(ended.id, CheckpointId{2});
  EXPECT_FALSE(ended.failure.has_value());
  // The next checkpoint is the second that is retained: it displaces the first.
  TickAt(200);
  AckAll(3);
  EXPECT_EQ(OnlyOf<A::ReleaseOlder>(Step(E::Published{{3}})).oldest_retained, CheckpointId{3});
}

TEST_F(CoordinatorSavepointTest, WaitsForTheCheckpointUnderWayAndGoesBeforeTheNextOne) {
  Start();
  TickAt(100);
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(Request(1)));
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(Request(2)));
  now_ms_ = 250;  // The next periodic one is due, too.
  AckAll(1);
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(Step(E::Published{{1}})).savepoint->number, 1u);
  AckAll(2);
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(Step(E::Published{{2}})).savepoint->number, 2u);
  AckAll(3);
  EXPECT_FALSE(OnlyOf<A::TriggerCheckpoint>(Step(E::Published{{3}})).savepoint.has_value());
}

TEST_F(CoordinatorSavepointTest, CountsAsACompletionForThePauseAndLeavesTheGridAlone) {
  graph_.checkpoint.min_pause_ms = 70;
  Start();
  now_ms_ = 60;
  Request(1);
  now_ms_ = 80;
  AckAll(1);
  Step(E::Published{{1}});
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(TickAt(149)));
  EXPECT_TRUE(Has<A::TriggerCheckpoint>(TickAt(150)));
}

TEST_F(CoordinatorSavepointTest, FailuresAreAnsweredAndNotCounted) {
  graph_.checkpoint.tolerable_failed = 0;
  Start();
  Request(1);
  const Actions declined = Step(E::Declined{kAttempt, kCount, {1}, "disk full"});
  EXPECT_TRUE(Has<A::NotifyAborted>(declined));
  EXPECT_FALSE(Has<A::FailAttempt>(declined));
  EXPECT_EQ(OnlyOf<A::SavepointEnded>(declined).failure, "declined: disk full");
  Request(2);
  now_ms_ = 1'000;
  const Actions expired = Step(E::Tick{});
  EXPECT_EQ(OnlyOf<A::SavepointEnded>(expired).failure, "expired");
  AckAll(3);  // The periodic one that followed.
  Step(E::Published{{3}});
  Request(3);
  AckAll(4);
  const Actions unwritten = Step(E::PublishFailed{{4}, "no such device"});
  EXPECT_EQ(OnlyOf<A::SavepointEnded>(unwritten).failure, "no such device");
  EXPECT_FALSE(Has<A::FailAttempt>(unwritten));
  EXPECT_EQ(coordinator_->consecutive_failures(), 0u);
}

TEST_F(CoordinatorSavepointTest, ARestartEndsEveryRequestOnce) {
  Start();
  Request(1);
  Request(2);
  const std::vector<A::SavepointEnded> ended = AllOf<A::SavepointEnded>(Step(E::AttemptStopped{kAttempt}));
  ASSERT_EQ(ended.size(), 2u);
  for (const A::SavepointEnded& each : ended) EXPECT_TRUE(each.failure.has_value());
  EXPECT_EQ(OnlyOf<A::SavepointEnded>(Request(3)).failure, "not all tasks of the job are running");
}

TEST_F(CoordinatorSavepointTest, R10OneThatIsBeingWrittenOutlivesItsAttempt) {
  Start();
  Request(1);
  AckAll(1);
  EXPECT_FALSE(Has<A::SavepointEnded>(Step(E::AttemptStopped{kAttempt})));
  EXPECT_EQ(coordinator_->phase(), Phase::kPublishingStopped);
  EXPECT_FALSE(OnlyOf<A::SavepointEnded>(Step(E::Published{{1}})).failure.has_value());
}

TEST_F(CoordinatorSavepointTest, TheQueueIsBounded) {
  Start();
  TickAt(100);
  for (uint64_t i = 0; i < CheckpointCoordinator::kSavepointRequestsMax; ++i) EXPECT_FALSE(Has<A::SavepointEnded>(Request(i + 1)));
  EXPECT_EQ(OnlyOf<A::SavepointEnded>(Request(5'000)).failure, "too many savepoints are waiting");
}

TEST_F(CoordinatorSavepointTest, AStopIsNotifiedAndNothingFollowsIt) {
  Start();
  const auto trigger = OnlyOf<A::TriggerCheckpoint>(Request(1, After::kStop));
  EXPECT_EQ(CheckpointTypeName(TypeOf(trigger.savepoint)), "SYNC_SAVEPOINT");
  Request(2);
  AckAll(1);
  const Actions published = Step(E::Published{{1}});
  EXPECT_EQ(OnlyOf<A::NotifyComplete>(published).id, CheckpointId{1});
  const std::vector<A::SavepointEnded> ended = AllOf<A::SavepointEnded>(published);
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_TRUE(ended[0].failure.has_value());  // The one that waited.
  EXPECT_FALSE(ended[1].failure.has_value());
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(TickAt(10'000)));
  EXPECT_EQ(OnlyOf<A::SavepointEnded>(Request(3)).failure, "the job is being stopped");
}

TEST_F(CoordinatorSavepointTest, AStoppedJobThatFailsStartsAnewAndTakesCheckpointsAgain) {
  Start();
  Request(1, After::kStop);
  AckAll(1);
  Step(E::Published{{1}});
  Step(E::AttemptStopped{kAttempt});
  Step(E::AttemptStarted{.attempt = {.epoch = {1}, .restart = 2}, .last_id = {1}, .wall_offset_ms = 0, .finished = {}, .drained = {}});
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(TickAt(100)).id, CheckpointId{2});
}

TEST_F(CoordinatorSavepointTest, AFailedStopIsAbortedAndTheJobGoesOn) {
  Start();
  Request(1, After::kStop);
  const Actions declined = Step(E::Declined{kAttempt, kCount, {1}, "disk full"});
  EXPECT_EQ(OnlyOf<A::NotifyAborted>(declined).id, CheckpointId{1});
  EXPECT_TRUE(OnlyOf<A::SavepointEnded>(declined).failure.has_value());
  EXPECT_FALSE(Has<A::FailAttempt>(declined));
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(TickAt(100)).id, CheckpointId{2});
}

TEST_F(CoordinatorSavepointTest, ADrainEndsTheSourcesFirstAndTakesNothingElseMeanwhile) {
  Start();
  const Actions begun = Request(1, After::kDrain);
  EXPECT_THAT(OnlyOf<A::DrainSources>(begun).sources, ::testing::ElementsAre(kSource0, kSource1));
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(begun));
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(TickAt(500)));  // A checkpoint would end drained tasks for good.
  for (const SubtaskId subtask : {kSource0, kSource1, kCount}) EXPECT_FALSE(Has<A::TriggerCheckpoint>(Drain(subtask)));
  EXPECT_EQ(CheckpointTypeName(TypeOf(OnlyOf<A::TriggerCheckpoint>(Drain(kSink)).savepoint)), "SYNC_SAVEPOINT");
}

TEST_F(CoordinatorSavepointTest, WhatDrainedByOrderGoesOnWhenItIsRestored) {
  Start();
  Drain(kSource0);  // By itself: its input had ended.
  EXPECT_THAT(OnlyOf<A::DrainSources>(Request(1, After::kDrain)).sources, ::testing::ElementsAre(kSource1));
  for (const SubtaskId subtask : {kSource1, kCount, kSink}) Drain(subtask);
  const auto publish = OnlyOf<A::Publish>(AckAll(1, /*drained=*/true));
  EXPECT_TRUE(publish.metadata.vertices[0].subtasks[0].snapshot.drained);
  EXPECT_FALSE(publish.metadata.vertices[0].subtasks[1].snapshot.drained);
  EXPECT_FALSE(publish.metadata.vertices[1].subtasks[0].snapshot.drained);
}

// Tasks on other TaskManagers are heard of in another order.
TEST_F(CoordinatorSavepointTest, WhatIsFedByATaskThatGoesOnGoesOnToo) {
  Start();
  for (const SubtaskId subtask : {kSource0, kCount, kSink}) Drain(subtask);
  Request(1, After::kDrain);
  Drain(kSource1);
  const auto publish = OnlyOf<A::Publish>(AckAll(1, /*drained=*/true));
  EXPECT_TRUE(publish.metadata.vertices[0].subtasks[0].snapshot.drained);
  EXPECT_FALSE(publish.metadata.vertices[0].subtasks[1].snapshot.drained);
  EXPECT_FALSE(publish.metadata.vertices[1].subtasks[0].snapshot.drained);
  EXPECT_FALSE(publish.metadata.vertices[2].subtasks[0].snapshot.drained);
}

TEST_F(CoordinatorSavepointTest, AFailedDrainRestartsTheAttempt) {
  Start();
  Request(1, After::kDrain);
  DrainAll();
  const Actions declined = Step(E::Declined{kAttempt, kCount, {1}, "disk full"});
  EXPECT_TRUE(OnlyOf<A::SavepointEnded>(declined).failure.has_value());
  EXPECT_TRUE(OnlyOf<A::FailAttempt>(declined).restarts_only);
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(TickAt(1'000)));  // No final checkpoint of what must not end.
}

TEST_F(CoordinatorSavepointTest, ADrainHasATimeOut) {
  Start();
  Request(1, After::kDrain);
  Drain(kSource0);
  EXPECT_FALSE(Has<A::FailAttempt>(TickAt(999)));
  const Actions expired = TickAt(1'000);
  EXPECT_TRUE(OnlyOf<A::SavepointEnded>(expired).failure.has_value());
  EXPECT_TRUE(Has<A::FailAttempt>(expired));
}

TEST_F(CoordinatorSavepointTest, AFailureDuringADrainEndsTheRequestOnly) {
  Start();
  Request(1, After::kDrain);
  const Actions stopped = Step(E::AttemptStopped{kAttempt});
  EXPECT_TRUE(OnlyOf<A::SavepointEnded>(stopped).failure.has_value());
  EXPECT_FALSE(Has<A::FailAttempt>(stopped));
}

TEST_F(CoordinatorSavepointTest, ASecondDrainDoesNotDisturbTheFirst) {
  Start();
  Request(1, After::kDrain);
  const Actions second = Request(2, After::kDrain);
  EXPECT_EQ(OnlyOf<A::SavepointEnded>(second).request.number, 2u);
  EXPECT_FALSE(Has<A::FailAttempt>(second));
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(DrainAll()).savepoint->number, 1u);
}

TEST_F(CoordinatorSavepointTest, WaitsForTasksThatTheLastCheckpointEnds) {
  Start();
  Drain(kSource0);
  TickAt(100);
  Request(1);
  for (const SubtaskId subtask : {kSource1, kCount, kSink}) Ack(subtask, 1);
  Ack(kSource0, 1, /*drained=*/true);
  EXPECT_FALSE(Has<A::TriggerCheckpoint>(Step(E::Published{{1}})));
  EXPECT_EQ(OnlyOf<A::TriggerCheckpoint>(Finish(kSource0)).savepoint->number, 1u);
}

TEST_F(CoordinatorSavepointTest, OfAJobThatHasFinishedThereIsNone) {
  Start({kSource0, kSource1, kCount, kSink});
  EXPECT_TRUE(OnlyOf<A::SavepointEnded>(Request(1)).failure.has_value());
}

}  // namespace
}  // namespace weir
