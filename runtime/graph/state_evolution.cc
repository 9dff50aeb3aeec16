#include "runtime/graph/state_evolution.h"

#include <algorithm>
#include <set>

#include "base/status_macros.h"
#include "state/schema/schema_text.h"

namespace weir {
namespace {

bool HadState(const OldOperator& old) {
  for (const SubtaskCheckpoint& subtask : old.vertex->subtasks) {
    for (const OperatorSubtaskState& state : subtask.snapshot.operators) {
      if (state.operator_id == old.op->id && (!state.keyed.empty() || !state.operator_state.empty())) return true;
    }
  }
  return false;
}

bool HadKeyedState(const OldOperator& old) {
  for (const SubtaskCheckpoint& subtask : old.vertex->subtasks) {
    for (const OperatorSubtaskState& state : subtask.snapshot.operators) {
      if (state.operator_id == old.op->id && !state.keyed.empty()) return true;
    }
  }
  return false;
}

RestoreVerdict VerdictOf(SchemaVerdict verdict) {
  switch (verdict) {
    case SchemaVerdict::kAsIs: return RestoreVerdict::kAsIs;
    case SchemaVerdict::kAfterMigration: return RestoreVerdict::kAfterMigration;
    case SchemaVerdict::kIncompatible: return RestoreVerdict::kIncompatible;
  }
  return RestoreVerdict::kIncompatible;
}

// What one operator of the job has, and had.
class OperatorReports {
 public:
  OperatorReports(const ChainedOperator& op, std::vector<StateReport>& reports) : op_(op), reports_(reports) {}

  void New() {
    for (const StateDeclaration& state : op_.states) Add(state.name, state.kind, RestoreVerdict::kNew, "");
  }
  void Compare(const OldOperator& old) {
    if (!HadKeyedState(old)) return New();
    if (!old.op->description.has_value()) return Add("", "", RestoreVerdict::kUnknown, "the snapshot does not describe its states");
    const OperatorDescription& description = *old.op->description;
    if (op_.keyed) {
      const StateChange key = CompareKeys(description.key_schema, op_.key_schema);
      Add("", "key", VerdictOf(key.verdict), key.reason);
    }
    std::set<const SnapshotState*> taken;
    for (const StateDeclaration& state : op_.states) {
      const SnapshotState* const saved = FindSaved(description.states, state);
      if (saved == nullptr) {
        Add(state.name, state.kind, RestoreVerdict::kNew, "");
        continue;
      }
      taken.insert(saved);
      const StateChange change = CompareState(*saved, state);
      const std::string renamed = saved->name == state.name ? "" : "was called \"" + saved->name + "\"";
      Add(state.name, state.kind, VerdictOf(change.verdict), renamed + (renamed.empty() || change.reason.empty() ? "" : "; ") + change.reason);
    }
    for (const SnapshotState& saved : description.states) {
      if (!taken.contains(&saved)) Add(saved.name, saved.kind, RestoreVerdict::kDropped, "the operator does not declare it any more");
    }
  }

 private:
  void Add(const std::string& state, const std::string& kind, RestoreVerdict verdict, std::string reason) {
    reports_.push_back({op_.uid, op_.name, state, kind, verdict, std::move(reason)});
  }

  const ChainedOperator& op_;
  std::vector<StateReport>& reports_;
};

// Of an operator that the job lacks.
void AddGone(const OldOperator& old, std::vector<StateReport>& reports) {
  const OperatorDescription description = old.op->description.value_or(OperatorDescription{});
  const std::string uid = old.op->uid.empty() ? old.op->id.ToHex() : old.op->uid;
  const auto add = [&](const std::string& state, const std::string& kind) {
    reports.push_back({uid, description.name, state, kind, RestoreVerdict::kDropped, "the job lacks the operator"});
  };
  for (const SnapshotState& state : description.states) add(state.name, state.kind);
  if (description.states.empty()) add("", "");
}

}  // namespace

SavedOperator SavedOperatorOf(const ChainedOperator& op) {
  OperatorDescription description{.name = op.name, .key_schema = op.key_schema, .states = {}};
  for (const StateDeclaration& state : op.states) description.states.push_back({state.name, state.kind, state.schema, state.options});
  return {op.id, op.uid, std::move(description)};
}

StateChange CompareState(const SnapshotState& saved, const StateDeclaration& now) {
  const auto refuse = [](std::string reason) { return StateChange{SchemaVerdict::kIncompatible, std::move(reason)}; };
  if (saved.kind != now.kind) return refuse("it was saved as a " + saved.kind + " state, now it is a " + now.kind + " state");
  if (saved.options != now.options) {
    if (now.options.empty() && saved.options == kTtlOption) return refuse("it was saved with a time-to-live, now it has none");
    if (saved.options.empty() && now.options == kTtlOption) return refuse("it was saved without a time-to-live, now it has one");
    return refuse("it was saved with options \"" + saved.options + "\", now they are \"" + now.options + "\"");
  }
  if (saved.schema == now.schema) return {};
  const StatusOr<Schema> from = ParseSchema(saved.schema);
  const StatusOr<Schema> to = ParseSchema(now.schema);
  if (!from.ok() || !to.ok()) return refuse("it was saved as " + saved.schema + ", now it is " + now.schema);
  const SchemaChange change = CompareSchemas(*from, *to);
  return {change.verdict, change.Reason()};
}

StateChange CompareKeys(const std::string& saved_schema, const std::string& schema) {
  if (saved_schema == schema) return {};
  const StatusOr<Schema> from = ParseSchema(saved_schema);
  const StatusOr<Schema> to = ParseSchema(schema);
  if (from.ok() && to.ok() && HaveSameBytes(*from, *to)) return {};
  return {SchemaVerdict::kIncompatible, "it was saved with keys of " + saved_schema + ", now they are " + schema + ": keys stay as they are, since state is found by their hash"};
}

const SnapshotState* FindSaved(const std::vector<SnapshotState>& saved, const StateDeclaration& now) {
  const auto find = [&saved](const std::string& name) {
    const auto found = std::find_if(saved.begin(), saved.end(), [&name](const SnapshotState& state) { return state.name == name; });
    return found == saved.end() ? nullptr : &*found;
  };
  const SnapshotState* found = find(now.name);
  for (size_t i = 0; found == nullptr && i < now.former_names.size(); ++i) found = find(now.former_names[i]);
  return found;
}

std::map<OperatorId, OldOperator> MatchOperators(const JobGraph& graph, const CheckpointMetadata& metadata) {
  std::map<OperatorId, OldOperator> matched;
  for (const VertexCheckpoint& vertex : metadata.vertices) {
    for (const SavedOperator& op : vertex.operators) matched.insert({op.id, {&vertex, &op}});
  }
  for (const JobVertex& vertex : graph.vertices) {
    for (const ChainedOperator& op : vertex.chain) {
      for (const std::string& former : op.former_uids) {
        const auto found = matched.find(OperatorIdFromUid(former));
        // A former uid is nobody else's (JobGraph::Validate).
        if (matched.contains(op.id) || found == matched.end()) continue;
        matched.insert({op.id, found->second});
        matched.erase(found);
      }
    }
  }
  return matched;
}

std::string_view RestoreVerdictName(RestoreVerdict verdict) {
  switch (verdict) {
    case RestoreVerdict::kAsIs: return "as is";
    case RestoreVerdict::kAfterMigration: return "after migration";
    case RestoreVerdict::kIncompatible: return "incompatible";
    case RestoreVerdict::kNew: return "new";
    case RestoreVerdict::kDropped: return "dropped";
    case RestoreVerdict::kUnknown: return "unknown";
  }
  return "unknown";
}

std::vector<StateReport> CompareStates(const JobGraph& graph, const CheckpointMetadata& metadata) {
  std::map<OperatorId, OldOperator> old_operators = MatchOperators(graph, metadata);
  std::vector<StateReport> reports;
  for (const JobVertex& vertex : graph.vertices) {
    for (const ChainedOperator& op : vertex.chain) {
      OperatorReports own(op, reports);
      const auto old = old_operators.find(op.id);
      if (old == old_operators.end()) {
        own.New();
      } else {
        own.Compare(old->second);
        old_operators.erase(old);
      }
    }
  }
  for (const auto& [id, old] : old_operators) {
    if (HadState(old)) AddGone(old, reports);
  }
  return reports;
}

Status CheckReports(const std::vector<StateReport>& reports, bool allow_non_restored_state) {
  for (const StateReport& report : reports) {
    if (report.verdict != RestoreVerdict::kIncompatible) continue;
    return InvalidArgument((report.kind == "key" ? "the key" : "state \"" + report.state + "\"") + " of operator \"" + report.operator_name +
                           "\" does not fit the checkpoint: " + report.reason + ", uid=" + report.uid);
  }
  if (allow_non_restored_state) return Status::Ok();
  for (const StateReport& report : reports) {
    if (report.verdict != RestoreVerdict::kDropped) continue;
    const std::string what = report.state.empty() ? "" : " state=" + report.state;
    return InvalidArgument("the checkpoint has state that would be left behind, uid=" + report.uid + what + ": " + report.reason +
                           "; if that is meant, allow non-restored state");
  }
  return Status::Ok();
}

}  // namespace weir
