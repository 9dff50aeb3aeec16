#include "benchmarks/loops/worker.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "benchmarks/workload/clock.h"

namespace weir::bench {

void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void LoopWorker::Start(uint64_t next, const LoopOptions& options) {
  started_ns = MonotonicNanos();
  started_cpu_ns = ProcessCpuNanos();
  measured_events = next < options.events ? (options.events - next + workers - 1) / workers : 0;
}

uint64_t ChunkEnd(uint64_t next, uint64_t rows, const LoopWorker& worker, const LoopOptions& options) {
  const uint64_t end = next < options.warm_up ? std::min(options.warm_up, options.events) : options.events;
  return std::min(end, next + rows * worker.workers);
}

LoopResult RunWorkers(const LoopOptions& options, const std::function<void(LoopWorker&)>& body) {
  std::vector<LoopWorker> workers(options.workers);
  std::vector<std::thread> threads;
  const uint32_t cpus = std::max(1u, std::thread::hardware_concurrency());
  for (uint32_t i = 0; i < options.workers; ++i) {
    workers[i].index = i;
    workers[i].workers = options.workers;
    threads.emplace_back([&body, &worker = workers[i], i, cpus] {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(i % cpus, &set);
      // Fewer CPUs may be allowed than there are: then it runs where it may.
      static_cast<void>(::pthread_setaffinity_np(::pthread_self(), sizeof(set), &set));
      body(worker);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const int64_t end_ns = MonotonicNanos();
  const int64_t end_cpu_ns = ProcessCpuNanos();

  LoopResult result;
  int64_t start_ns = end_ns;
  int64_t start_cpu_ns = end_cpu_ns;
  for (const LoopWorker& worker : workers) {
    result.digest.Merge(worker.digest);
    result.measured_events += worker.measured_events;
    if (worker.started_ns == 0) continue;
    start_ns = std::min(start_ns, worker.started_ns);
    start_cpu_ns = std::min(start_cpu_ns, worker.started_cpu_ns);
  }
  result.seconds = static_cast<double>(end_ns - start_ns) * 1e-9;
  result.cpu_seconds = static_cast<double>(end_cpu_ns - start_cpu_ns) * 1e-9;
  return result;
}

}  // namespace weir::bench
