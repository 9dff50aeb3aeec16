// Which states a state backend can hold.
#pragma once

#include <string>

#include <weir/core/status.h>

#include "runtime/graph/job_graph.h"

namespace weir {

// Why RocksDB does not hold this state; ok when it does. Lists and maps must not be read whole for one of their units.
Status CheckForRocksDb(const std::string& operator_name, const std::string& state_name, const std::string& kind);
// Of all states that the job declares. kInvalidArgument, naming the first one.
Status CheckForRocksDb(const JobGraph& graph);

}  // namespace weir
