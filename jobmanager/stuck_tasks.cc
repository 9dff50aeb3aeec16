#include "jobmanager/stuck_tasks.h"

namespace weir {
namespace {

constexpr int kShownMax = 3;

}  // namespace

void StuckTasks::OnReport(AttemptId attempt, SubtaskId subtask, Report report) {
  if (attempt < attempt_) return;
  if (attempt > attempt_) reports_.clear();
  attempt_ = attempt;
  if (report.running_ms == 0) {
    reports_.erase(subtask);
  } else {
    reports_[subtask] = std::move(report);
  }
}

StuckTasks::Explanation StuckTasks::Explain(const std::string& message, AttemptId attempt) const {
  Explanation explained{message, ""};
  if (attempt != attempt_) return explained;
  int shown = 0;
  int hidden = 0;
  for (const auto& [subtask, report] : reports_) {
    const std::string what = report.task + " has not finished a step for ";
    if (message.find(what) != std::string::npos) continue;
    if (shown == kShownMax) {
      ++hidden;
      continue;
    }
    ++shown;
    explained.message += "\n" + what + std::to_string(report.running_ms) + " ms";
    explained.stack += (explained.stack.empty() ? "" : "\n") + report.task + ":\n" + report.stack;
    while (explained.stack.back() == '\n') explained.stack.pop_back();
  }
  if (hidden != 0) explained.message += "\nand " + std::to_string(hidden) + " more tasks have not finished a step";
  return explained;
}

}  // namespace weir
