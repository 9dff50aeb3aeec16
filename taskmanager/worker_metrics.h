// The newest metric report of each worker.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "base/metrics.h"
#include "taskmanager/worker_launcher.h"

namespace weir {

// Thread-safe.
class WorkerMetrics {
 public:
  explicit WorkerMetrics(MetricLabels added_labels) : added_labels_(std::move(added_labels)) {}

  void Replace(WorkerSerial serial, std::vector<MetricSample> samples);  // Adds the labels.
  void Remove(WorkerSerial serial);
  void AppendTo(std::vector<MetricSample>& samples) const;

 private:
  const MetricLabels added_labels_;  // host, tm_id
  mutable std::mutex mutex_;
  std::map<WorkerSerial, std::vector<MetricSample>> reports_;  // Guarded by mutex_.
};

}  // namespace weir
