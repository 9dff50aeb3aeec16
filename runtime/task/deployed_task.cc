#include "runtime/task/deployed_task.h"

#include <algorithm>

namespace weir {

void DeployedTask::AddMetrics(int64_t now_ns, std::vector<MetricSample>& samples) {
  const auto add = [&](const char* name, MetricKind kind, double value) {
    samples.push_back({"taskmanager_job_task_" + std::string(name), labels, kind, value, {}, 0});
  };
  const TaskCounters& counters = task->counters();
  const auto count = [&](const char* name, const std::atomic<uint64_t>& value) {
    add(name, MetricKind::kCounter, static_cast<double>(value.load(std::memory_order_relaxed)));
  };
  count("numRecordsIn", counters.records_in);
  count("numRecordsOut", counters.records_out);
  count("numBuffersIn", counters.batches_in);
  count("numBuffersOut", counters.batches_out);
  count("numFlushesFull", counters.flushes_full);
  count("numFlushesControl", counters.flushes_control);
  count("numFlushesIdle", counters.flushes_idle);
  count("numFlushesTime", counters.flushes_time);
  add("currentInputWatermark", MetricKind::kGauge, static_cast<double>(counters.watermark.load(std::memory_order_relaxed)));
  const TaskTimes& times = slot_task.times();
  const std::array<int64_t, 3> now_times = {times.busy_ns.load(), times.idle_ns.load(), times.backpressured_ns.load()};
  const int64_t span_ns = std::max<int64_t>(1, now_ns - sampled_ns_);
  constexpr std::array<const char*, 3> kTotals = {"accumulateBusyTimeMs", "accumulateIdleTimeMs", "accumulateBackPressuredTimeMs"};
  constexpr std::array<const char*, 3> kRates = {"busyTimeMsPerSecond", "idleTimeMsPerSecond", "backPressuredTimeMsPerSecond"};
  for (size_t i = 0; i < kTotals.size(); ++i) {
    add(kTotals[i], MetricKind::kGauge, static_cast<double>(now_times[i] / 1'000'000));
    const double rate = 1'000.0 * static_cast<double>(now_times[i] - sampled_times_[i]) / static_cast<double>(span_ns);
    if (sampled_ns_ != 0) add(kRates[i], MetricKind::kGauge, std::clamp(rate, 0.0, 1'000.0));
  }
  add("isBackPressured", MetricKind::kGauge, times.backpressured.load(std::memory_order_relaxed) ? 1 : 0);
  sampled_ns_ = now_ns;
  sampled_times_ = now_times;
}

}  // namespace weir
