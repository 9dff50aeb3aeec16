#include <cstdio>
#include <filesystem>

#include "base/file_system.h"
#include "base/status_macros.h"
#include "client/check_output.h"
#include "client/commands.h"
#include "client/restore_settings.h"
#include "proto/planning/planner_process.h"
#include "runtime/graph/state_assignment.h"
#include "state/checkpoint/checkpoint_storage.h"

namespace weir {
namespace {

// As the JobManager decides when the job is submitted.
StatusOr<CheckResult> Check(const CommandContext& context, const RunOptions& options) {
  ASSIGN_OR_RETURN(const RestoreSettings restore, ResolveRestore(context.configuration, options));
  const std::string path = std::filesystem::absolute(restore.path).lexically_normal().string();
  const std::unique_ptr<FileSystem> files = NewPosixFileSystem();
  ASSIGN_OR_RETURN(const LoadedCheckpoint snapshot, LoadCheckpoint(*files, path));
  ASSIGN_OR_RETURN(const PlannedJob planned, PlanForRun(context, options));
  CheckResult result{path, planned.graph.name, CompareStates(planned.graph, snapshot.metadata), {}};
  result.start = AssignState(planned.graph, snapshot.metadata, restore.allow_non_restored_state).status();
  return result;
}

}  // namespace

int CheckJob(const CommandContext& context, const RunOptions& options) {
  const StatusOr<CheckResult> result = Check(context, options);
  if (!result.ok()) return FailCommand(result.status());
  std::fputs(context.output == OutputFormat::kJson ? CheckJson(*result).c_str() : CheckText(*result).c_str(), stdout);
  return result->start.ok() ? 0 : 1;
}

}  // namespace weir
