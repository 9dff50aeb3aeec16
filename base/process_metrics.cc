#include "base/process_metrics.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"

namespace weir {
namespace {

// Positions in /proc/<pid>/stat counted after the ")" that ends the program's name (proc(5) counts from 1, ")" is 2).
constexpr size_t kUserTicksField = 14 - 3;
constexpr size_t kSystemTicksField = 15 - 3;
constexpr size_t kThreadCountField = 20 - 3;
constexpr size_t kResidentPagesField = 24 - 3;

constexpr int64_t kNanosPerSecond = 1'000'000'000;

ProcessUsage ReadUsage() {
  const StatusOr<std::string> stat = NewPosixFileSystem()->ReadFile("/proc/self/stat");
  if (!stat.ok()) return {};  // No /proc, say in a bare container: zeros.
  return ParseProcStat(*stat, ::sysconf(_SC_CLK_TCK), ::sysconf(_SC_PAGESIZE)).value_or(ProcessUsage{});
}

// Share of all processors used between two readings. Thread-safe.
class CpuLoad {
 public:
  explicit CpuLoad(const Clock& clock)
      : clock_(clock), processor_count_(std::max<long>(1, ::sysconf(_SC_NPROCESSORS_ONLN))) {}

  double Read() {
    std::lock_guard lock(mutex_);
    const int64_t now = clock_.MonotonicNanos();
    if (now - last_nanos_ < kNanosPerSecond && last_nanos_ != 0) return last_load_;  // Too short to say anything.
    const int64_t cpu_time = ReadUsage().cpu_time_nanos;
    if (last_nanos_ != 0) {
      last_load_ = std::clamp(static_cast<double>(cpu_time - last_cpu_time_) /
                                  (static_cast<double>(now - last_nanos_) * static_cast<double>(processor_count_)),
                              0.0, 1.0);
    }
    last_nanos_ = now;
    last_cpu_time_ = cpu_time;
    return last_load_;
  }

 private:
  const Clock& clock_;
  const long processor_count_;
  std::mutex mutex_;
  // Guarded by mutex_.
  int64_t last_nanos_ = 0;
  int64_t last_cpu_time_ = 0;
  double last_load_ = 0;
};

}  // namespace

std::optional<ProcessUsage> ParseProcStat(std::string_view stat, int64_t ticks_per_second, int64_t page_size_bytes) {
  const size_t name_end = stat.rfind(')');  // The name may hold anything, brackets and blanks too.
  if (name_end == std::string_view::npos || ticks_per_second <= 0) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  std::vector<int64_t> fields;
  while (fields.size() <= kResidentPagesField) {
    while (!stat.empty() && stat.front() == ' ') stat.remove_prefix(1);
    if (stat.empty()) return std::nullopt;
    const size_t end = std::min(stat.find(' '), stat.size());
    int64_t value = 0;
    const auto [parsed, error] = std::from_chars(stat.data(), stat.data() + end, value);
    const bool is_number = error == std::errc() && parsed == stat.data() + end;
    const bool is_state_letter = fields.empty() && end == 1;
    if (!is_number && !is_state_letter) {
      // Unsigned fields such as the soft limits may be larger than int64; none of ours is.
      if (error != std::errc::result_out_of_range) return std::nullopt;
    }
    fields.push_back(value);
    stat.remove_prefix(end);
  }
  return ProcessUsage{
      .cpu_time_nanos = static_cast<int64_t>(
          static_cast<double>(fields[kUserTicksField] + static_cast<double>(fields[kSystemTicksField])) *
          static_cast<double>(kNanosPerSecond) / static_cast<double>(ticks_per_second)),
      .thread_count = fields[kThreadCountField],
      .resident_bytes = static_cast<int64_t>(static_cast<uint64_t>(fields[kResidentPagesField]) *
                                             static_cast<uint64_t>(page_size_bytes)),
  };
}

MetricScope RegisterProcessMetrics(MetricRegistry& registry, const Clock& clock, std::string name_prefix,
                                   MetricLabels labels, uint64_t memory_max_bytes) {
  MetricScope scope(registry, name_prefix + "_Status_JVM", std::move(labels));
  auto load = std::make_shared<CpuLoad>(clock);  // Shared: a callback must be copyable.
  scope.AddCallbackGauge("CPU_Load", [load] { return load->Read(); });
  scope.AddCallbackGauge("CPU_Time", [] { return static_cast<double>(ReadUsage().cpu_time_nanos); });
  scope.AddCallbackGauge("Threads_Count", [] { return static_cast<double>(ReadUsage().thread_count); });
  for (const char* name : {"Memory_Heap_Used", "Memory_Heap_Committed"}) {
    scope.AddCallbackGauge(name, [] { return static_cast<double>(ReadUsage().resident_bytes); });
  }
  scope.AddGauge("Memory_Heap_Max")->Set(static_cast<double>(memory_max_bytes));
  for (const char* pool : {"NonHeap", "Metaspace"}) {
    for (const char* figure : {"Used", "Committed", "Max"}) {
      scope.AddGauge(std::string("Memory_") + pool + "_" + figure);
    }
  }
  for (const char* figure : {"Count", "MemoryUsed", "TotalCapacity"}) {
    scope.AddGauge(std::string("Memory_Direct_") + figure);
  }
  return scope;
}

}  // namespace weir
