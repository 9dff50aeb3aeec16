#include "client/state_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/status_macros.h"
#include "client/value_json.h"
#include "state/schema/schema_change.h"
#include "state/schema/schema_text.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

// Adds "value", and "last_access" where there is one, to `target`.
Status AddValue(const Schema& schema, bool timed, ByteReader& in, Json& target) {
  const int64_t last_access_ms = timed ? in.Get<int64_t>() : 0;
  if (!in.ok()) return Corruption("a value has no time of last access");
  ASSIGN_OR_RETURN(target["value"], ValueJson(schema, in));
  if (timed) target["last_access"] = last_access_ms;
  return Status::Ok();
}

Status AddChunk(const StateContents& state, const SnapshotRecord& record, Json& shown) {
  if (record.name_space.size() != sizeof(uint32_t)) return Corruption("a chunk of a list has no number");
  uint32_t number = 0;
  for (const char byte : record.name_space) number = number << 8 | static_cast<uint8_t>(byte);
  shown["chunk"] = number;
  ByteReader in(record.value);
  const Schema& element = state.schema.parts[0];
  constexpr uint64_t kElementsMax = 64 * 1024;
  const uint64_t count = in.GetVarint();
  if (!in.ok() || count > kElementsMax) return Corruption("a chunk of a list has no count");
  Json elements = Json::array();
  for (uint64_t i = 0; i < count; ++i) {
    Json one = Json::object();
    RETURN_IF_ERROR(AddValue(element, state.timed(), in, one));
    const bool rest_is_taken = i + 1 < count && in.AtEnd() && !IsSelfContained(element);
    elements.push_back(state.timed() ? std::move(one) : std::move(one["value"]));
    // Only the job knows where elements end: all of them are in the first.
    if (rest_is_taken) break;
  }
  shown["value"] = std::move(elements);
  return in.AtEnd() ? Status::Ok() : Corruption("a chunk of a list is longer than its elements");
}

Status AddContent(const KeyedUnit& unit, Json& shown) {
  const StateContents& state = unit.state;
  if (state.description.kind == "list") return AddChunk(state, unit.record, shown);
  ByteReader in(unit.record.value);
  if (state.description.kind == "map") {
    Json entry = Json::object();
    ASSIGN_OR_RETURN(entry["key"], WholeValueJson(state.schema.parts[0], unit.record.name_space));
    RETURN_IF_ERROR(AddValue(state.schema.parts[1], state.timed(), in, entry));
    shown["entry"] = std::move(entry);
  } else {
    if (!unit.record.name_space.empty()) shown["namespace"] = HexJson(unit.record.name_space);
    RETURN_IF_ERROR(AddValue(state.schema, state.timed(), in, shown));
  }
  return in.AtEnd() ? Status::Ok() : Corruption("a value is longer than " + state.description.schema);
}

}  // namespace

StatusOr<Json> UnitJson(const OperatorContents& op, const KeyedUnit& unit) {
  Json shown = {{"operator", op.uid}, {"state", unit.state.description.name}, {"key_group", unit.key_group}};
  const std::string where = "operator \"" + op.uid + "\", state \"" + unit.state.description.name + "\", key group " + std::to_string(unit.key_group);
  StatusOr<Json> key = WholeValueJson(op.key_schema, unit.record.key);
  if (!key.ok()) return key.status().WithContext(where + ", key");
  shown["key"] = std::move(*key);
  if (const Status added = AddContent(unit, shown); !added.ok()) return added.WithContext(where);
  return shown;
}

StatusOr<Json> ItemJson(const OperatorContents& op, const UnkeyedItem& item) {
  Json shown = {{"operator", op.uid}, {"state", item.state.name}, {"mode", std::string(RedistributionModeName(item.state.mode))}, {"subtask", item.subtask}};
  StatusOr<Schema> schema = ParseSchema(item.state.schema);
  // Without a schema, as in older snapshots, and of sinks, whose committables are their own matter.
  if (!schema.ok() || !IsSelfContained(*schema)) return shown["item"] = HexJson(item.item), shown;
  const bool is_entry = item.state.mode == RedistributionMode::kBroadcast && schema->kind == Schema::Kind::kMap;
  if (is_entry) schema->kind = Schema::Kind::kTuple;
  StatusOr<Json> content = WholeValueJson(*schema, item.item);
  if (!content.ok()) return content.status().WithContext("operator \"" + op.uid + "\", state \"" + item.state.name + "\", subtask " + std::to_string(item.subtask));
  if (is_entry) {
    shown["entry"] = {{"key", std::move((*content)[0])}, {"value", std::move((*content)[1])}};
  } else {
    shown["item"] = std::move(*content);
  }
  return shown;
}

Json KeyJson(std::vector<Json> units) {
  CHECK(!units.empty());
  Json shown = units.front();
  if (shown.contains("entry")) {
    shown.erase("entry");
    Json& entries = shown["entries"] = Json::array();
    for (Json& unit : units) entries.push_back(std::move(unit["entry"]));
  } else if (shown.contains("chunk")) {
    std::sort(units.begin(), units.end(), [](const Json& a, const Json& b) { return a["chunk"] < b["chunk"]; });
    shown.erase("chunk");
    Json& elements = shown["value"] = Json::array();
    for (Json& unit : units) {
      for (Json& element : unit["value"]) elements.push_back(std::move(element));
    }
  }
  return shown;
}

}  // namespace weir
