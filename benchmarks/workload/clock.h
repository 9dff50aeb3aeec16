// What a process knows of its own run: clocks that all processes of a machine share, CPU time and peak memory.
#pragma once

#include <sys/resource.h>
#include <time.h>

#include <cstdint>

namespace weir::bench {

inline int64_t Nanos(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}
inline int64_t MonotonicNanos() { return Nanos(CLOCK_MONOTONIC); }
inline int64_t ProcessCpuNanos() { return Nanos(CLOCK_PROCESS_CPUTIME_ID); }
inline int64_t PeakRssBytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1'024;
}

}  // namespace weir::bench
