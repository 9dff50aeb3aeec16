// What a snapshot's states mean to a job that starts from it: taken as they are, migrated, left behind or refused. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/graph/job_graph.h"
#include "state/checkpoint/checkpoint_metadata.h"
#include "state/schema/schema_change.h"

namespace weir {

// As it goes into a checkpoint's metadata.
SavedOperator SavedOperatorOf(const ChainedOperator& op);

struct StateChange {
  SchemaVerdict verdict = SchemaVerdict::kAsIs;
  std::string reason;  // Empty when as is.
};
// A state and what it is now, whatever they are called.
StateChange CompareState(const SnapshotState& saved, const StateDeclaration& now);
// Keys are found by their hash, so they stay what they are: never kAfterMigration.
StateChange CompareKeys(const std::string& saved_schema, const std::string& schema);
// Which of the saved states becomes `now`: the one of its name, else the first of a former name; null when it is new.
const SnapshotState* FindSaved(const std::vector<SnapshotState>& saved, const StateDeclaration& now);

// An operator of a checkpoint, and the vertex that it stood in.
struct OldOperator {
  const VertexCheckpoint* vertex = nullptr;
  const SavedOperator* op = nullptr;
};
// By the id that an operator has in the job: the one with its uid, else with a former one. Those that the job lacks: by their own.
std::map<OperatorId, OldOperator> MatchOperators(const JobGraph& graph, const CheckpointMetadata& metadata);

enum class RestoreVerdict : uint8_t {
  kAsIs,
  kAfterMigration,
  kIncompatible,  // The job does not start.
  kNew,           // Not in the snapshot: begins empty.
  kDropped,       // The job lacks it: it does not start unless it may leave state behind.
  kUnknown,       // The snapshot does not describe it: its tasks compare it when they start.
};
std::string_view RestoreVerdictName(RestoreVerdict verdict);  // "as is", "after migration", "incompatible", "new", "dropped", "unknown".

struct StateReport {
  std::string uid;            // In the job; of what it lacks, in the snapshot.
  std::string operator_name;  // May be empty when the job lacks it.
  std::string state;          // Empty: the operator's keys, or all that is known of it.
  std::string kind;           // "key", or of the state; empty when nothing is known.
  RestoreVerdict verdict = RestoreVerdict::kAsIs;
  std::string reason;         // Empty when as is.
};

// Operators in the order of the job, each with its key first and what was dropped last; then those that the job lacks.
std::vector<StateReport> CompareStates(const JobGraph& graph, const CheckpointMetadata& metadata);

// kInvalidArgument, naming operator, state and field, when a report is incompatible, or dropped and that was not allowed.
Status CheckReports(const std::vector<StateReport>& reports, bool allow_non_restored_state);

}  // namespace weir
