// What the arguments of `weir` ask for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/commands.h"

namespace weir {

enum class CommandAction : uint8_t { kRun, kInfo, kList, kCancel, kStop, kSavepoint, kCheck, kState, kBuild };

enum class StateAction : uint8_t { kList, kGet, kExport };

struct CommandLine {
  // Set: there is nothing to do but to print `text` and end with it (help, version, wrong arguments).
  std::optional<int> exit_code;
  std::string text;

  CommandAction action = CommandAction::kRun;
  // Of every action that talks to a cluster.
  std::string config_dir;
  std::vector<std::string> properties;
  std::string jobmanager;
  OutputFormat output = OutputFormat::kText;

  bool local = false;  // kRun: in this process.
  RunOptions run;      // kRun, kInfo, kCheck.
  std::string target;  // kInfo: a job's id or a library.
  ListOptions list;
  std::string job_id;           // kCancel, kStop, kSavepoint.
  bool with_savepoint = false;  // kCancel.
  SavepointOptions savepoint;   // kCancel, kStop, kSavepoint.
  std::string dispose_path;     // kSavepoint: delete this one instead of taking one; empty = take one.
  StateAction state_action = StateAction::kList;  // kState.
  StateOptions state;
  BuildOptions build;
};

// Prints nothing, reads nothing but the arguments, and whether files named as input of `build` exist.
CommandLine ParseCommandLine(int argc, const char* const* argv);

}  // namespace weir
