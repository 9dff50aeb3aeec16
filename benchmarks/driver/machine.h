// What the machine does besides a measurement, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace weir::bench {

// CPU time of the whole machine and of a tree of processes, living and ended. Take one before and one after.
struct CpuSample {
  double taken_s = 0;  // Monotonic clock.
  double busy_s = 0;   // All CPUs, without idling; stolen time counts.
  double own_s = 0;    // This process and all its descendants.
  static CpuSample Take();
};

// The share of one core that others took between two samples.
double ForeignCpu(const CpuSample& before, const CpuSample& after);

uint32_t CpuCount();

}  // namespace weir::bench
