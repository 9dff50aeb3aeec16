// Plans a job in a child process: whatever the job's code does there, the caller gets a plan or a message.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <weir/core/status.h>

#include "runtime/graph/job_graph.h"
#include "runtime/operator/job_planner.h"

namespace weir {

struct PlanRequest {
  std::string library;
  std::vector<std::string> arguments;
  uint32_t parallelism = 1;      // Of operators for which the program sets none.
  uint32_t max_parallelism = 0;  // 0 = derived.
  PlanDefaults defaults;
  std::string worker_program;    // Empty: weir-worker beside the running program.
  int64_t timeout_ms = 30'000;   // Then SIGKILL (R31).
};

struct PlannedJob {
  JobGraph graph;
  uint64_t fingerprint = 0;
  std::map<std::string, std::string> pinned;
};

// Blocks. Thread-safe. What the child prints goes to this process's stdout and, from its stderr, into the error. The job's own
// failure comes back as the child reported it; kUserError when the child crashed or called exit, kDeadlineExceeded,
// kCorruption for a result that does not decode.
StatusOr<PlannedJob> PlanInChild(const PlanRequest& request);

// PlanInChild, then once more as a worker will do it, with the values that were pinned, but another clock, host name and random
// seed. kFailedPrecondition when that yields another graph: workers would refuse the job. What is printed comes from the first.
StatusOr<PlannedJob> PlanInChildTwice(const PlanRequest& request);

}  // namespace weir
