// Which tasks of a job are known to stand still, and where: a part of the failure that comes of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/ids.h"

namespace weir {

// Thread: the JobMaster's loop. Pure. Has at most an entry per subtask: the caller checks that they exist.
class StuckTasks {
 public:
  struct Report {
    std::string task;        // Its full name.
    int64_t running_ms = 0;  // 0: it goes on.
    std::string stack;
  };
  // Reports of an older attempt than the newest one heard of change nothing (R9).
  void OnReport(AttemptId attempt, SubtaskId subtask, Report report);
  struct Explanation {
    std::string message;
    std::string stack;  // A stack for each task that was added; empty when none was.
  };
  // `message` with the tasks of `attempt` that stand still behind it, the first few with their stacks. A task that `message`
  // speaks of in these words is left out.
  Explanation Explain(const std::string& message, AttemptId attempt) const;

 private:
  AttemptId attempt_;  // Of all reports.
  std::map<SubtaskId, Report> reports_;
};

}  // namespace weir
