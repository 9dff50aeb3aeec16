// A detached job, asked about until it ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "benchmarks/driver/run_files.h"
#include "tests/scenarios/cluster.h"

namespace weir::bench {

struct CheckpointShown {
  uint64_t size_bytes = 0;
  int64_t duration_ms = 0;  // From the trigger to its publication.
};

struct JobShown {
  bool ended = false;
  std::string state;
  uint64_t latest_checkpoint = 0;
  CheckpointShown latest;
  uint64_t restored_checkpoint = 0;
  uint32_t restarts = 0;
  std::string text;  // All of it, for messages.
};

StatusOr<JobShown> ShowJob(scenarios::Cluster& cluster, const std::string& job_id);

struct WatchedRun {
  std::map<uint64_t, CheckpointShown> checkpoints;  // Those that were the latest at some question.
  std::string output;                               // The directory with what the job wrote.
  double foreign_cpu = 0;
};

// Submits `command` (what stands behind `weir run`), asks twice a second, and calls `look` with each answer. kFailedPrecondition when
// the job does not finish, kDeadlineExceeded when not within `limit`.
StatusOr<WatchedRun> WatchJob(scenarios::Cluster& cluster, const std::vector<std::string>& command,
                              const std::function<Status(const std::string& job_id, const JobShown&)>& look,
                              std::chrono::seconds limit = std::chrono::minutes(20));

}  // namespace weir::bench
