// What every daemon does first.
#pragma once

#include <string_view>

#include "base/config.h"

namespace weir {

// Logs to stderr and, when env.log.dir is set, to <env.log.dir>/<program>-<pid>.log; by the env.log.* options. Thread: main.
Status SetUpDaemonLog(const Configuration& configuration, std::string_view program);

// Raises the soft limit of open files to the hard one: each channel between two TaskManagers is a socket. Children inherit it.
void RaiseDescriptorLimit();

}  // namespace weir
