#include "jobmanager/deployment_split.h"

#include <gtest/gtest.h>

#include "proto/convert.h"

namespace weir {
namespace {

constexpr AttemptId kAttempt{LeaderEpoch{2}, 3};

// Subtask `number`, with that many bytes of inline state.
proto::TaskDeployment Task(uint32_t number, size_t state_bytes) {
  proto::TaskDeployment task;
  task.mutable_subtask()->set_subtask(number);
  task.mutable_restored_state()->add_operators()->add_keyed()->mutable_bytes()->set_inline_bytes(std::string(state_bytes, 'x'));
  return task;
}

TEST(SplitDeploymentTest, NoPartIsLargerThanItsTasksMakeItAndNoTaskIsLost) {
  std::vector<proto::TaskDeployment> tasks;
  for (uint32_t i = 0; i < 64; ++i) tasks.push_back(Task(i, 100 + 13 * i % 900));
  const auto parts = SplitDeployment(kAttempt, tasks, 2'000, 2'000);
  ASSERT_TRUE(parts.ok()) << parts.status().ToString();
  ASSERT_GT(parts->size(), 1u);
  uint32_t next = 0;
  for (uint32_t i = 0; i < parts->size(); ++i) {
    const proto::DeployTasks& part = (*parts)[i];
    EXPECT_EQ(FromProto(part.attempt()), kAttempt);
    EXPECT_EQ(part.part(), i);
    EXPECT_EQ(part.more(), i + 1 < parts->size());
    uint64_t bytes = 0;
    for (const proto::TaskDeployment& task : part.tasks()) {
      EXPECT_EQ(task.subtask().subtask(), next++);
      bytes += task.ByteSizeLong();
    }
    EXPECT_LE(bytes, 2'000u);
    EXPECT_GT(part.tasks_size(), 0);
  }
  EXPECT_EQ(next, 64u);
}

TEST(SplitDeploymentTest, AWholeDeploymentIsOnePart) {
  const auto parts = SplitDeployment(kAttempt, {Task(0, 10), Task(1, 10)}, 2'000, 2'000);
  ASSERT_TRUE(parts.ok());
  ASSERT_EQ(parts->size(), 1u);
  EXPECT_EQ(parts->front().tasks_size(), 2);
  EXPECT_FALSE(parts->front().more());
  EXPECT_EQ(SplitDeployment(kAttempt, {}, 2'000, 2'000)->size(), 1u);
}

TEST(SplitDeploymentTest, ATaskThatNoMessageCanCarryIsNamedWithSizeAndLimit) {
  EXPECT_TRUE(SplitDeployment(kAttempt, {Task(0, 2'500)}, 2'000, 3'000).ok());
  const Status status = SplitDeployment(kAttempt, {Task(0, 10), Task(7, 5'000)}, 2'000, 3'000).status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  for (const char* words : {"subtask=7", "limit=3000", "size=50", "data-inline-threshold"}) {
    EXPECT_NE(status.message().find(words), std::string::npos) << words << " is not in: " << status.message();
  }
}

}  // namespace
}  // namespace weir
