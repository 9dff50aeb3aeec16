// When a step of a task takes too long.
#pragma once

#include <cstdint>
#include <optional>

namespace weir {

// Of one task. Pure: facts in, verdict out. Thread: the watchdog's.
class StepWatch {
 public:
  struct Limits {
    int64_t interval_ns = 60'000'000'000;      // task.watchdog-interval: also between two reports of one step.
    int64_t cancellation_ns = 10'000'000'000;  // Of a step that goes on after the task was cancelled.
  };
  enum class Verdict : uint8_t {
    kFine,
    kStuck,   // To be reported now.
    kGoesOn,  // What was reported as stuck is not any more.
  };

  explicit StepWatch(Limits limits) : limits_(limits) {}

  // `step_started_ns`: since when the task has been in its step without a pause; 0 = it is in none, or waits for credit.
  // `cancelled_ns`: when it was cancelled, if it was.
  Verdict Look(int64_t step_started_ns, std::optional<int64_t> cancelled_ns, int64_t now_ns);

 private:
  const Limits limits_;
  int64_t reported_step_ns_ = 0;  // Start of the step that was reported; 0 = none, or it is over.
  int64_t reported_at_ns_ = 0;
};

}  // namespace weir
