#include "taskmanager/process_group.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "taskmanager/work_directory.h"
#include "tests/unit/taskmanager/process_family.h"

namespace weir {
namespace {

using testing::ProcessFamily;
using testing::WaitUntilGone;

TEST(ProcessGroupTest, FindsProcessesWithParentAndGroup) {
  const ProcessFamily family;
  const std::vector<ProcessRecord> all = AllProcesses();
  const auto child = std::find_if(all.begin(), all.end(), [&](const ProcessRecord& each) { return each.process_id == family.child; });
  ASSERT_NE(child, all.end());
  EXPECT_EQ(child->parent, family.leader);
  EXPECT_EQ(child->group, family.leader);
  EXPECT_EQ(child->start_time, ProcessIdentity::Of(family.child)->start_time);
}

TEST(ProcessGroupTest, WhatADeadLeaderLeftIsEnded) {
  const ProcessFamily family;
  const uint64_t start_time = ProcessIdentity::Of(family.leader)->start_time;
  family.KillLeader();  // And nobody has reaped it.
  EXPECT_TRUE(family.ChildLives());
  EXPECT_EQ(KillOrphanedGroup(family.leader, start_time), 1);
  EXPECT_TRUE(WaitUntilGone(family.child));
  EXPECT_EQ(KillOrphanedGroup(family.leader, start_time), 0);
}

TEST(ProcessGroupTest, TheSameOnceTheLeaderIsReaped) {
  const ProcessFamily family;
  const uint64_t start_time = ProcessIdentity::Of(family.leader)->start_time;
  family.KillLeader();
  ASSERT_EQ(::waitpid(family.leader, nullptr, 0), family.leader);
  EXPECT_EQ(KillOrphanedGroup(family.leader, start_time), 1);
  EXPECT_TRUE(WaitUntilGone(family.child));
}

TEST(ProcessGroupTest, AGroupWhoseLeaderLivesIsLeftAlone) {
  const ProcessFamily family;
  EXPECT_EQ(KillOrphanedGroup(family.leader, ProcessIdentity::Of(family.leader)->start_time), 0);
  EXPECT_TRUE(family.ChildLives());
}

// The number was given to somebody else since.
TEST(ProcessGroupTest, AnotherLeadersGroupIsLeftAlone) {
  const ProcessFamily family;
  const uint64_t start_time = ProcessIdentity::Of(family.leader)->start_time;
  family.KillLeader();
  EXPECT_EQ(KillOrphanedGroup(family.leader, start_time - 1), 0);
  EXPECT_TRUE(family.ChildLives());
}

TEST(ProcessGroupTest, NumbersThatAreNoGroupHitNobody) {
  for (const pid_t leader : {-1, 0, 1}) EXPECT_EQ(KillOrphanedGroup(leader, 0), 0) << leader;
}

}  // namespace
}  // namespace weir
