// The hand-written loops: the same work as the jobs, as a program would do it that does nothing else. They are the ruler, and
// they say what the right result is.
#pragma once

#include <cstdint>
#include <string>

#include "benchmarks/workload/digest.h"
#include "benchmarks/workload/duration_histogram.h"
#include "benchmarks/workload/keyed_record.h"

namespace weir::bench {

enum class LinkKind : uint8_t { kTcp, kMemory };

struct LoopOptions {
  std::string workload = "wc";  // wc, text, q0, q1, q2, gen, two-stage, chain, running, jitter.
  uint64_t events = 1'000'000;
  uint64_t warm_up = 0;  // Events before this number are not timed.
  uint32_t workers = 1;  // Threads, each pinned to a CPU of its own as far as there are enough.
  LinkKind link = LinkKind::kTcp;
  KeyedOptions keyed;                  // wc, two-stage, running. Its seed is that of all workloads.
  uint32_t maps = 5;                   // chain.
  std::string text_path;               // text; empty: a generated one.
  double events_per_second = 100'000;  // jitter.
};

struct LoopResult {
  Digest digest;
  uint64_t measured_events = 0;
  double seconds = 0;         // From the first measured event to the final checksum.
  double cpu_seconds = 0;     // Of the process, in that time.
  DurationHistogram latency;  // jitter: from the due time to the receipt by the other thread.
};

// The process ends with a message when the workload is unknown or the system refuses something.
LoopResult RunLoop(const LoopOptions& options);

// ---- The workloads ----
LoopResult RunKeyedLoop(const LoopOptions& options);
LoopResult RunTextLoop(const LoopOptions& options);
LoopResult RunNexmarkLoop(const LoopOptions& options);
LoopResult RunStageLoop(const LoopOptions& options);
LoopResult RunChainLoop(const LoopOptions& options);
LoopResult RunRunningCountLoop(const LoopOptions& options);
LoopResult RunJitterLoop(const LoopOptions& options);

}  // namespace weir::bench
