// Looks after steps that do not end (step_watch.h).
#include <pthread.h>

#include <algorithm>

#include "base/log.h"
#include "runtime/task/deployed_task.h"
#include "runtime/task/worker_runtime.h"

namespace weir {
namespace {

// Of one look of the watchdog: a stack costs up to a second of a processor.
constexpr int kStacksPerLookMax = 4;
constexpr int64_t kLookPeriodMaxMs = 1'000;

}  // namespace

StepWatch::Limits WatchLimits(const WorkerOptions& options) {
  return {.interval_ns = options.watchdog_interval_ms * 1'000'000, .cancellation_ns = options.cancellation_timeout_ms * 1'000'000 / 3};
}

void WorkerRuntime::WatchTasks() {
  pthread_setname_np(pthread_self(), "watchdog");
  const StepWatch::Limits limits = WatchLimits(options_);
  const int64_t period_ms = std::clamp<int64_t>(std::min(limits.interval_ns, limits.cancellation_ns) / 4'000'000, 1, kLookPeriodMaxMs);
  std::unique_lock lock(watchdog_mutex_);
  while (!watchdog_changed_.wait_for(lock, std::chrono::milliseconds(period_ms), [this] { return watchdog_stopped_; })) {
    lock.unlock();
    ReportStuckTasks();
    lock.lock();
  }
}

void WorkerRuntime::ReportStuckTasks() {
  struct Report {
    AttemptId attempt;
    SubtaskId subtask;
    std::string task;
    StuckStep step;
    std::function<std::string()> stack;  // Null: none was taken.
  };
  std::vector<Report> reports;
  int stacks_left = kStacksPerLookMax;
  {
    // The loop deploys and reads metrics under it, so only taking a stack is slow in here: at most kStacksPerLookMax of them.
    std::lock_guard lock(tasks_mutex_);
    const int64_t cancelled_ns = cancelled_ns_;
    const int64_t now_ns = clock_.MonotonicNanos();
    for (const std::unique_ptr<DeployedTask>& deployed : tasks_) {
      const TaskTimes& times = deployed->slot_task.times();
      const bool waits = times.backpressured.load(std::memory_order_acquire);
      const int64_t started_ns = waits ? 0 : times.step_started_ns.load(std::memory_order_relaxed);
      const std::optional<int64_t> cancelled = cancelled_ns != 0 ? std::optional(cancelled_ns) : std::nullopt;
      const StepWatch::Verdict verdict = deployed->watch.Look(started_ns, cancelled, now_ns);
      if (verdict == StepWatch::Verdict::kFine) continue;
      Report report{deployed->task->attempt(), deployed->task->subtask(), deployed->task->FullName(), {}, nullptr};
      if (verdict == StepWatch::Verdict::kStuck) {
        report.step.running_ms = std::max<int64_t>(1, (now_ns - started_ns) / 1'000'000);
        if (options_.take_stack && stacks_left-- > 0) report.stack = options_.take_stack(deployed->loop.thread());
        // Another step, or another task, by now: then that was not it.
        if (times.step_started_ns.load(std::memory_order_relaxed) != started_ns) continue;
      }
      reports.push_back(std::move(report));
    }
  }
  for (Report& report : reports) {
    if (report.step.running_ms != 0) {
      if (report.stack != nullptr) {
        report.step.stack = report.stack();
      } else {
        report.step.stack = options_.take_stack ? "  (no stack: too many tasks are stuck)\n" : "  (no stack: only weir-worker takes one)\n";
      }
      LOG_WARN("Task is stuck: {} has not finished a step for {} ms\n{}", report.task, report.step.running_ms, report.step.stack);
    }
    events_.OnTaskStuck(report.attempt, report.subtask, report.step);
  }
}

}  // namespace weir
