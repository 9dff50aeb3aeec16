// The epoch of a JobManager: higher than that of every earlier one on the same storage (R3).
#pragma once

#include <string>

#include "base/file_system.h"
#include "base/ids.h"

namespace weir {

// Claims the next epoch by creating `<checkpoints_directory>/.leader/epoch-<n>` exclusively. Blocks.
StatusOr<LeaderEpoch> ClaimLeaderEpoch(FileSystem& files, const std::string& checkpoints_directory);

}  // namespace weir
