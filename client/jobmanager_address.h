// Where the JobManager is that a command talks to.
#pragma once

#include <string>

#include <weir/core/status.h>

#include "base/config.h"

namespace weir {

// "host:port" of `given` (what -m says: host, host:port, [address]:port), with jobmanager.rpc.port when it names none; of the
// configuration when it is empty. kInvalidArgument names what is wrong.
StatusOr<std::string> JobManagerAddress(const std::string& given, const Configuration& configuration);

}  // namespace weir
