#include "state/checkpoint/checkpoint_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/envelope.h"
#include "tests/unit/testing/fuzz.h"

namespace weir {
namespace {

CheckpointMetadata Rich() {
  CheckpointMetadata metadata;
  metadata.job_id.bytes[3] = 7;
  metadata.id = {42};
  metadata.attempt = {.epoch = {3}, .restart = 2};
  metadata.timestamp_ms = 1'700'000'000'123;
  VertexCheckpoint vertex{.operators = {{OperatorIdFromUid("count"), "count"}}, .parallelism = 2, .max_parallelism = 128, .subtasks = {}};
  vertex.subtasks.resize(2);
  vertex.subtasks[0].finished = true;
  OperatorSubtaskState state{.operator_id = OperatorIdFromUid("count"), .keyed = {}, .operator_state = {}};
  state.keyed = {{.key_groups = {64, 127}, .bytes = {.path = "/b", .inline_bytes = {}, .size_bytes = 9, .checksum = 5}},
                 {.key_groups = {64, 127}, .bytes = {.path = "/a", .inline_bytes = {}, .size_bytes = 1, .checksum = 6}}};
  state.operator_state = {
      {.partitions = {{.name = "l", .mode = RedistributionMode::kUnion, .items = {{.offset = 1, .size_bytes = 2}}}},
       .bytes = {.path = {}, .inline_bytes = "abcd", .size_bytes = 4, .checksum = 8}}};
  vertex.subtasks[1].snapshot = {.operators = {state}, .drained = true, .watermark = 99};
  metadata.vertices = {vertex};
  return metadata;
}

TEST(CheckpointMetadataTest, DecodedEqualsEncoded) {
  const auto decoded = CheckpointMetadata::Decode(Rich().Encode());
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, Rich());
  EXPECT_EQ(decoded->StateSizeBytes(), 14u);
  EXPECT_THAT(decoded->ReferencedFiles(), ::testing::ElementsAre("/a", "/b"));
}

TEST(CheckpointMetadataTest, DamagedBytesNeverDecode) {
  testing::Fuzz(Rich().Encode(), 20'000, [](const std::string& bytes) { EXPECT_FALSE(CheckpointMetadata::Decode(bytes).ok()); });
}

// The envelope is right and the sections are damaged: only the decoder itself is left to notice.
TEST(CheckpointMetadataTest, DamagedSectionsWithRightChecksumsNeverCrash) {
  const std::string bytes = Rich().Encode();
  const auto envelope = EnvelopeReader::Open(bytes, "WEIRMETA", 1, "test");
  ASSERT_TRUE(envelope.ok());
  testing::Fuzz(*envelope->Section(2), 20'000, [&](const std::string& section) {
    EnvelopeWriter writer("WEIRMETA", 1);
    writer.AddSection(1, *envelope->Section(1));
    writer.AddSection(2, section);
    static_cast<void>(CheckpointMetadata::Decode(writer.Finish()).ok());
  });
}

TEST(CheckpointMetadataTest, ANewerVersionIsNotGuessedAt) {
  EnvelopeWriter writer("WEIRMETA", 2);
  EXPECT_EQ(CheckpointMetadata::Decode(writer.Finish()).status().code(), StatusCode::kFailedPrecondition);
}

TEST(CheckpointMetadataTest, CorruptionNamesOffsetAndExpectation) {
  std::string bytes = Rich().Encode();
  bytes[bytes.size() / 2] ^= 1;
  const Status status = CheckpointMetadata::Decode(bytes).status();
  EXPECT_THAT(status.message(), ::testing::HasSubstr("offset="));
  EXPECT_THAT(status.message(), ::testing::HasSubstr("expected"));
}

}  // namespace
}  // namespace weir
