// The job that soaks disturb: a keyed running count with an exactly-once file sink, fed at a steady rate until it is told to end.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <weir/core/status.h>

#include "tests/scenarios/cluster.h"

namespace weir::scenarios {

// Thread-compatible.
class SoakJob {
 public:
  static constexpr uint32_t kParallelism = 4;

  // Submits it, with a checkpoint every 200 ms, and waits for the first one. `cluster` outlives the job.
  static StatusOr<std::unique_ptr<SoakJob>> Start(Cluster& cluster, int64_t rows_per_second);

  const std::string& id() const { return id_; }
  // Until it runs and has completed a checkpoint behind `newer_than` and behind what its last restart restored.
  Status AwaitCheckpoint(uint64_t newer_than);
  // Names an end beyond all that can have been read, waits for it, and checks that every record was written once. The status of
  // the ended job; `disturbances` says in the printed line what it went through.
  StatusOr<JobStatus> End(const std::string& disturbances);

 private:
  SoakJob(Cluster& cluster, int64_t rows_per_second);
  Status Submit();

  Cluster& cluster_;
  const int64_t rows_per_second_;
  const std::string output_;
  const std::string stop_file_;
  std::string id_;
  std::chrono::steady_clock::time_point begin_;
};

// Milliseconds.
int64_t Since(std::chrono::steady_clock::time_point begin);

}  // namespace weir::scenarios
