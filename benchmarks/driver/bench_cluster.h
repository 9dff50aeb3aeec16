// A cluster for one workload: pinned TaskManagers, ephemeral ports, a directory that goes away with it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "tests/scenarios/cluster.h"

namespace weir::bench {

struct BenchClusterOptions {
  uint32_t parallelism = 1;
  bool one_worker = false;                        // All slots on one TaskManager.
  std::map<std::string, std::string> properties;  // -D of all.
  bool operator==(const BenchClusterOptions&) const = default;
};

// One slot for each subtask. There is a TaskManager for each CPU, or as many as subtasks; TaskManager i runs on CPU i alone, and so do
// its workers. A single one runs on as many CPUs as it has slots. JobManager and commands are niced.
StatusOr<std::unique_ptr<scenarios::Cluster>> StartBenchCluster(const BenchClusterOptions& options);

// <build>/benchmarks/<name>.so.
std::string BenchJobPath(const std::string& name);

}  // namespace weir::bench
