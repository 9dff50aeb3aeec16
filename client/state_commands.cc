#include <cstdio>
#include <nlohmann/json.hpp>

#include <weir/core/key_hash.h>

#include "base/status_macros.h"
#include "client/commands.h"
#include "client/snapshot_contents.h"
#include "client/state_json.h"
#include "client/state_summary.h"
#include "client/value_json.h"

namespace weir {
namespace {

Status PrintLine(const nlohmann::ordered_json& shown) {
  const std::string line = shown.dump() + "\n";
  if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size()) return Unavailable("the output cannot be written");
  return Status::Ok();
}

StatusOr<std::string> SummaryOf(OutputFormat output, const StateOptions& options) {
  const std::unique_ptr<FileSystem> files = NewPosixFileSystem();
  ASSIGN_OR_RETURN(const SnapshotContents snapshot, SnapshotContents::Open(*files, options.snapshot));
  ASSIGN_OR_RETURN(const std::vector<OperatorSummary> operators, Summarize(*files, snapshot));
  if (output == OutputFormat::kJson) return SummaryJson(snapshot, operators, options.by_key_group);
  return SummaryText(snapshot.Title(), operators, options.by_key_group);
}

bool IsWanted(const StateOptions& options, const std::string& state) { return options.state.empty() || options.state == state; }

Status ExportOperator(FileSystem& files, const OperatorContents& op, const StateOptions& options) {
  RETURN_IF_ERROR(ForEachKeyedUnit(files, op, options.key_group, [&](const KeyedUnit& unit) {
    if (!IsWanted(options, unit.state.description.name)) return Status::Ok();
    ASSIGN_OR_RETURN(const nlohmann::ordered_json shown, UnitJson(op, unit));
    return PrintLine(shown);
  }));
  if (options.key_group.has_value()) return Status::Ok();  // Operator states have none.
  return ForEachUnkeyedItem(files, op, [&](const UnkeyedItem& item) {
    if (!IsWanted(options, item.state.name)) return Status::Ok();
    ASSIGN_OR_RETURN(const nlohmann::ordered_json shown, ItemJson(op, item));
    return PrintLine(shown);
  });
}

bool HasState(const OperatorContents& op, const std::string& name) {
  const auto is_it = [&name](const auto& state) { return state.name == name; };
  for (const StateContents& state : op.states) {
    if (is_it(state.description)) return true;
  }
  for (const OperatorContents::Unkeyed& part : op.unkeyed) {
    if (std::any_of(part.handle.partitions.begin(), part.handle.partitions.end(), is_it)) return true;
  }
  return false;
}

Status Export(const StateOptions& options) {
  const std::unique_ptr<FileSystem> files = NewPosixFileSystem();
  ASSIGN_OR_RETURN(const SnapshotContents snapshot, SnapshotContents::Open(*files, options.snapshot));
  std::vector<const OperatorContents*> wanted;
  if (!options.operator_name.empty()) {
    ASSIGN_OR_RETURN(const OperatorContents* const op, snapshot.Find(options.operator_name));
    wanted.push_back(op);
  } else {
    for (const OperatorContents& op : snapshot.operators()) wanted.push_back(&op);
  }
  const auto has_it = [&options](const OperatorContents* op) { return HasState(*op, options.state); };
  if (!options.state.empty() && std::none_of(wanted.begin(), wanted.end(), has_it)) return NotFound("the snapshot has no state \"" + options.state + "\"");
  for (const OperatorContents* const op : wanted) RETURN_IF_ERROR(ExportOperator(*files, *op, options));
  return std::fflush(stdout) == 0 ? Status::Ok() : Unavailable("the output cannot be written");
}

// The hash by which records are routed (docs/architecture.md): of a string without its length.
uint64_t HashOf(const Schema& schema, const std::string& text, const std::string& bytes) {
  return schema.kind == Schema::Kind::kString ? HashBytes(text.data(), text.size()) : HashBytes(bytes.data(), bytes.size());
}

Status Get(const StateOptions& options) {
  const std::unique_ptr<FileSystem> files = NewPosixFileSystem();
  ASSIGN_OR_RETURN(const SnapshotContents snapshot, SnapshotContents::Open(*files, options.snapshot));
  ASSIGN_OR_RETURN(const OperatorContents* const op, snapshot.Find(options.operator_name));
  const auto is_it = [&options](const StateContents& state) { return state.description.name == options.state; };
  if (std::none_of(op->states.begin(), op->states.end(), is_it)) {
    return NotFound("operator \"" + op->uid + "\" has no keyed state \"" + options.state + "\" in the snapshot; `weir state ls` shows what it has");
  }
  ASSIGN_OR_RETURN(const std::string key, KeyBytes(op->key_schema, options.key));
  const uint32_t key_group = static_cast<uint32_t>(HashOf(op->key_schema, options.key, key) % op->max_parallelism);
  std::vector<nlohmann::ordered_json> units;
  RETURN_IF_ERROR(ForEachKeyedUnit(*files, *op, key_group, [&](const KeyedUnit& unit) {
    if (!is_it(unit.state) || unit.record.key != key) return Status::Ok();
    ASSIGN_OR_RETURN(nlohmann::ordered_json shown, UnitJson(*op, unit));
    units.push_back(std::move(shown));
    return Status::Ok();
  }));
  if (units.empty()) {
    return NotFound("the key has no state \"" + options.state + "\", key=" + options.key + " key group=" + std::to_string(key_group));
  }
  return PrintLine(KeyJson(std::move(units)));
}

}  // namespace

int ListState(OutputFormat output, const StateOptions& options) {
  const StatusOr<std::string> summary = SummaryOf(output, options);
  if (!summary.ok()) return FailCommand(summary.status());
  std::fputs(summary->c_str(), stdout);
  return 0;
}

int GetState(const StateOptions& options) {
  const Status status = Get(options);
  return status.ok() ? 0 : FailCommand(status);
}

int ExportState(const StateOptions& options) {
  const Status status = Export(options);
  return status.ok() ? 0 : FailCommand(status);
}

}  // namespace weir
