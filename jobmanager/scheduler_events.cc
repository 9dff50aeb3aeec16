#include "jobmanager/scheduler_events.h"

namespace weir {

std::string_view SchedulerVerdictName(SchedulerVerdict verdict) {
  switch (verdict) {
    case SchedulerVerdict::kStaleAttempt: return "stale attempt";
    case SchedulerVerdict::kUnknownTask: return "unknown task";
    case SchedulerVerdict::kUnknownWorker: return "unknown worker";
    case SchedulerVerdict::kDuplicate: return "duplicate";
    case SchedulerVerdict::kNotExpected: return "not expected";
  }
  return "unknown";
}

}  // namespace weir
