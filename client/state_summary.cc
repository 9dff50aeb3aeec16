#include "client/state_summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <weir/core/key_hash.h>

#include "base/status_macros.h"
#include "client/text_table.h"

namespace weir {
namespace {

void Add(const StateSize& more, StateSize& sum) {
  sum.keys += more.keys;
  sum.entries += more.entries;
  sum.bytes += more.bytes;
}

// Sizes of the states of one operator; units come key group by key group.
class KeyGroupSizes {
 public:
  explicit KeyGroupSizes(std::vector<StateSummary>& states) : states_(states), keys_(states.size()) {}

  void Count(const KeyedUnit& unit) {
    if (unit.key_group != key_group_) Finish();
    key_group_ = unit.key_group;
    StateSize& size = states_[unit.state_index].key_groups[unit.key_group];
    const SnapshotRecord& record = unit.record;
    size.entries += unit.state.description.kind == "list" ? ByteReader(record.value).GetVarint() : 1;
    size.bytes += record.key.size() + record.name_space.size() + record.value.size();
    keys_[unit.state_index].push_back(HashBytes(record.key.data(), record.key.size()));
  }
  // Of the key group that is through.
  void Finish() {
    for (size_t i = 0; i < states_.size(); ++i) {
      if (keys_[i].empty()) continue;
      std::sort(keys_[i].begin(), keys_[i].end());
      StateSize& size = states_[i].key_groups[key_group_];
      size.keys = static_cast<uint64_t>(std::unique(keys_[i].begin(), keys_[i].end()) - keys_[i].begin());
      keys_[i].clear();
    }
  }

 private:
  std::vector<StateSummary>& states_;
  std::vector<std::vector<uint64_t>> keys_;  // Hashes, by state; of key_group_.
  uint32_t key_group_ = 0;
};

Status AddKeyed(FileSystem& files, const OperatorContents& op, OperatorSummary& summary) {
  summary.key_schema = op.key_schema_text;
  for (const StateContents& state : op.states) {
    StateSummary& added = summary.states.emplace_back();
    added.name = state.description.name;
    added.kind = state.description.kind;
    added.schema = state.description.schema;
    added.keyed = true;
    added.timed = state.timed();
  }
  KeyGroupSizes sizes(summary.states);
  RETURN_IF_ERROR(ForEachKeyedUnit(files, op, std::nullopt, [&sizes](const KeyedUnit& unit) { return sizes.Count(unit), Status::Ok(); }));
  sizes.Finish();
  for (StateSummary& state : summary.states) {
    for (const auto& [key_group, size] : state.key_groups) Add(size, state.size);
  }
  return Status::Ok();
}

// By name; also those without items.
void AddUnkeyed(const OperatorContents& op, OperatorSummary& summary) {
  std::map<std::string, StateSummary> states;
  for (const OperatorContents::Unkeyed& part : op.unkeyed) {
    for (const OperatorStatePartition& partition : part.handle.partitions) {
      StateSummary& state = states[partition.name];
      state.name = partition.name;
      state.kind = RedistributionModeName(partition.mode);
      state.schema = partition.schema;
      state.size.entries += partition.items.size();
      for (const OperatorStatePartition::Item& item : partition.items) state.size.bytes += item.size_bytes;
    }
  }
  for (auto& [name, state] : states) summary.states.push_back(std::move(state));
}

nlohmann::ordered_json SizeJson(const StateSize& size, bool keyed) {
  nlohmann::ordered_json shown;
  if (keyed) shown["keys"] = size.keys;
  shown["entries"] = size.entries;
  shown["bytes"] = size.bytes;
  return shown;
}

}  // namespace

StatusOr<std::vector<OperatorSummary>> Summarize(FileSystem& files, const SnapshotContents& snapshot) {
  std::vector<OperatorSummary> operators;
  for (const OperatorContents& op : snapshot.operators()) {
    OperatorSummary& summary = operators.emplace_back();
    summary.uid = op.uid;
    summary.name = op.name;
    summary.max_parallelism = op.max_parallelism;
    if (!op.keyed.empty()) RETURN_IF_ERROR(AddKeyed(files, op, summary));
    AddUnkeyed(op, summary);
  }
  return operators;
}

std::string SummaryText(const std::string& title, const std::vector<OperatorSummary>& operators, bool by_key_group) {
  std::vector<std::vector<std::string>> rows = {{"OPERATOR", "STATE", "KIND", "KEYS", "ENTRIES", "BYTES", "SCHEMA"}};
  const auto add = [&rows](const std::string& op, const std::string& state, const std::string& kind, const StateSize& size, bool keyed, const std::string& schema) {
    rows.push_back({op, state, kind, keyed ? std::to_string(size.keys) : "-", std::to_string(size.entries), std::to_string(size.bytes), schema});
  };
  for (const OperatorSummary& op : operators) {
    if (!op.key_schema.empty()) rows.push_back({op.uid, "(key)", "", "", "", "", op.key_schema});
    for (const StateSummary& state : op.states) {
      add(op.uid, state.name, state.kind + (state.timed ? " (ttl)" : ""), state.size, state.keyed, state.schema.empty() ? "(not told)" : state.schema);
      if (!by_key_group) continue;
      for (const auto& [key_group, size] : state.key_groups) add("", "  key group " + std::to_string(key_group), "", size, true, "");
    }
  }
  return title + "\n" + (rows.size() == 1 ? "It has no state.\n" : TextTable(rows));
}

std::string SummaryJson(const SnapshotContents& snapshot, const std::vector<OperatorSummary>& operators, bool by_key_group) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const OperatorSummary& op : operators) {
    nlohmann::ordered_json states = nlohmann::ordered_json::array();
    for (const StateSummary& state : op.states) {
      nlohmann::ordered_json shown = {{"state", state.name}, {"kind", state.kind}, {"ttl", state.timed}};
      shown["schema"] = state.schema.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(state.schema);
      shown.update(SizeJson(state.size, state.keyed));
      if (by_key_group && state.keyed) {
        nlohmann::ordered_json& groups = shown["key_groups"] = nlohmann::ordered_json::array();
        for (const auto& [key_group, size] : state.key_groups) {
          nlohmann::ordered_json& group = groups.emplace_back(nlohmann::ordered_json{{"key_group", key_group}});
          group.update(SizeJson(size, true));
        }
      }
      states.push_back(std::move(shown));
    }
    const auto or_null = [](const std::string& text) { return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text); };
    list.push_back({{"operator", op.uid}, {"name", or_null(op.name)}, {"key_schema", or_null(op.key_schema)}, {"max_parallelism", op.max_parallelism}, {"states", states}});
  }
  const CheckpointMetadata& metadata = snapshot.loaded().metadata;
  nlohmann::ordered_json shown = {{"path", snapshot.loaded().metadata_path}, {"job", metadata.job_id.ToHex()}, {"checkpoint", metadata.id.value},
                                  {"timestamp", metadata.timestamp_ms}};
  shown["kind"] = !metadata.savepoint.has_value() ? "checkpoint" : *metadata.savepoint == SavepointFormat::kNative ? "native savepoint" : "canonical savepoint";
  shown["operators"] = std::move(list);
  return shown.dump(2) + "\n";
}

}  // namespace weir
