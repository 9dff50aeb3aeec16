// From a job library and its arguments to a plan: the same steps in the planning child and in the worker.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/status.h>
#include <weir/engine/stream_graph.h>

#include "runtime/operator/job_planner.h"

namespace weir {

struct JobSource {
  std::string library_path;
  std::vector<std::string> arguments;
  uint32_t parallelism = 1;      // Of operators for which the program sets none.
  uint32_t max_parallelism = 0;  // 0 = derived.
  PlanDefaults defaults;
  bool planning = false;                      // Values are pinned, not read.
  std::map<std::string, std::string> pinned;  // Unless planning.
};

struct LoadedJob {
  std::shared_ptr<StreamGraph> stream_graph;  // Shared with the environment that the entry saw.
  JobPlan plan;                               // Points into stream_graph.
};

// Checks the ABI from the file, loads the library, runs its entry, plans. Runs user code: it may take for ever, throw, crash.
StatusOr<std::unique_ptr<LoadedJob>> LoadJob(const JobSource& source);

}  // namespace weir
