// Where a worker keeps keyed state.
#pragma once

#include <memory>

#include <weir/state/cold_rows_factory.h>

namespace weir::proto {
class WorkerSettings;
}

namespace weir {

// The state backend that the settings name; null for hashmap: all state is in memory.
std::shared_ptr<ColdRowsFactory> StateBackendOf(const proto::WorkerSettings& settings);

}  // namespace weir
