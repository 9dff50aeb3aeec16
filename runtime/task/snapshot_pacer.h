// How much of a busy task's time the walk over its state takes.
#pragma once

#include <cstdint>

namespace weir {

// Lets a walk have a fixed share of the time since it began. Slices of an idle slot are not counted: they cost nobody
// anything. Thread: task.
class SnapshotPacer {
 public:
  explicit SnapshotPacer(int64_t began_ns) : began_ns_(began_ns) {}

  // Whether a slice is due though the slot is busy.
  bool Due(int64_t now_ns) const { return spent_ns_ * 100 <= (now_ns - began_ns_) * kPercent; }
  void Spent(int64_t slice_ns) { spent_ns_ += slice_ns; }

 private:
  static constexpr int64_t kPercent = 30;

  int64_t began_ns_;
  int64_t spent_ns_ = 0;  // In slices of a busy slot.
};

}  // namespace weir
