// How much of a busy task's time the walk over its state takes.
#pragma once

#include <cstdint>

namespace weir {

// Lets a walk have a fixed share of the time since it began, and a larger one for a moment at first: a short walk, over the
// few rows that changed, is over before anybody feels it. Slices of an idle slot are not counted: they cost nobody anything.
// Thread: task.
class SnapshotPacer {
 public:
  explicit SnapshotPacer(int64_t began_ns) : began_ns_(began_ns) {}

  // Whether a slice is due though the slot is busy.
  bool Due(int64_t now_ns) const {
    const int64_t passed_ns = now_ns - began_ns_;
    const int64_t at_first_ns = passed_ns < kFirstNs ? passed_ns : kFirstNs;
    return spent_ns_ * 100 <= passed_ns * kPercent + at_first_ns * kMoreAtFirstPercent;
  }
  void Spent(int64_t slice_ns) { spent_ns_ += slice_ns; }

 private:
  static constexpr int64_t kPercent = 30;
  static constexpr int64_t kMoreAtFirstPercent = 30;
  static constexpr int64_t kFirstNs = 150'000'000;

  int64_t began_ns_;
  int64_t spent_ns_ = 0;  // In slices of a busy slot.
};

}  // namespace weir
