// Metrics of one process: registered under a name and labels, read as a snapshot by whoever shows or sends them on.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

inline constexpr std::array<double, 6> kMetricQuantiles = {0.5, 0.75, 0.95, 0.98, 0.99, 0.999};

struct MetricSample {
  std::string name;     // Without prefix: "taskmanager_job_task_numRecordsIn".
  MetricLabels labels;  // Sorted by name.
  MetricKind kind = MetricKind::kGauge;
  double value = 0;               // Counter and gauge.
  std::vector<double> quantiles;  // Histogram: values at kMetricQuantiles; NaN before the first sample.
  uint64_t count = 0;             // Histogram: samples ever recorded.
};

// Everything outside [a-zA-Z0-9:_] becomes '_', as in Flink's reporters.
std::string FilterMetricCharacters(std::string_view text);

// Thread-safe.
class CounterMetric {
 public:
  void Add(int64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  // Cheaper; requires that one thread at a time writes, and by this call only.
  void AddSingleWriter(int64_t count) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_ = 0;
};

// Thread-safe.
class GaugeMetric {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0;
};

// The newest kWindowCount samples and how many there ever were. Thread-safe, never waits.
class HistogramMetric {
 public:
  static constexpr uint32_t kWindowCount = 1024;

  HistogramMetric();
  void Record(double sample);
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  std::vector<double> Quantiles() const;  // At kMetricQuantiles, between neighbours interpolated; NaN when empty.

 private:
  std::array<std::atomic<double>, kWindowCount> window_;  // A ring; NaN where nothing was recorded yet.
  std::atomic<uint64_t> count_ = 0;
};

class MetricRegistry;

// What one owner (a task, a process) registered; unregisters all of it when destroyed. Move-only, thread-compatible.
// The registry outlives it. Pointers stay valid as long as the scope.
class MetricScope {
 public:
  MetricScope(MetricRegistry& registry, std::string name_prefix, MetricLabels labels);
  ~MetricScope();
  MetricScope(MetricScope&&) noexcept = default;
  MetricScope& operator=(MetricScope&&) = delete;

  // The metric <prefix>_<name> with the scope's and the given labels. The same identity, from whatever scope, is the
  // same metric. Never null: when the identity has another kind already, or the registry is full, the metric works but
  // is not in any snapshot (the registry counts those).
  CounterMetric* AddCounter(std::string_view name, const MetricLabels& labels = {});
  GaugeMetric* AddGauge(std::string_view name, const MetricLabels& labels = {});
  HistogramMetric* AddHistogram(std::string_view name, const MetricLabels& labels = {});
  // `read` runs in Snapshot(), on any thread but on one at a time, and not after this scope is destroyed. It must be
  // quick and must not touch the registry or its scopes. Of two with one identity the first one stays.
  void AddCallbackGauge(std::string_view name, std::function<double()> read, const MetricLabels& labels = {});

 private:
  friend class MetricRegistry;  // Hands out Entry, which only the two know.
  struct Entry;
  template <class Metric>
  Metric* Add(MetricKind kind, std::string_view name, const MetricLabels& labels, Metric Entry::*member);

  MetricRegistry* registry_;
  std::string name_prefix_;
  MetricLabels labels_;
  std::vector<std::shared_ptr<Entry>> entries_;  // Shared with other scopes of the same identity and with snapshots.
};

// Thread-safe.
class MetricRegistry {
 public:
  explicit MetricRegistry(size_t metric_count_max = 100'000);
  ~MetricRegistry();
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;

  std::vector<MetricSample> Snapshot() const;  // Sorted by name, then labels.
  uint64_t refused_count() const;              // Registrations that clashed or came when full.

 private:
  friend class MetricScope;
  struct State;
  std::shared_ptr<MetricScope::Entry> Register(MetricKind kind, std::string name, MetricLabels labels,
                                               std::function<double()> read);
  void Unregister(const std::vector<std::shared_ptr<MetricScope::Entry>>& entries);

  std::unique_ptr<State> state_;
};

}  // namespace weir
