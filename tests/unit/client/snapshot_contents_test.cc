// Snapshots as the offline tools read them: base and deltas, every kind of state, damage.
#include "client/snapshot_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <weir/core/key_hash.h>

#include "client/state_json.h"
#include "client/state_summary.h"
#include "runtime/graph/job_graph.h"
#include "state/checkpoint/operator_state_file.h"
#include "state/checkpoint/savepoint_directory.h"
#include "state/checkpoint/snapshot_writer.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr uint32_t kMaxParallelism = 8;
constexpr SnapshotRecordKind kValue = SnapshotRecordKind::kValue;
constexpr SnapshotRecordKind kGone = SnapshotRecordKind::kTombstone;
constexpr SnapshotRecordKind kAllGone = SnapshotRecordKind::kRangeTombstone;

template <class T>
std::string Encoded(const T& value) {
  ByteWriter out;
  Serde<T>::Encode(value, out);
  return out.Take();
}

struct Written {
  uint32_t state;
  SnapshotRecordKind kind;
  std::string key;
  std::string name_space;
  std::string value;
};

const std::vector<SnapshotState> kStates = {{"last", "value", "i32", ""},
                                            {"seen", "map", "map<string,i32>", ""},
                                            {"names", "list", "list<string>", ""},
                                            {"timed", "value", "{a:i32}", "ttl"},
                                            {"timed-list", "list", "list<i32>", "ttl"}};

class SnapshotContentsTest : public ::testing::Test {
 protected:
  static uint32_t GroupOf(const std::string& key) { return static_cast<uint32_t>(HashKey(key) % kMaxParallelism); }

  KeyedStateHandle File(KeyGroupRange key_groups, const std::vector<Written>& records) {
    SnapshotHeader header;
    header.max_parallelism = kMaxParallelism;
    header.key_groups = key_groups;
    header.key_schema = "string";
    header.states = kStates;
    SnapshotFileWriter writer(files_, {"/sp/file-" + std::to_string(file_count_++), 0}, header);
    for (uint32_t group = key_groups.start; group <= key_groups.end; ++group) {
      BlockBuilder builder;
      for (const Written& record : records) {
        if (GroupOf(record.key) != group) continue;
        if (!builder.started()) builder.Start(group);
        const std::string key = Encoded(record.key);
        builder.Append({record.state, record.kind, key, record.name_space, record.value});
      }
      if (!builder.started()) continue;
      EXPECT_TRUE(writer.AddBlock(builder.Finish()).ok());
    }
    return {key_groups, *writer.Finish()};
  }

  // A savepoint in /sp of two subtasks, each with a base and two deltas.
  void Save() {
    const auto number = [](uint8_t n) { return std::string{0, 0, 0, static_cast<char>(n)}; };
    const std::vector<Written> base = {
        {0, kValue, "alice", "", Encoded(int32_t{1})},
        {0, kValue, "bob", "", Encoded(int32_t{2})},
        {0, kValue, "carol", "", Encoded(int32_t{3})},
        {1, kValue, "alice", Encoded(std::string("x")), Encoded(int32_t{10})},
        {1, kValue, "alice", Encoded(std::string("y")), Encoded(int32_t{11})},
        {1, kValue, "bob", Encoded(std::string("x")), Encoded(int32_t{12})},
        {2, kValue, "alice", number(0), Encoded(std::vector<std::string>{"a", "b"})},
        {2, kValue, "alice", number(1), Encoded(std::vector<std::string>{"c"})},
        {3, kValue, "alice", "", Encoded(std::tuple(int64_t{1'000}, int32_t{5}))},
        {4, kValue, "alice", number(0), Encoded(std::vector<std::tuple<int64_t, int32_t>>{{2'000, 6}, {3'000, 7}})},
    };
    const std::vector<Written> first = {
        {0, kValue, "alice", "", Encoded(int32_t{100})}, {0, kGone, "bob", "", ""}, {1, kGone, "alice", Encoded(std::string("x")), ""}, {1, kAllGone, "bob", "", ""}};
    const std::vector<Written> second = {{0, kValue, "bob", "", Encoded(int32_t{200})}, {1, kValue, "bob", Encoded(std::string("z")), Encoded(int32_t{13})}};
    CheckpointMetadata metadata;
    metadata.id = {7};
    metadata.savepoint = SavepointFormat::kNative;
    VertexCheckpoint& vertex = metadata.vertices.emplace_back();
    vertex.operators = {{OperatorIdFromUid("count"), "count", OperatorDescription{"KeyedProcess", "string", kStates}}};
    vertex.parallelism = 2;
    vertex.max_parallelism = kMaxParallelism;
    vertex.subtasks.resize(2);
    for (uint32_t i = 0; i < 2; ++i) {
      const KeyGroupRange range = KeyGroupRangeOf(kMaxParallelism, 2, i);
      OperatorSubtaskState state{.operator_id = OperatorIdFromUid("count"), .keyed = {}, .operator_state = {}};
      state.keyed = {File(range, base), File(range, first), File(range, second)};
      OperatorStateWriter writer;
      writer.Declare("splits", RedistributionMode::kEvenSplit, "{next:i32}");
      writer.AddItem("splits", Encoded(int32_t(i)));
      writer.Declare("own", RedistributionMode::kUnion, "serde<own,1,1>");
      writer.AddItem("own", "\x0a\xff");
      writer.Declare("untold", RedistributionMode::kEvenSplit, "");
      writer.Declare("rules", RedistributionMode::kBroadcast, "map<string,i32>");
      writer.AddItem("rules", Encoded(std::tuple(std::string("a"), int32_t{1})));
      state.operator_state.push_back(*writer.Finish(files_, "/sp/op-" + std::to_string(i), {.inline_size_bytes_max = 0}));
      vertex.subtasks[i].snapshot.operators = {state};
    }
    const auto written = WriteSavepointMetadata(files_, metadata, "/sp");
    ASSERT_TRUE(written.ok()) << written.status().ToString();
  }

  std::vector<std::string> Export(std::optional<uint32_t> key_group = std::nullopt) {
    std::vector<std::string> lines;
    const auto snapshot = SnapshotContents::Open(files_, "/sp");
    EXPECT_TRUE(snapshot.ok()) << snapshot.status().ToString();
    for (const OperatorContents& op : snapshot->operators()) {
      exported_ = ForEachKeyedUnit(files_, op, key_group, [&](const KeyedUnit& unit) {
        const auto shown = UnitJson(op, unit);
        if (!shown.ok()) return shown.status();
        nlohmann::ordered_json line = *shown;
        EXPECT_EQ(line["operator"], "count");
        EXPECT_EQ(line["key_group"], GroupOf(line["key"]));
        line.erase("operator");
        line.erase("key_group");
        lines.push_back(line.dump());
        return Status::Ok();
      });
    }
    return lines;
  }

  testing::MemoryFileSystem files_;
  int file_count_ = 0;
  Status exported_;
};

TEST_F(SnapshotContentsTest, BaseAndDeltasAreMergedAndDecodedBySchema) {
  Save();
  EXPECT_THAT(Export(), UnorderedElementsAre(
      R"({"state":"last","key":"alice","value":100})", R"({"state":"last","key":"bob","value":200})", R"({"state":"last","key":"carol","value":3})",
      R"({"state":"seen","key":"alice","entry":{"key":"y","value":11}})", R"({"state":"seen","key":"bob","entry":{"key":"z","value":13}})",
      R"({"state":"names","key":"alice","chunk":0,"value":["a","b"]})", R"({"state":"names","key":"alice","chunk":1,"value":["c"]})",
      R"({"state":"timed","key":"alice","value":{"a":5},"last_access":1000})",
      R"({"state":"timed-list","key":"alice","chunk":0,"value":[{"value":6,"last_access":2000},{"value":7,"last_access":3000}]})"));
  EXPECT_TRUE(exported_.ok()) << exported_.ToString();
  const std::vector<std::string> carols = Export(GroupOf("carol"));
  EXPECT_THAT(carols, ::testing::Contains(HasSubstr("carol")));
  EXPECT_LT(carols.size(), 9u);
}

TEST_F(SnapshotContentsTest, SizesAreThoseOfWhatIsLeft) {
  Save();
  const auto snapshot = SnapshotContents::Open(files_, "/sp/_metadata");
  ASSERT_TRUE(snapshot.ok());
  const auto operators = Summarize(files_, *snapshot);
  ASSERT_TRUE(operators.ok()) << operators.status().ToString();
  const nlohmann::json shown = nlohmann::json::parse(SummaryJson(*snapshot, *operators, true));
  EXPECT_EQ(shown.at("kind"), "native savepoint");
  const nlohmann::json& op = shown.at("operators").at(0);
  EXPECT_EQ(op.at("name"), "KeyedProcess");
  EXPECT_EQ(op.at("key_schema"), "string");
  std::vector<std::string> sizes;
  for (const nlohmann::json& state : op.at("states")) {
    sizes.push_back(state.at("state").get<std::string>() + " " + std::to_string(state.value("keys", -1)) + " " + std::to_string(state.at("entries").get<int>()));
  }
  EXPECT_THAT(sizes, ElementsAre("last 3 3", "seen 2 2", "names 1 3", "timed 1 1", "timed-list 1 2", "own -1 2", "rules -1 2", "splits -1 2", "untold -1 0"));
  EXPECT_EQ(op.at("states").at(0).at("bytes"), 6 + 4 + 6 + 4 + 4 + 4);
  uint64_t of_groups = 0;
  for (const nlohmann::json& group : op.at("states").at(0).at("key_groups")) of_groups += group.at("keys").get<uint64_t>();
  EXPECT_EQ(of_groups, 3u);
  const std::string text = SummaryText(snapshot->Title(), *operators, false);
  EXPECT_THAT(text, HasSubstr("native savepoint of job 00000000000000000000000000000000, checkpoint 7\nOPERATOR  STATE"));
  EXPECT_THAT(text, HasSubstr("count     seen        map"));
  EXPECT_THAT(text, HasSubstr("timed       value (ttl)"));
}

TEST_F(SnapshotContentsTest, AKeysUnitsMakeOneDocument) {
  const auto document = [](const std::vector<std::string>& units) {
    std::vector<nlohmann::ordered_json> parsed;
    for (const std::string& unit : units) parsed.push_back(nlohmann::ordered_json::parse(unit));
    return KeyJson(parsed).dump();
  };
  EXPECT_EQ(document({R"({"key":"a","value":1})"}), R"({"key":"a","value":1})");
  EXPECT_EQ(document({R"({"key":"a","entry":{"key":"x","value":1}})", R"({"key":"a","entry":{"key":"y","value":2}})"}),
            R"({"key":"a","entries":[{"key":"x","value":1},{"key":"y","value":2}]})");
  EXPECT_EQ(document({R"({"key":"a","chunk":10,"value":[3]})", R"({"key":"a","chunk":2,"value":[1,2]})"}), R"({"key":"a","value":[1,2,3]})");
}

TEST_F(SnapshotContentsTest, ItemsOfOperatorStatesComeSubtaskBySubtask) {
  Save();
  const auto snapshot = SnapshotContents::Open(files_, "/sp");
  std::vector<std::string> items;
  const Status status = ForEachUnkeyedItem(files_, snapshot->operators()[0], [&](const UnkeyedItem& item) {
    const auto shown = ItemJson(snapshot->operators()[0], item);
    EXPECT_TRUE(shown.ok()) << shown.status().ToString();
    if (item.subtask == 1 || item.state.name == "splits") items.push_back(shown->dump());
    return Status::Ok();
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_THAT(items, ElementsAre(R"({"operator":"count","state":"splits","mode":"list","subtask":0,"item":{"next":0}})",
                                 R"({"operator":"count","state":"splits","mode":"list","subtask":1,"item":{"next":1}})",
                                 R"({"operator":"count","state":"own","mode":"union list","subtask":1,"item":{"hex":"0aff"}})",
                                 R"({"operator":"count","state":"rules","mode":"broadcast","subtask":1,"entry":{"key":"a","value":1}})"));
}

TEST_F(SnapshotContentsTest, OperatorsAreFoundByUidIdAndName) {
  Save();
  const auto snapshot = SnapshotContents::Open(files_, "/sp");
  for (const std::string& name : {std::string("count"), OperatorIdFromUid("count").ToHex(), std::string("KeyedProcess")}) {
    const auto found = snapshot->Find(name);
    ASSERT_TRUE(found.ok()) << name;
    EXPECT_EQ((*found)->uid, "count");
  }
  EXPECT_THAT(snapshot->Find("other").status().message(), HasSubstr("it has: count"));
}

TEST_F(SnapshotContentsTest, DamageNamesFileAndPart) {
  Save();
  EXPECT_EQ(SnapshotContents::Open(files_, "/nothing").status().code(), StatusCode::kNotFound);
  std::string& content = files_.files()["/sp/file-0"];
  const std::string good = content;
  content[200] = static_cast<char>(content[200] ^ 1);
  Export();
  EXPECT_EQ(exported_.code(), StatusCode::kCorruption);
  EXPECT_THAT(exported_.message(), HasSubstr("path=/sp/file-0"));
  EXPECT_THAT(exported_.message(), HasSubstr("expected"));
  content = good;
  content[20] = static_cast<char>(content[20] ^ 1);
  EXPECT_THAT(SnapshotContents::Open(files_, "/sp").status().message(), HasSubstr("/sp/file-0"));
  content = good;
  files_.files().erase("/sp/op-1");
  const auto snapshot = SnapshotContents::Open(files_, "/sp");
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(ForEachUnkeyedItem(files_, snapshot->operators()[0], [](const UnkeyedItem&) { return Status::Ok(); }).code(), StatusCode::kNotFound);
}

// Checksums are right and the values are not of their schema.
TEST_F(SnapshotContentsTest, AValueThatDoesNotDecodeNamesStateAndKeyGroup) {
  CheckpointMetadata metadata;
  metadata.id = {7};
  metadata.savepoint = SavepointFormat::kCanonical;
  VertexCheckpoint& vertex = metadata.vertices.emplace_back();
  vertex.operators = {{OperatorIdFromUid("count"), "count"}};
  vertex.max_parallelism = kMaxParallelism;
  vertex.subtasks.resize(1);
  OperatorSubtaskState state{.operator_id = OperatorIdFromUid("count"), .keyed = {}, .operator_state = {}};
  state.keyed = {File({0, kMaxParallelism - 1}, {{0, kValue, "alice", "", "xyz"}})};
  vertex.subtasks[0].snapshot.operators = {state};
  ASSERT_TRUE(WriteSavepointMetadata(files_, metadata, "/sp").ok());
  Export();
  EXPECT_EQ(exported_.code(), StatusCode::kCorruption);
  EXPECT_THAT(exported_.message(), HasSubstr("operator \"count\", state \"last\", key group " + std::to_string(GroupOf("alice")) + ": a value does not decode as i32"));
}

}  // namespace
}  // namespace weir
