// Reads what a job wrote about its run: benchmarks/jobs/run_files.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <weir/core/status.h>

#include "benchmarks/workload/digest.h"
#include "benchmarks/workload/duration_histogram.h"

namespace weir::bench {

// A checkpoint as the sinks saw it, on the monotonic clock.
struct CheckpointSpan {
  int64_t barrier_ns = 0;    // At the first sink.
  int64_t committed_ns = 0;  // At the last sink.
};

struct RunResult {
  Digest digest;
  uint64_t measured_events = 0;
  double seconds = 0;                              // From the first measured event to the commit of the last part of the result.
  double cpu_seconds = 0;                          // Of the workers, in that time.
  int64_t rss_bytes = 0;                           // Peaks of the workers, added up; 0 when unknown.
  int64_t begin_ns = 0;                            // Monotonic clock: the first measured event.
  std::map<uint64_t, CheckpointSpan> checkpoints;  // By id; those that had something to commit.
};

// A time without progress of one task.
struct Stop {
  int64_t from_ns = 0;
  int64_t length_ns = 0;
};

// What bench_checkpoint notes of one task.
struct TaskProgress {
  int64_t begin_ns = 0;
  int64_t last_ns = 0;
  int64_t bucket_ns = 0;
  std::vector<uint64_t> buckets;  // Records, by time since begin_ns.
  std::vector<Stop> stops;
};

// kFailedPrecondition when the run left no start or no result.
StatusOr<RunResult> ReadRun(const std::string& directory);
// Of all subtasks together.
DurationHistogram ReadLatency(const std::string& directory);
std::vector<TaskProgress> ReadProgress(const std::string& directory);
// Monotonic times by file name: beat-<attempt>-<subtask>, caught-<attempt>-<subtask>.
std::map<std::string, int64_t> ReadBeats(const std::string& directory);

}  // namespace weir::bench
