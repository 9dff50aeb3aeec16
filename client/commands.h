// The actions of the CLI. Each returns the process's exit code: 0 or 1.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/config.h"

namespace weir {

enum class OutputFormat : uint8_t { kText, kJson };

struct CommandContext {
  Configuration configuration;
  std::string address;  // host:port of the JobManager.
  OutputFormat output = OutputFormat::kText;
};

struct RunOptions {
  std::string library;
  std::vector<std::string> arguments;
  bool detached = false;
  uint32_t parallelism = 0;  // 0 = parallelism.default.
  std::string from_savepoint;                // Empty = execution.state-recovery.path.
  bool allow_non_restored_state = false;     // Or execution.state-recovery.ignore-unclaimed-state.
  std::optional<bool> claim;                 // Unset = execution.state-recovery.claim-mode.
};
struct PlannedJob;
int RunJob(const CommandContext& context, const RunOptions& options);
int RunPlannedJob(const CommandContext& context, const RunOptions& options, const PlannedJob& planned);
int ShowPlan(const CommandContext& context, const RunOptions& options);
// Whether the job would start from `from_savepoint`: 0 if so. Needs no cluster.
int CheckJob(const CommandContext& context, const RunOptions& options);

struct ListOptions {
  bool running = false;
  bool scheduled = false;
  bool all = false;
};
int ListJobs(const CommandContext& context, const ListOptions& options);
int ShowJob(const CommandContext& context, const std::string& job_id);
int CancelJob(const CommandContext& context, const std::string& job_id);

struct SavepointOptions {
  std::string directory;  // Empty: the default one of job or cluster.
  bool native = false;    // Else canonical.
  bool drain = false;     // StopJob only.
  bool detached = false;  // Not of CancelWithSavepoint.
};
int TakeSavepoint(const CommandContext& context, const std::string& job_id, const SavepointOptions& options);
int StopJob(const CommandContext& context, const std::string& job_id, const SavepointOptions& options);
int CancelWithSavepoint(const CommandContext& context, const std::string& job_id, const SavepointOptions& options);
int DisposeSavepoint(const CommandContext& context, const std::string& path);

// What a snapshot holds, by its schemas alone: no cluster, no job's code.
struct StateOptions {
  std::string snapshot;
  std::string operator_name;            // Empty = all, of ExportState.
  std::string state;                    // Empty = all, of ExportState.
  std::string key;                      // GetState.
  std::optional<uint32_t> key_group;    // ExportState: only of this one.
  bool by_key_group = false;            // ListState.
};
int ListState(OutputFormat output, const StateOptions& options);
int GetState(const StateOptions& options);
int ExportState(const StateOptions& options);

struct BuildOptions {
  std::vector<std::string> sources;
  std::string output;
  std::vector<std::string> compiler_flags;
  std::vector<std::string> files;  // Packed into the library; the job finds them with JobFile.
  bool verbose = false;
};
int BuildJob(const BuildOptions& options);

// "\nweir: message", to stderr; always 1.
int FailCommand(const Status& status);

// What planning needs of options and configuration.
StatusOr<PlannedJob> PlanForRun(const CommandContext& context, const RunOptions& options);

}  // namespace weir
