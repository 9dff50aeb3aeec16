#include "runtime/task/step_watch.h"

#include <algorithm>

namespace weir {

StepWatch::Verdict StepWatch::Look(int64_t step_started_ns, std::optional<int64_t> cancelled_ns, int64_t now_ns) {
  if (reported_step_ns_ != 0 && reported_step_ns_ != step_started_ns) {
    reported_step_ns_ = 0;
    return Verdict::kGoesOn;
  }
  if (step_started_ns == 0) return Verdict::kFine;
  // A report counts from the last one of the same step; the cancellation makes a new one due.
  const int64_t since_ns = reported_step_ns_ != 0 ? reported_at_ns_ : step_started_ns;
  const bool late = now_ns - since_ns >= limits_.interval_ns;
  const bool late_to_end = cancelled_ns.has_value() && now_ns - std::max(*cancelled_ns, step_started_ns) >= limits_.cancellation_ns &&
                           (reported_step_ns_ == 0 || reported_at_ns_ < *cancelled_ns);
  if (!late && !late_to_end) return Verdict::kFine;
  reported_step_ns_ = step_started_ns;
  reported_at_ns_ = now_ns;
  return Verdict::kStuck;
}

}  // namespace weir
