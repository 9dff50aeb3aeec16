// The workloads of the suite: which job, which loop, on which cluster.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::bench {

enum class WorkloadKind : uint8_t {
  kThroughput,          // Events per second of a bounded run, beside the loop.
  kChain,               // ... with and without the maps.
  kLatency,             // By a schedule, from the due time.
  kCheckpoint,          // Duration, stops and dips of checkpoints of large state.
  kCheckpointOverhead,  // Throughput with checkpoints against without.
  kRecovery,            // kill -9 of a worker.
  kStateAccess,         // Keyed state in a bare loop, without a cluster.
  kSoak,                // A long run with many of them.
};

struct Workload {
  std::string name;
  WorkloadKind kind = WorkloadKind::kThroughput;
  std::string job = {};  // The library's name.
  std::vector<std::string> job_arguments = {};
  std::vector<std::string> loop_arguments = {};  // Of bench-loop.
  uint32_t parallelism = 2;
  std::string backend = {};  // State backend; empty: the one that was asked for.
  bool one_worker = false;  // All slots on one TaskManager; else one TaskManager for each CPU.
  // A state of so many keys, all of which exist before what is measured; 0 = the workload has no such state.
  uint64_t filled_keys = 0;
  double dirty_share = 1;  // Of those keys, which change afterwards.
  uint32_t checkpoint_interval_ms = 1'000;
  double events_per_second = 0;     // Of a schedule; 0 = as fast as can be.
  std::string peer_job = {};        // The same for the peer's harness; empty: it has none.
  bool on_request = false;          // Only when it is named: it takes too long for the table.
  uint64_t smoke_events = 200'000;  // Of a run that only checks the result.
  std::string about = {};
};

// In the order of the table. One name may stand for several rows.
const std::vector<Workload>& AllWorkloads();
const Workload* FindWorkload(const std::string& name);  // The first; null when there is none.

}  // namespace weir::bench
