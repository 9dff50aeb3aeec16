#include "state/checkpoint/checkpoint_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/envelope.h"
#include "tests/unit/testing/fuzz.h"

namespace weir {
namespace {

constexpr uint32_t kVersion = 4;

CheckpointMetadata Rich() {
  CheckpointMetadata metadata;
  metadata.job_id.bytes[3] = 7;
  metadata.id = {42};
  metadata.attempt = {.epoch = {3}, .restart = 2};
  metadata.timestamp_ms = 1'700'000'000'123;
  VertexCheckpoint vertex{.operators = {{OperatorIdFromUid("count"), "count",
                                           OperatorDescription{"Count", "i64", {{"last", "value", "{a:i32}", ""}, {"seen", "map", "map<i64,i32>", "ttl"}}}},
                                          {OperatorIdFromUid("plain"), "plain"}},
                            .parallelism = 2, .max_parallelism = 128, .subtasks = {}};
  vertex.subtasks.resize(2);
  vertex.subtasks[0].finished = true;
  OperatorSubtaskState state{.operator_id = OperatorIdFromUid("count"), .keyed = {}, .operator_state = {}};
  state.keyed = {{.key_groups = {64, 127}, .bytes = {.path = "/b", .inline_bytes = {}, .size_bytes = 9, .checksum = 5}},
                 {.key_groups = {64, 127}, .bytes = {.path = "/a", .inline_bytes = {}, .size_bytes = 1, .checksum = 6}}};
  state.operator_state = {
      {.partitions = {{.name = "l", .mode = RedistributionMode::kUnion, .schema = "offset-schema", .items = {{.offset = 1, .size_bytes = 2}}}},
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
  const auto envelope = EnvelopeReader::Open(bytes, "WEIRMETA", kVersion, "test");
  ASSERT_TRUE(envelope.ok());
  testing::Fuzz(*envelope->Section(2), 20'000, [&](const std::string& section) {
    EnvelopeWriter writer("WEIRMETA", kVersion);
    writer.AddSection(1, *envelope->Section(1));
    writer.AddSection(2, section);
    static_cast<void>(CheckpointMetadata::Decode(writer.Finish()).ok());
  });
  testing::Fuzz(*envelope->Section(3), 20'000, [&](const std::string& section) {
    EnvelopeWriter writer("WEIRMETA", kVersion);
    writer.AddSection(1, *envelope->Section(1));
    writer.AddSection(2, *envelope->Section(2));
    writer.AddSection(3, section);
    static_cast<void>(CheckpointMetadata::Decode(writer.Finish()).ok());
  });
}

TEST(CheckpointMetadataTest, ANewerVersionIsNotGuessedAt) {
  EnvelopeWriter writer("WEIRMETA", kVersion + 1);
  EXPECT_EQ(CheckpointMetadata::Decode(writer.Finish()).status().code(), StatusCode::kFailedPrecondition);
}

// What checkpoints of older versions said, they still say: version 1 had no kind, 2 no schemas of operator states, and 3 no descriptions.
TEST(CheckpointMetadataTest, OlderVersionsAreRead) {
  const std::string bytes = Rich().Encode();
  const auto envelope = EnvelopeReader::Open(bytes, "WEIRMETA", kVersion, "test");
  ASSERT_TRUE(envelope.ok());
  std::string body(*envelope->Section(2));
  const std::string schema = "\x0doffset-schema";
  ASSERT_NE(body.find(schema), std::string::npos);
  body.erase(body.find(schema), schema.size());
  CheckpointMetadata expected = Rich();
  expected.vertices[0].operators[0].description.reset();
  EnvelopeWriter third("WEIRMETA", 3);
  third.AddSection(1, *envelope->Section(1));
  third.AddSection(2, *envelope->Section(2));
  const auto decoded_third = CheckpointMetadata::Decode(third.Finish());
  ASSERT_TRUE(decoded_third.ok()) << decoded_third.status().ToString();
  EXPECT_EQ(*decoded_third, expected);
  expected.vertices[0].subtasks[1].snapshot.operators[0].operator_state[0].partitions[0].schema.clear();
  for (const uint32_t version : {1u, 2u}) {
    std::string_view head = *envelope->Section(1);
    if (version == 1) head.remove_suffix(1);
    EnvelopeWriter writer("WEIRMETA", version);
    writer.AddSection(1, head);
    writer.AddSection(2, body);
    const auto decoded = CheckpointMetadata::Decode(writer.Finish());
    ASSERT_TRUE(decoded.ok()) << version << ": " << decoded.status().ToString();
    EXPECT_EQ(*decoded, expected) << version;
  }
}

CheckpointMetadata SavepointIn(const std::string& directory) {
  CheckpointMetadata savepoint = Rich();
  savepoint.savepoint = SavepointFormat::kNative;
  for (KeyedStateHandle& handle : savepoint.vertices[0].subtasks[1].snapshot.operators[0].keyed) handle.bytes.path = directory + handle.bytes.path;
  return savepoint;
}

TEST(CheckpointMetadataTest, ASavepointNamesItsFilesWhereverItLies) {
  const auto named = SavepointIn("/here/sp").NamedIn("/here/sp");
  ASSERT_TRUE(named.ok()) << named.status().ToString();
  auto decoded = CheckpointMetadata::Decode(named->Encode());
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  decoded->ResolveIn("/there");
  EXPECT_EQ(*decoded, SavepointIn("/there"));
  EXPECT_EQ(decoded->vertices[0].subtasks[1].snapshot.operators[0].operator_state[0].bytes.path, "");  // Inline stays inline.
}

TEST(CheckpointMetadataTest, ASavepointHasNoFilesOutsideItsDirectory) {
  EXPECT_EQ(SavepointIn("/elsewhere").NamedIn("/here").status().code(), StatusCode::kInternal);
  EXPECT_EQ(SavepointIn("/here/deeper").NamedIn("/here").status().code(), StatusCode::kInternal);
}

TEST(CheckpointMetadataTest, NamesThatLeadOutOfASavepointAreCorruption) {
  const std::string good = SavepointIn("/sp").NamedIn("/sp")->Encode();
  const auto envelope = EnvelopeReader::Open(good, "WEIRMETA", kVersion, "test");
  ASSERT_TRUE(envelope.ok());
  for (const std::string bad : {"/", "."}) {
    std::string section(*envelope->Section(2));
    const size_t at = section.find("\1b");  // A path of one byte.
    ASSERT_NE(at, std::string::npos);
    section[at + 1] = bad[0];
    EnvelopeWriter writer("WEIRMETA", kVersion);
    writer.AddSection(1, *envelope->Section(1));
    writer.AddSection(2, section);
    writer.AddSection(3, *envelope->Section(3));
    EXPECT_EQ(CheckpointMetadata::Decode(writer.Finish()).status().code(), StatusCode::kCorruption) << bad;
  }
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
