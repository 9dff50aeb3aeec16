// Runs one combination of a scenario on a cluster.
#pragma once

#include <cstdint>
#include <string>

#include "tests/scenarios/cluster.h"
#include "tests/scenarios/scenario.h"

namespace weir::scenarios {

struct Combination {
  const Scenario* scenario = nullptr;
  std::string variant;
  uint32_t parallelism = 1;
  uint32_t task_managers = 1;
  uint32_t batch_rows = 4096;
  Disturbance disturbance = Disturbance::kNone;

  // The runner's options that select exactly this one.
  std::string ToString() const;
};

// The cluster's shape is the combination's. `seed` chooses moment and victim of the disturbance. What is wrong, or ok; the
// cluster is idle and complete afterwards unless it failed.
Status RunCombination(Cluster& cluster, const Combination& combination, uint64_t seed);

}  // namespace weir::scenarios
