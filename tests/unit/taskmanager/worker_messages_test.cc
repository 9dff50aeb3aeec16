// What a worker makes of messages, and messages of what it has to say.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "proto/convert.h"
#include "proto/message_socket.h"
#include "proto/messages.pb.h"
#include "taskmanager/worker/deployment_parts.h"
#include "taskmanager/worker/worker_events.h"

namespace weir {
namespace {

constexpr AttemptId kFirst{LeaderEpoch{1}, 1};
constexpr AttemptId kSecond{LeaderEpoch{1}, 2};

proto::DeployTasks Part(AttemptId attempt, uint32_t number, bool more, uint32_t subtask) {
  proto::DeployTasks part;
  *part.mutable_attempt() = ToProto(attempt);
  part.set_part(number);
  part.set_more(more);
  TaskDeployment task;
  task.subtask = {VertexIndex{0}, subtask};
  *part.add_tasks() = ToProto(task);
  return part;
}

std::vector<uint32_t> Subtasks(const StatusOr<std::optional<std::vector<TaskDeployment>>>& added) {
  std::vector<uint32_t> subtasks;
  if (!added.ok() || !added->has_value()) return subtasks;
  for (const TaskDeployment& task : **added) subtasks.push_back(task.subtask.subtask);
  return subtasks;
}

TEST(DeploymentPartsTest, TasksComeAllAtOnceWithTheLastPart) {
  DeploymentParts parts;
  EXPECT_FALSE(parts.Add(Part(kFirst, 0, true, 0))->has_value());
  EXPECT_FALSE(parts.Add(Part(kFirst, 1, true, 1))->has_value());
  EXPECT_EQ(Subtasks(parts.Add(Part(kFirst, 2, false, 2))), (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_EQ(Subtasks(parts.Add(Part(kSecond, 0, false, 5))), (std::vector<uint32_t>{5}));
}

TEST(DeploymentPartsTest, R9WhatIsLeftOfAnOlderAttemptIsNotDeployed) {
  DeploymentParts parts;
  EXPECT_FALSE(parts.Add(Part(kFirst, 0, true, 0))->has_value());
  EXPECT_FALSE(parts.Add(Part(kSecond, 0, true, 1))->has_value());
  EXPECT_EQ(Subtasks(parts.Add(Part(kSecond, 1, false, 2))), (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(parts.Add(Part(kFirst, 1, false, 3)).status().code(), StatusCode::kFailedPrecondition);
}

TEST(DeploymentPartsTest, AGapOrARepetitionIsRefusedAndWhatWasHeldIsDropped) {
  for (const uint32_t wrong : {0u, 2u}) {
    DeploymentParts parts;
    EXPECT_FALSE(parts.Add(Part(kFirst, 0, true, 0))->has_value());
    EXPECT_EQ(parts.Add(Part(kFirst, wrong, false, 1)).status().code(), StatusCode::kFailedPrecondition) << wrong;
    EXPECT_EQ(parts.Add(Part(kFirst, 1, false, 1)).status().code(), StatusCode::kFailedPrecondition) << wrong;
  }
}

TEST(DeploymentPartsTest, ACancelledAttemptHoldsNothing) {
  DeploymentParts parts;
  EXPECT_FALSE(parts.Add(Part(kSecond, 0, true, 0))->has_value());
  parts.Drop(kFirst);
  EXPECT_EQ(Subtasks(parts.Add(Part(kSecond, 1, false, 1))), (std::vector<uint32_t>{0, 1}));
  EXPECT_FALSE(parts.Add(Part({LeaderEpoch{1}, 3}, 0, true, 0))->has_value());
  parts.Drop({LeaderEpoch{1}, 3});
  EXPECT_EQ(parts.Add(Part({LeaderEpoch{1}, 3}, 1, false, 1)).status().code(), StatusCode::kFailedPrecondition);
}

TEST(WorkerEventsTest, AnAcknowledgementBeyondTheLimitDeclinesItsCheckpointWithSizeAndLimit) {
  DescriptorPair pair = std::move(*NewSocketPair(SOCK_STREAM));
  MessageSender sender(pair.second.get(), {.thread_name = "sender"});
  SystemClock clock;
  bool overflow = false;
  WorkerEvents events(sender, clock, [&] { overflow = true; }, /*acknowledgement_bytes_max=*/1'000);
  events.SetJob(JobId::Random());
  const auto acknowledge = [&](size_t bytes) {
    TaskSnapshot snapshot;
    StateBytes state{.path = {}, .inline_bytes = std::string(bytes, 'x'), .size_bytes = bytes, .checksum = 1};
    snapshot.operators.emplace_back().keyed.push_back({.key_groups = {}, .bytes = std::move(state)});
    events.OnSnapshot(kFirst, {VertexIndex{0}, 4}, {7}, std::move(snapshot), {});
    proto::TaskManagerEvent event;
    EXPECT_TRUE(event.ParseFromString((**ReceiveMessage(pair.first.get())).bytes));
    return event;
  };
  EXPECT_TRUE(acknowledge(500).has_acknowledge());
  const proto::TaskManagerEvent event = acknowledge(5'000);
  ASSERT_TRUE(event.has_decline());
  const SnapshotFailure failure = *FromProto(event.decline());
  EXPECT_EQ(failure.id, CheckpointId{7});
  EXPECT_EQ(failure.subtask.subtask, 4u);
  EXPECT_EQ(failure.failure.code(), StatusCode::kResourceExhausted);
  for (const char* words : {"size=5", "limit=1000", "data-inline-threshold"}) {
    EXPECT_NE(failure.failure.message().find(words), std::string::npos) << words << " is not in: " << failure.failure.message();
  }
  EXPECT_FALSE(overflow);
  sender.Stop();
  sender.Join();
}

}  // namespace
}  // namespace weir
