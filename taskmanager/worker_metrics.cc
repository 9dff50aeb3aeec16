#include "taskmanager/worker_metrics.h"

#include <algorithm>

namespace weir {

void WorkerMetrics::Replace(WorkerSerial serial, std::vector<MetricSample> samples) {
  for (MetricSample& sample : samples) {
    // The worker may not speak for another host.
    std::erase_if(sample.labels, [&](const auto& label) {
      return std::any_of(added_labels_.begin(), added_labels_.end(), [&](const auto& added) { return added.first == label.first; });
    });
    sample.labels.insert(sample.labels.end(), added_labels_.begin(), added_labels_.end());
    std::sort(sample.labels.begin(), sample.labels.end());
  }
  std::lock_guard lock(mutex_);
  reports_[serial] = std::move(samples);
}

void WorkerMetrics::Remove(WorkerSerial serial) {
  std::lock_guard lock(mutex_);
  reports_.erase(serial);
}

void WorkerMetrics::AppendTo(std::vector<MetricSample>& samples) const {
  std::lock_guard lock(mutex_);
  for (const auto& [serial, report] : reports_) samples.insert(samples.end(), report.begin(), report.end());
}

}  // namespace weir
