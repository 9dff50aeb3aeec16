// Reads what a job wrote about its run: benchmarks/jobs/run_files.h.
#pragma once

#include <cstdint>
#include <string>

#include <weir/core/status.h>

#include "benchmarks/workload/digest.h"

namespace weir::bench {

struct RunResult {
  Digest digest;
  uint64_t measured_events = 0;
  double seconds = 0;      // From the first measured event to the commit of the last part of the result.
  double cpu_seconds = 0;  // Of the workers, in that time.
  int64_t rss_bytes = 0;   // Peaks of the workers, added up; 0 when unknown.
};

// kFailedPrecondition when the run left no start or no result.
StatusOr<RunResult> ReadRun(const std::string& directory);

}  // namespace weir::bench
