// What a job starts from.
#pragma once

#include <string>

#include <weir/core/status.h>

#include "client/commands.h"

namespace weir {

struct RestoreSettings {
  std::string path;  // As given; empty: from nothing.
  bool allow_non_restored_state = false;
  bool claim = false;
};

// The command line over the configuration. kInvalidArgument when an option says how to start from a snapshot and there is none.
StatusOr<RestoreSettings> ResolveRestore(const Configuration& configuration, const RunOptions& options);

}  // namespace weir
