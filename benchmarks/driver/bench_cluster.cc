#include "benchmarks/driver/bench_cluster.h"

#include <unistd.h>

#include <algorithm>

#include "benchmarks/driver/machine.h"

namespace weir::bench {
namespace {

// Of the machine's memory, for all TaskManagers together.
constexpr double kMemoryShare = 0.8;

std::vector<std::string> OnCpu(const std::string& cpus) { return {"/usr/bin/taskset", "-c", cpus}; }

}  // namespace

std::string BenchJobPath(const std::string& name) { return std::string(WEIR_BENCH_JOBS) + "/" + name + ".so"; }

StatusOr<std::unique_ptr<scenarios::Cluster>> StartBenchCluster(const BenchClusterOptions& options) {
  scenarios::ClusterOptions cluster;
  cluster.task_managers = options.one_worker ? 1 : std::min(CpuCount(), options.parallelism);
  cluster.slots = (options.parallelism + cluster.task_managers - 1) / cluster.task_managers;
  cluster.job_manager_prefix = {"/usr/bin/nice", "-n", "5"};
  if (options.one_worker) {
    cluster.task_manager_prefixes = {OnCpu("0-" + std::to_string(std::min(CpuCount(), options.parallelism) - 1))};
  } else {
    for (uint32_t i = 0; i < cluster.task_managers; ++i) cluster.task_manager_prefixes.push_back(OnCpu(std::to_string(i)));
  }
  const double memory_bytes = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  cluster.properties = options.properties;
  cluster.properties["taskmanager.memory.process.size"] =
      std::to_string(static_cast<uint64_t>(memory_bytes * kMemoryShare / cluster.task_managers) >> 20) + "mb";
  return scenarios::Cluster::Start(cluster);
}

}  // namespace weir::bench
