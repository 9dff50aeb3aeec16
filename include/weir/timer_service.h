// Timers and clocks as a process function sees them.
#pragma once

#include <cstdint>

namespace weir {

// Fixed numbers: they are part of snapshots.
enum class TimeDomain : uint8_t { kEventTime = 0, kProcessingTime = 1 };

// Times are milliseconds; event time as the records' timestamps say, processing time since the epoch. A timer belongs to the
// key that is being processed and to its timestamp: registered twice it fires once. It calls the function's OnTimer. Timers are
// state: part of every checkpoint and savepoint.
// std::logic_error: a timer outside of a keyed stream, where no key is current, or of a function without OnTimer. Thread: task.
class TimerService {
 public:
  virtual ~TimerService() = default;
  virtual int64_t CurrentProcessingTime() const = 0;
  // INT64_MIN before the first watermark, INT64_MAX once all input has ended.
  virtual int64_t CurrentWatermark() const = 0;
  // Fires when the watermark reaches `timestamp_ms`; one that it has reached already with the watermark's next advance.
  virtual void RegisterEventTimeTimer(int64_t timestamp_ms) = 0;
  // Fires once the clock has passed `timestamp_ms`. Those left when the input has ended do not fire.
  virtual void RegisterProcessingTimeTimer(int64_t timestamp_ms) = 0;
  // Nothing happens when there is no such timer.
  virtual void DeleteEventTimeTimer(int64_t timestamp_ms) = 0;
  virtual void DeleteProcessingTimeTimer(int64_t timestamp_ms) = 0;
};

}  // namespace weir
