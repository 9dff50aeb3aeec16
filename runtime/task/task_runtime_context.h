// What a task tells its user functions about themselves.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/metrics.h"
#include <weir/runtime_context.h>

namespace weir {

struct TaskRuntimeInfo {
  std::string job_name;
  std::string operator_name;
  uint32_t subtask = 0;
  uint32_t parallelism = 1;
  uint32_t max_parallelism = 128;
  uint32_t attempt_number = 0;
};

// Thread: task, but for the logger.
class TaskRuntimeContext final : public RuntimeContext {
 public:
  // `metrics` outlives it.
  TaskRuntimeContext(TaskRuntimeInfo info, MetricScope& metrics);
  ~TaskRuntimeContext() override;

  const std::string& JobName() const override { return info_.job_name; }
  const std::string& OperatorName() const override { return info_.operator_name; }
  uint32_t SubtaskIndex() const override { return info_.subtask; }
  uint32_t Parallelism() const override { return info_.parallelism; }
  uint32_t MaxParallelism() const override { return info_.max_parallelism; }
  uint32_t AttemptNumber() const override { return info_.attempt_number; }
  MetricGroup& Metrics() override;
  weir::Logger& Logger() override;

 private:
  class UserMetrics;
  class TaskLogger;
  const TaskRuntimeInfo info_;
  std::unique_ptr<UserMetrics> metrics_;
  std::unique_ptr<TaskLogger> logger_;
};

}  // namespace weir
