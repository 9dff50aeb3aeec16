// What a function may know of the task it runs in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

// A number that only grows. Thread: the task that made it.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Inc(int64_t n = 1) = 0;
  virtual int64_t Count() const = 0;
};
// The newest value wins.
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
};
// Quantiles of what was seen lately.
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Update(double value) = 0;
};

// Metrics of one operator in one subtask; names as in Prometheus after filtering. The same name gives the same metric.
class MetricGroup {
 public:
  virtual ~MetricGroup() = default;
  virtual Counter& GetCounter(std::string_view name) = 0;
  virtual Gauge& GetGauge(std::string_view name) = 0;
  virtual Histogram& GetHistogram(std::string_view name) = 0;
};

// Writes to the worker's log, with task and subtask in front. Thread-safe.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void Info(std::string_view message) = 0;
  virtual void Warn(std::string_view message) = 0;
  virtual void Error(std::string_view message) = 0;
};

class RuntimeContext {
 public:
  virtual ~RuntimeContext() = default;
  virtual const std::string& JobName() const = 0;
  virtual const std::string& OperatorName() const = 0;
  virtual uint32_t SubtaskIndex() const = 0;  // 0-based.
  virtual uint32_t Parallelism() const = 0;
  virtual uint32_t MaxParallelism() const = 0;
  virtual uint32_t AttemptNumber() const = 0;  // 0 for the first run of the job.
  virtual MetricGroup& Metrics() = 0;
  virtual weir::Logger& Logger() = 0;
};

// Base of functions with a life cycle. The engine copies the function once per subtask, calls Open before the first
// record and Close after the last; also after a failure, then without a promise that Open ran to its end.
class RichFunction {
 public:
  virtual ~RichFunction() = default;
  virtual void Open(RuntimeContext&) {}
  virtual void Close() {}
};

}  // namespace weir
