#include "base/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>

#include "base/check.h"

namespace weir {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

// Percentile as Apache Commons Math estimates it, which is what Flink's histograms show. Requires: sorted, not empty.
double QuantileOf(const std::vector<double>& sorted, double quantile) {
  const double position = quantile * static_cast<double>(sorted.size() + 1);
  if (position < 1) return sorted.front();
  if (position >= static_cast<double>(sorted.size())) return sorted.back();
  const auto below = static_cast<size_t>(position);
  return sorted[below - 1] + (position - std::floor(position)) * (sorted[below] - sorted[below - 1]);
}

}  // namespace

std::string FilterMetricCharacters(std::string_view text) {
  std::string filtered(text);
  for (char& c : filtered) {
    const bool legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '_';
    if (!legal) c = '_';
  }
  return filtered;
}

HistogramMetric::HistogramMetric() {
  for (std::atomic<double>& sample : window_) sample.store(kNothing, std::memory_order_relaxed);
}

void HistogramMetric::Record(double sample) {
  const uint64_t index = count_.fetch_add(1, std::memory_order_relaxed);
  window_[index % kWindowCount].store(sample, std::memory_order_relaxed);
}

std::vector<double> HistogramMetric::Quantiles() const {
  std::vector<double> samples;
  samples.reserve(kWindowCount);
  for (const std::atomic<double>& slot : window_) {
    const double sample = slot.load(std::memory_order_relaxed);
    if (!std::isnan(sample)) samples.push_back(sample);
  }
  std::vector<double> quantiles(kMetricQuantiles.size(), kNothing);
  if (samples.empty()) return quantiles;
  std::sort(samples.begin(), samples.end());
  for (size_t i = 0; i < quantiles.size(); ++i) quantiles[i] = QuantileOf(samples, kMetricQuantiles[i]);
  return quantiles;
}

struct MetricScope::Entry {
  std::string name;
  MetricLabels labels;
  MetricKind kind;
  CounterMetric counter;
  GaugeMetric gauge;
  std::unique_ptr<HistogramMetric> histogram;

  // Held while `read` runs: the scope's destructor waits for it. That is why `read` must not come back to us.
  mutable std::mutex read_mutex;
  std::function<double()> read;  // Guarded by read_mutex; empty for other gauges and after its scope has gone.

  uint32_t owner_count = 0;  // Guarded by the registry's mutex; 0 = in no snapshot.

  MetricSample Sample() const {
    MetricSample sample{name, labels, kind, 0, {}, 0};
    switch (kind) {
      case MetricKind::kCounter: sample.value = static_cast<double>(counter.value()); break;
      case MetricKind::kGauge: {
        std::lock_guard lock(read_mutex);
        sample.value = read ? read() : gauge.value();
        break;
      }
      case MetricKind::kHistogram:
        sample.quantiles = histogram->Quantiles();
        sample.count = histogram->count();
        break;
    }
    return sample;
  }
};

struct MetricRegistry::State {
  using Identity = std::pair<std::string, MetricLabels>;

  size_t metric_count_max = 0;
  mutable std::mutex mutex;
  std::map<Identity, std::shared_ptr<MetricScope::Entry>> metrics;  // Guarded by mutex; at most metric_count_max.
  uint64_t refused_count = 0;                                       // Guarded by mutex.
};

MetricScope::MetricScope(MetricRegistry& registry, std::string name_prefix, MetricLabels labels)
    : registry_(&registry), name_prefix_(std::move(name_prefix)), labels_(std::move(labels)) {}

MetricScope::~MetricScope() { registry_->Unregister(entries_); }

CounterMetric* MetricScope::AddCounter(std::string_view name, const MetricLabels& labels) {
  return Add(MetricKind::kCounter, name, labels, &Entry::counter);
}

GaugeMetric* MetricScope::AddGauge(std::string_view name, const MetricLabels& labels) {
  return Add(MetricKind::kGauge, name, labels, &Entry::gauge);
}

HistogramMetric* MetricScope::AddHistogram(std::string_view name, const MetricLabels& labels) {
  return Add(MetricKind::kHistogram, name, labels, &Entry::histogram)->get();
}

void MetricScope::AddCallbackGauge(std::string_view name, std::function<double()> read, const MetricLabels& labels) {
  CHECK(read != nullptr);
  MetricLabels all = labels_;
  all.insert(all.end(), labels.begin(), labels.end());
  entries_.push_back(registry_->Register(MetricKind::kGauge, name_prefix_ + "_" + std::string(name), std::move(all),
                                         std::move(read)));
}

template <class Metric>
Metric* MetricScope::Add(MetricKind kind, std::string_view name, const MetricLabels& labels, Metric Entry::*member) {
  MetricLabels all = labels_;
  all.insert(all.end(), labels.begin(), labels.end());
  entries_.push_back(registry_->Register(kind, name_prefix_ + "_" + std::string(name), std::move(all), nullptr));
  return &(entries_.back().get()->*member);
}

MetricRegistry::MetricRegistry(size_t metric_count_max) : state_(std::make_unique<State>()) {
  state_->metric_count_max = metric_count_max;
}

MetricRegistry::~MetricRegistry() { CHECK(state_->metrics.empty()); }  // Scopes end before their registry.

std::shared_ptr<MetricScope::Entry> MetricRegistry::Register(MetricKind kind, std::string name, MetricLabels labels,
                                                             std::function<double()> read) {
  for (auto& [label, value] : labels) label = FilterMetricCharacters(label);
  std::sort(labels.begin(), labels.end());
  auto entry = std::make_shared<MetricScope::Entry>();
  entry->name = FilterMetricCharacters(name);
  entry->labels = std::move(labels);
  entry->kind = kind;
  entry->read = std::move(read);
  if (kind == MetricKind::kHistogram) entry->histogram = std::make_unique<HistogramMetric>();

  std::lock_guard lock(state_->mutex);
  const State::Identity identity{entry->name, entry->labels};
  const auto present = state_->metrics.find(identity);
  if (present != state_->metrics.end()) {
    // A callback belongs to one scope and cannot be shared.
    const bool same = present->second->kind == kind && entry->read == nullptr;
    if (!same) {
      ++state_->refused_count;
      return entry;
    }
    ++present->second->owner_count;
    return present->second;
  }
  if (state_->metrics.size() >= state_->metric_count_max) {
    ++state_->refused_count;
    return entry;
  }
  entry->owner_count = 1;
  state_->metrics.emplace(identity, entry);
  return entry;
}

void MetricRegistry::Unregister(const std::vector<std::shared_ptr<MetricScope::Entry>>& entries) {
  {
    std::lock_guard lock(state_->mutex);
    for (const auto& entry : entries) {
      if (entry->owner_count == 0) continue;  // Was refused.
      if (--entry->owner_count == 0) state_->metrics.erase({entry->name, entry->labels});
    }
  }
  // Without the registry's lock, for a snapshot may be inside the callback.
  for (const auto& entry : entries) {
    std::function<double()> read;
    std::lock_guard lock(entry->read_mutex);
    read.swap(entry->read);
  }
}

std::vector<MetricSample> MetricRegistry::Snapshot() const {
  std::vector<std::shared_ptr<MetricScope::Entry>> entries;
  {
    std::lock_guard lock(state_->mutex);
    entries.reserve(state_->metrics.size());
    for (const auto& [identity, entry] : state_->metrics) entries.push_back(entry);
  }
  std::vector<MetricSample> samples;
  samples.reserve(entries.size());
  for (const auto& entry : entries) samples.push_back(entry->Sample());
  return samples;
}

uint64_t MetricRegistry::refused_count() const {
  std::lock_guard lock(state_->mutex);
  return state_->refused_count;
}

}  // namespace weir
