// What the kernel knows about this process, under the names that Flink's dashboards ask for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/metrics.h"

namespace weir {

class Clock;

struct ProcessUsage {
  int64_t cpu_time_nanos = 0;  // User and system.
  int64_t thread_count = 0;
  int64_t resident_bytes = 0;
};

// `stat` is the content of /proc/<pid>/stat. Unset when it does not look like that.
std::optional<ProcessUsage> ParseProcStat(std::string_view stat, int64_t ticks_per_second, int64_t page_size_bytes);

// Registers <prefix>_Status_JVM_{CPU_Load,CPU_Time,Memory_*,Threads_Count} for as long as the scope lives. Heap stands
// for the resident memory of the process, its Max is `memory_max_bytes`; what only a JVM has (NonHeap, Metaspace, Direct)
// is there and 0. `clock` outlives the scope.
MetricScope RegisterProcessMetrics(MetricRegistry& registry, const Clock& clock, std::string name_prefix,
                                   MetricLabels labels, uint64_t memory_max_bytes);

}  // namespace weir
