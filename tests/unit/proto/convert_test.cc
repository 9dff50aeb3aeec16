#include "proto/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "proto/messages.pb.h"
#include "tests/unit/testing/fuzz.h"

namespace weir {
namespace {

const AttemptId kAttempt{LeaderEpoch{3}, 7};
const SubtaskId kSubtask{VertexIndex{2}, 5};

TaskSnapshot SomeSnapshot() {
  OperatorSubtaskState state;
  state.operator_id = OperatorIdFromUid("count");
  state.keyed = {{{0, 63}, {.path = "/chk/1", .inline_bytes = {}, .size_bytes = 100, .checksum = 9}},
                 {{64, 127}, {.path = {}, .inline_bytes = "abc", .size_bytes = 3, .checksum = 8}}};
  OperatorStateHandle handle;
  handle.partitions = {{"offsets", RedistributionMode::kUnion, "i64", {{0, 10}, {10, 20}}}, {"empty", RedistributionMode::kBroadcast, "", {}}};
  handle.bytes = {.path = "/chk/2", .inline_bytes = {}, .size_bytes = 30, .checksum = 4};
  state.operator_state = {handle};
  return {.operators = {state}, .drained = true, .watermark = -12};
}

TaskDeployment SomeDeployment() {
  TaskDeployment deployment;
  deployment.subtask = kSubtask;
  deployment.slot = SlotIndex{4};
  deployment.gates = {{1, {{0, "tm-a", "host:1"}, {3, "tm-b", "host:2"}}}};
  deployment.partitions = {{2, {{1, "tm-a", "host:1"}}}, {3, {{0, "tm-b", "host:2"}}}};
  deployment.restored_checkpoint = CheckpointId{17};
  deployment.restored_state = SomeSnapshot();
  deployment.restored_finished = true;
  return deployment;
}

// Through the wire and back.
template <class Message, class T>
auto RoundTrip(const T& value) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(ToProto(value).SerializeAsString()));
  return FromProto(message);
}

TEST(ConvertTest, IdsComeBackAndWrongLengthsAreRefused) {
  const JobId job = JobId::Random();
  EXPECT_EQ(*JobIdFromBytes(IdBytes(job)), job);
  EXPECT_FALSE(JobIdFromBytes("short").ok());
  EXPECT_FALSE(JobIdFromBytes(std::string(17, 'x')).ok());
  EXPECT_FALSE(JobIdFromBytes(std::string(16, '\0')).ok());
  EXPECT_FALSE(OperatorIdFromBytes("").ok());
  EXPECT_FALSE(IncarnationIdFromBytes("").ok());
  EXPECT_EQ(RoundTrip<proto::Attempt>(kAttempt), kAttempt);
  EXPECT_EQ(RoundTrip<proto::Subtask>(kSubtask), kSubtask);
}

TEST(ConvertTest, FailuresKeepCodeAndMessageAndAreNeverOk) {
  const proto::Failure message = ToProto(UserError("boom"), {.stack = "frame", .timestamp_ms = 5});
  EXPECT_EQ(FromProto(message), UserError("boom"));
  EXPECT_EQ(message.stack(), "frame");
  EXPECT_EQ(message.timestamp_ms(), 5);
  proto::Failure hostile;
  EXPECT_EQ(FromProto(hostile).code(), StatusCode::kInternal);
  hostile.set_code("OK");
  EXPECT_FALSE(FromProto(hostile).ok());
}

TEST(ConvertTest, FailureTextsAreBoundedAndValidUtf8) {
  const proto::Failure message = ToProto(UserError("\xff" + std::string(1 << 20, 'x')), {.stack = std::string(1 << 20, 'y'), .timestamp_ms = 0});
  EXPECT_EQ(message.message().size(), kFailureTextBytesMax);
  EXPECT_EQ(message.stack().size(), kFailureTextBytesMax);
  proto::Failure parsed;
  EXPECT_TRUE(parsed.ParseFromString(message.SerializeAsString()));
}

TEST(ConvertTest, OtherAlphabetsSurviveInFailures) {
  const auto sent = [](const std::string& text) { return ToProto(UserError(text), {}).message(); };
  EXPECT_EQ(sent("ölçü 測 🚀"), "ölçü 測 🚀");
  EXPECT_EQ(sent("\xc3"), "?");              // Cut off.
  EXPECT_EQ(sent("\xc0\x80 \xed\xa0\x80"), "?? ???");  // Overlong, surrogate.
  EXPECT_EQ(sent("\xf5\x80\x80\x80 \xe0\x80\x80"), "???? ???");
}

TEST(ConvertTest, SnapshotsComeBack) {
  const StatusOr<TaskSnapshot> snapshot = RoundTrip<proto::TaskSnapshot>(SomeSnapshot());
  ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
  EXPECT_EQ(*snapshot, SomeSnapshot());
}

TEST(ConvertTest, StateThatContradictsItselfIsRefused) {
  const proto::StateBytes good = ToProto(StateBytes{.path = "/a", .inline_bytes = {}, .size_bytes = 3, .checksum = 1});
  EXPECT_TRUE(FromProto(good).ok());
  proto::StateBytes bad = good;
  bad.set_inline_bytes("abc");
  EXPECT_FALSE(FromProto(bad).ok());
  bad = good;
  bad.set_path("relative");
  EXPECT_FALSE(FromProto(bad).ok());
  bad.set_path("");
  EXPECT_FALSE(FromProto(bad).ok());

  proto::TaskSnapshot snapshot = ToProto(SomeSnapshot());
  snapshot.mutable_operators(0)->mutable_keyed(1)->set_key_group_end(32'768);
  EXPECT_FALSE(FromProto(snapshot).ok());
  snapshot = ToProto(SomeSnapshot());
  snapshot.mutable_operators(0)->set_operator_id("x");
  EXPECT_FALSE(FromProto(snapshot).ok());
  proto::OperatorStatePartition& partition = [&]() -> proto::OperatorStatePartition& {
    snapshot = ToProto(SomeSnapshot());
    return *snapshot.mutable_operators(0)->mutable_operator_state(0)->mutable_partitions(0);
  }();
  partition.set_mode(3);
  EXPECT_FALSE(FromProto(snapshot).ok());
  partition.set_mode(1);
  EXPECT_TRUE(FromProto(snapshot).ok());
  partition.set_item_sizes(1, 21);
  EXPECT_FALSE(FromProto(snapshot).ok());
  partition.set_item_sizes(1, UINT64_MAX);
  EXPECT_FALSE(FromProto(snapshot).ok());
  partition.mutable_item_sizes()->RemoveLast();
  EXPECT_FALSE(FromProto(snapshot).ok());
}

TEST(ConvertTest, DeploymentsComeBackAndUnorderedChannelsAreRefused) {
  const TaskDeployment sent = SomeDeployment();
  const StatusOr<TaskDeployment> got = RoundTrip<proto::TaskDeployment>(sent);
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(got->subtask, sent.subtask);
  EXPECT_EQ(got->slot, sent.slot);
  ASSERT_EQ(got->gates.size(), 1u);
  EXPECT_EQ(got->gates[0].edge, 1u);
  ASSERT_EQ(got->gates[0].channels.size(), 2u);
  EXPECT_EQ(got->gates[0].channels[1].subtask, 3u);
  EXPECT_EQ(got->gates[0].channels[1].task_manager_id, "tm-b");
  EXPECT_EQ(got->gates[0].channels[1].data_address, "host:2");
  EXPECT_EQ(got->partitions.size(), 2u);
  EXPECT_EQ(got->restored_checkpoint, sent.restored_checkpoint);
  EXPECT_EQ(got->restored_state, sent.restored_state);
  EXPECT_TRUE(got->restored_finished);

  proto::TaskDeployment message = ToProto(sent);
  message.mutable_gates(0)->mutable_channels(1)->set_peer_subtask(0);
  EXPECT_FALSE(FromProto(message).ok());
  message.mutable_gates(0)->clear_channels();
  EXPECT_FALSE(FromProto(message).ok());
}

TEST(ConvertTest, TaskStatesComeBackAndUnknownOnesAreRefused) {
  for (int state = 1; state <= 6; ++state) {
    const TaskStateReport report{kAttempt, kSubtask, static_cast<TaskState>(state), state == 6 ? UserError("x") : Status::Ok()};
    const StatusOr<TaskStateReport> got = FromProto(ToProto(report, {}));
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(*got, report);
  }
  proto::TaskStateChanged message;
  EXPECT_FALSE(FromProto(message).ok());
  message.set_state(static_cast<proto::TaskState>(99));
  EXPECT_FALSE(FromProto(message).ok());
  message.set_state(proto::FAILED);  // Without a failure: it is one all the same.
  EXPECT_FALSE(FromProto(message)->failure.ok());
}

TEST(ConvertTest, SavepointOrdersComeBackAndNeedAnAbsoluteDirectory) {
  const SavepointOrder order{SavepointFormat::kNative, "/savepoints/savepoint-1", true};
  const StatusOr<SavepointOrder> got = FromProto(ToProto(order));
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(*got, order);
  proto::SavepointOrder message = ToProto(order);
  message.set_format(static_cast<proto::SavepointFormat>(9));
  EXPECT_EQ(FromProto(message).status().code(), StatusCode::kInvalidArgument);
  for (const std::string& bad : {std::string("relative"), std::string(), "/" + std::string(SavepointOrder::kDirectoryBytesMax, 'x')}) {
    message = ToProto(order);
    message.set_directory(bad);
    EXPECT_EQ(FromProto(message).status().code(), StatusCode::kInvalidArgument);
  }
}

TEST(ConvertTest, StuckStepsComeBackWithABoundedStack) {
  const StuckReport report{kAttempt, kSubtask, {1'234, "  #0 Loop\n"}};
  const StuckReport got = FromProto(ToProto(report));
  EXPECT_EQ(got.attempt, kAttempt);
  EXPECT_EQ(got.subtask, kSubtask);
  EXPECT_EQ(got.step, report.step);
  EXPECT_EQ(FromProto(ToProto(StuckReport{kAttempt, kSubtask, {1, std::string(1 << 20, 'x')}})).step.stack.size(), kFailureTextBytesMax);
}

TEST(ConvertTest, CheckpointAnswersComeBackAndNeedAnId) {
  const StatusOr<SnapshotReport> got = FromProto(ToProto(SnapshotReport{kAttempt, kSubtask, CheckpointId{4}, SomeSnapshot(), {1, 2, 3}}));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->id, CheckpointId{4});
  EXPECT_EQ(got->snapshot, SomeSnapshot());
  EXPECT_EQ(got->durations.alignment_us, 1);
  EXPECT_EQ(got->durations.sync_us, 2);
  EXPECT_EQ(got->durations.async_us, 3);
  EXPECT_FALSE(FromProto(proto::AcknowledgeCheckpoint()).ok());

  const StatusOr<SnapshotFailure> failure = FromProto(ToProto(SnapshotFailure{kAttempt, kSubtask, CheckpointId{4}, Unavailable("disk")}, {}));
  ASSERT_TRUE(failure.ok());
  EXPECT_EQ(failure->failure, Unavailable("disk"));
  EXPECT_FALSE(FromProto(proto::DeclineCheckpoint()).ok());
}

TEST(ConvertTest, MetricsComeBackAndBadOnesAreRefused) {
  const std::vector<MetricSample> samples = {
      {"taskmanager_job_task_numRecordsIn", {{"host", "h"}, {"subtask_index", "1"}}, MetricKind::kCounter, 12, {}, 0},
      {"taskmanager_job_latency", {}, MetricKind::kHistogram, 0, {1, 2, 3, 4, 5, 6}, 77},
  };
  const auto got = FromProto(ToProto(samples));
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(got->size(), 2u);
  EXPECT_EQ((*got)[0].name, samples[0].name);
  EXPECT_EQ((*got)[0].labels, samples[0].labels);
  EXPECT_EQ((*got)[0].value, 12);
  EXPECT_EQ((*got)[1].quantiles, samples[1].quantiles);
  EXPECT_EQ((*got)[1].count, 77u);

  proto::MetricSample message;
  EXPECT_FALSE(FromProto(message).ok());
  message.set_name("bad name\n");
  message.set_kind("gauge");
  EXPECT_EQ(FromProto(message)->name, "bad_name_");
  message.set_kind("meter");
  EXPECT_FALSE(FromProto(message).ok());
  message.set_kind("histogram");
  EXPECT_FALSE(FromProto(message).ok());
}

TEST(ConvertTest, DamagedMessagesNeverCrash) {
  testing::Fuzz(ToProto(SomeDeployment()).SerializeAsString(), 20'000, [](const std::string& bytes) {
    proto::TaskDeployment message;
    if (message.ParseFromString(bytes)) (void)FromProto(message).ok();
  });
  testing::Fuzz(ToProto(SnapshotReport{kAttempt, kSubtask, CheckpointId{4}, SomeSnapshot(), {}}).SerializeAsString(), 20'000,
                [](const std::string& bytes) {
                  proto::AcknowledgeCheckpoint message;
                  if (message.ParseFromString(bytes)) (void)FromProto(message).ok();
                });
}

}  // namespace
}  // namespace weir
