#include "jobmanager/slot_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/jobmanager/actions.h"
#include "tests/unit/testing/graphs.h"

namespace weir {
namespace {

using testing::Has;
using testing::OnlyOf;
using A = SlotPoolAction;
using E = SlotPoolEvent;

JobId Job(uint8_t n) {
  JobId id;
  id.bytes[0] = n;
  return id;
}
IncarnationId Life(uint8_t n) {
  IncarnationId id;
  id.bytes[0] = n;
  return id;
}
E::TaskManagerReported Report(const std::string& name, uint32_t slots, uint8_t life = 1, std::vector<JobId> workers = {}) {
  return {.task_manager = name, .incarnation = Life(life), .slot_count = slots, .workers = std::move(workers)};
}
std::vector<std::string> Names(const std::vector<SlotId>& slots) {
  std::vector<std::string> names;
  for (const SlotId& slot : slots) names.push_back(slot.task_manager + "/" + std::to_string(slot.index.value));
  return names;
}
using ::testing::ElementsAre;

TEST(SlotPoolTest, FillsOneTaskManagerAfterTheOther) {
  SlotPool pool({});
  for (const char* name : {"b", "a", "c"}) pool.Step(Report(name, 2));
  EXPECT_THAT(Names(OnlyOf<A::SlotsGranted>(pool.Step(E::SlotsRequested{Job(1), 3})).slots), ElementsAre("a/0", "a/1", "b/0"));
}

TEST(SlotPoolTest, SpreadsOutWhenAsked) {
  SlotPool pool({.spread_out = true});
  for (const char* name : {"b", "a", "c"}) pool.Step(Report(name, 2));
  EXPECT_THAT(Names(OnlyOf<A::SlotsGranted>(pool.Step(E::SlotsRequested{Job(1), 4})).slots),
              ElementsAre("a/0", "a/1", "b/0", "c/0"));
}

TEST(SlotPoolTest, PrefersTaskManagersThatRunTheJobsWorker) {
  SlotPool pool({});
  pool.Step(E::SlotsRequested{Job(1), 2});
  pool.Step(Report("a", 1, 1));
  EXPECT_EQ(pool.FreeSlots(), 1u);
  const auto granted = pool.Step(Report("b", 2, 1, {Job(1)}));
  EXPECT_THAT(Names(OnlyOf<A::SlotsGranted>(granted).slots), ElementsAre("b/0", "b/1"));
}

TEST(SlotPoolTest, SaysWhyARequestWaits) {
  SlotPool pool({});
  pool.Step(Report("a", 2));
  pool.Step(E::SlotsRequested{Job(1), 4});
  ASSERT_TRUE(pool.ShortageOf(Job(1)).has_value());
  EXPECT_EQ(pool.ShortageOf(Job(1))->ToString(), "needs 4 slots, 2 free");
  EXPECT_FALSE(pool.ShortageOf(Job(2)).has_value());
  pool.Step(Report("b", 3));
  EXPECT_FALSE(pool.ShortageOf(Job(1)).has_value());
  // Slots that it keeps count.
  pool.Step(E::TaskManagerLost{.task_manager = "b", .incarnation = Life(1)});
  pool.Step(E::SlotsRequested{Job(1), 4});
  EXPECT_EQ(pool.ShortageOf(Job(1))->ToString(), "needs 4 slots, has 2, 0 free");
  pool.Step(E::JobReleased{Job(1)});
  EXPECT_FALSE(pool.ShortageOf(Job(1)).has_value());
  pool.Step(E::TaskManagerLost{.task_manager = "a", .incarnation = Life(1)});
  pool.Step(E::SlotsRequested{Job(3), 1});
  EXPECT_EQ(pool.ShortageOf(Job(3))->ToString(), "needs 1 slot, 0 free");
}

TEST(SlotPoolTest, ARequestWaitsUntilItFitsAsAWholeAndASmallOneMayPass) {
  SlotPool pool({});
  pool.Step(Report("a", 2));
  EXPECT_FALSE(Has<A::SlotsGranted>(pool.Step(E::SlotsRequested{Job(1), 3})));
  EXPECT_EQ(OnlyOf<A::SlotsGranted>(pool.Step(E::SlotsRequested{Job(2), 1})).job, Job(2));
  EXPECT_EQ(OnlyOf<A::SlotsGranted>(pool.Step(Report("b", 2))).job, Job(1));
}

TEST(SlotPoolTest, R28ANewIncarnationVoidsTheOldOnesLeases) {
  SlotPool pool({});
  pool.Step(Report("a", 2, 1));
  pool.Step(E::SlotsRequested{Job(1), 2});
  EXPECT_EQ(OnlyOf<A::TaskManagerGone>(pool.Step(Report("a", 2, 2))).job, Job(1));
  EXPECT_EQ(pool.FreeSlots(), 2u);
  EXPECT_FALSE(Has<A::TaskManagerGone>(pool.Step(E::TaskManagerLost{"a", Life(1)})));  // A late loss of the first life.
  EXPECT_EQ(pool.TotalSlots(), 2u);
}

TEST(SlotPoolTest, ALostTaskManagerIsReplacedOnTheNextRequest) {
  SlotPool pool({});
  pool.Step(Report("a", 1));
  pool.Step(Report("b", 1));
  pool.Step(E::SlotsRequested{Job(1), 2});
  EXPECT_EQ(OnlyOf<A::TaskManagerGone>(pool.Step(E::TaskManagerLost{"a", Life(1)})).task_manager, "a");
  EXPECT_FALSE(Has<A::SlotsGranted>(pool.Step(E::SlotsRequested{Job(1), 2})));
  EXPECT_THAT(Names(OnlyOf<A::SlotsGranted>(pool.Step(Report("c", 1))).slots), ElementsAre("b/0", "c/0"));
}

TEST(SlotPoolTest, R29AReportedWorkerWithoutALeaseIsStopped) {
  SlotPool pool({});
  EXPECT_EQ(OnlyOf<A::StopStrayWorker>(pool.Step(Report("a", 1, 1, {Job(9)}))).job, Job(9));
  pool.Step(E::SlotsRequested{Job(1), 1});
  EXPECT_FALSE(Has<A::StopStrayWorker>(pool.Step(Report("a", 1, 1, {Job(1)}))));
  pool.Step(E::JobReleased{Job(1)});
  EXPECT_TRUE(Has<A::StopStrayWorker>(pool.Step(Report("a", 1, 1, {Job(1)}))));
}

TEST(SlotPoolTest, TaskManagersAreBounded) {
  SlotPool pool({.spread_out = false, .task_manager_count_max = 1});
  pool.Step(Report("a", 1));
  pool.Step(Report("b", 1));
  EXPECT_EQ(pool.TotalSlots(), 1u);
}

TEST(SlotAssignmentTest, OneSlotHoldsOneSubtaskOfEachVertexOfAGroup) {
  JobGraph graph = testing::LineGraph(2, 3, 1);
  EXPECT_EQ(RequiredSlots(graph), 3u);
  graph.vertices[2].slot_sharing_group = "sinks";
  EXPECT_EQ(RequiredSlots(graph), 4u);
  std::vector<SlotId> slots;
  for (uint32_t i = 0; i < 4; ++i) slots.push_back({.task_manager = "tm", .index = {i}});
  const std::vector<TaskPlacement> placements = AssignSlots(graph, slots);
  ASSERT_EQ(placements.size(), 6u);
  for (const TaskPlacement& placement : placements) {
    const uint32_t expected = placement.subtask.vertex.value == 2 ? 3 : placement.subtask.subtask;
    EXPECT_EQ(placement.slot.index.value, expected);
  }
}

}  // namespace
}  // namespace weir
