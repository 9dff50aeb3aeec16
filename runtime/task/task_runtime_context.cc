#include "runtime/task/task_runtime_context.h"

#include "base/log.h"

namespace weir {
namespace {

class UserCounter final : public Counter {
 public:
  explicit UserCounter(CounterMetric& metric) : metric_(metric) {}
  void Inc(int64_t n) override { metric_.AddSingleWriter(n); }
  int64_t Count() const override { return metric_.value(); }

 private:
  CounterMetric& metric_;
};

class UserGauge final : public Gauge {
 public:
  explicit UserGauge(GaugeMetric& metric) : metric_(metric) {}
  void Set(double value) override { metric_.Set(value); }

 private:
  GaugeMetric& metric_;
};

class UserHistogram final : public Histogram {
 public:
  explicit UserHistogram(HistogramMetric& metric) : metric_(metric) {}
  void Update(double value) override { metric_.Record(value); }

 private:
  HistogramMetric& metric_;
};

// The metric of that name, made when it is asked for the first time.
template <class Wrapper, class Make>
Wrapper& FindOrMake(std::map<std::string, std::unique_ptr<Wrapper>, std::less<>>& metrics, std::string_view name, Make make) {
  auto found = metrics.find(name);
  if (found == metrics.end()) found = metrics.emplace(name, std::make_unique<Wrapper>(*make(name))).first;
  return *found->second;
}

}  // namespace

class TaskRuntimeContext::UserMetrics final : public MetricGroup {
 public:
  explicit UserMetrics(MetricScope& scope) : scope_(scope) {}
  Counter& GetCounter(std::string_view name) override {
    return FindOrMake(counters_, name, [&](std::string_view wanted) { return scope_.AddCounter(wanted); });
  }
  Gauge& GetGauge(std::string_view name) override {
    return FindOrMake(gauges_, name, [&](std::string_view wanted) { return scope_.AddGauge(wanted); });
  }
  Histogram& GetHistogram(std::string_view name) override {
    return FindOrMake(histograms_, name, [&](std::string_view wanted) { return scope_.AddHistogram(wanted); });
  }

 private:
  MetricScope& scope_;
  std::map<std::string, std::unique_ptr<UserCounter>, std::less<>> counters_;
  std::map<std::string, std::unique_ptr<UserGauge>, std::less<>> gauges_;
  std::map<std::string, std::unique_ptr<UserHistogram>, std::less<>> histograms_;
};

class TaskRuntimeContext::TaskLogger final : public weir::Logger {
 public:
  explicit TaskLogger(const TaskRuntimeInfo& info)
      : prefix_(fmt::format("{} ({}/{})", info.operator_name, info.subtask + 1, info.parallelism)) {}
  void Info(std::string_view message) override { LOG_INFO("{}: {}", prefix_, message); }
  void Warn(std::string_view message) override { LOG_WARN("{}: {}", prefix_, message); }
  void Error(std::string_view message) override { LOG_ERROR("{}: {}", prefix_, message); }

 private:
  const std::string prefix_;
};

TaskRuntimeContext::TaskRuntimeContext(TaskRuntimeInfo info, MetricScope& metrics)
    : info_(std::move(info)), metrics_(std::make_unique<UserMetrics>(metrics)), logger_(std::make_unique<TaskLogger>(info_)) {}

TaskRuntimeContext::~TaskRuntimeContext() = default;

MetricGroup& TaskRuntimeContext::Metrics() { return *metrics_; }
weir::Logger& TaskRuntimeContext::Logger() { return *logger_; }

}  // namespace weir
