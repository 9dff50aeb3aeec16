// Clocks as a seam: code that measures time takes a Clock, tests give it a ManualClock.
#pragma once

#include <cstdint>

namespace weir {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t MonotonicNanos() const = 0;   // For durations and time-outs (R30). Never goes back.
  virtual int64_t WallMillis() const = 0;       // Unix time: for people, file names, and processing time.
  int64_t MonotonicMillis() const { return MonotonicNanos() / 1'000'000; }
};

// The system's clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
  int64_t MonotonicNanos() const override;
  int64_t WallMillis() const override;
};

// Stands still until told. Thread-compatible.
class ManualClock final : public Clock {
 public:
  int64_t MonotonicNanos() const override { return nanos_; }
  int64_t WallMillis() const override { return 1'700'000'000'000 + nanos_ / 1'000'000; }
  void AdvanceMillis(int64_t millis) { nanos_ += millis * 1'000'000; }

 private:
  int64_t nanos_ = 0;
};

}  // namespace weir
