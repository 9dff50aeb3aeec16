// WatermarkStrategy<T>: where the timestamps of a stream come from, and how far event time has come.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace weir {

// What a generator says: no record with this timestamp or an earlier one is expected any more.
class WatermarkOutput {
 public:
  // One that is not beyond the last changes nothing.
  void EmitWatermark(int64_t watermark_ms) { watermark_ms_ = std::max(watermark_ms_.value_or(INT64_MIN), watermark_ms); }

  // ---- For the engine ----
  std::optional<int64_t> Take() { return std::exchange(watermark_ms_, std::nullopt); }

 private:
  std::optional<int64_t> watermark_ms_;
};

// One per subtask. Thread: task.
template <class T>
class WatermarkGenerator {
 public:
  virtual ~WatermarkGenerator() = default;
  // After the record was emitted.
  virtual void OnEvent(const T& record, int64_t timestamp_ms, WatermarkOutput& output) = 0;
  // Every pipeline.auto-watermark-interval.
  virtual void OnPeriodicEmit(WatermarkOutput& output) = 0;
};

template <class T>
class WatermarkStrategy {
 public:
  // Yields the timestamp of a record in milliseconds. `previous`: what it had before, INT64_MIN for none.
  using BatchAssigner = std::function<void(const T* rows, uint32_t count, const int64_t* previous, int64_t* timestamps)>;
  using GeneratorFactory = std::function<std::unique_ptr<WatermarkGenerator<T>>()>;

  // Records are at most this late behind the latest one. std::invalid_argument for a negative duration.
  static WatermarkStrategy ForBoundedOutOfOrderness(std::chrono::milliseconds delay) {
    if (delay.count() < 0) throw std::invalid_argument("out-of-orderness must not be negative: " + std::to_string(delay.count()) + " ms");
    WatermarkStrategy strategy;
    strategy.delay_ms_ = delay.count();
    return strategy;
  }
  // Timestamps never fall.
  static WatermarkStrategy ForMonotonousTimestamps() { return ForBoundedOutOfOrderness(std::chrono::milliseconds(0)); }
  static WatermarkStrategy NoWatermarks() { return WatermarkStrategy(); }
  static WatermarkStrategy ForGenerator(GeneratorFactory factory) {
    WatermarkStrategy strategy;
    strategy.generator_factory_ = std::move(factory);
    return strategy;
  }

  // [](const Record&) { return milliseconds; } or with the previous timestamp as second argument. Without one, records keep
  // the timestamps that they have; a record without any fails the task.
  template <class Assigner>
  WatermarkStrategy WithTimestampAssigner(Assigner assigner) const {
    static_assert(std::is_invocable_r_v<int64_t, Assigner&, const T&> || std::is_invocable_r_v<int64_t, Assigner&, const T&, int64_t>,
                  "a timestamp assigner is [](const Record&) { return milliseconds; }");
    WatermarkStrategy strategy = *this;
    strategy.assigner_ = [assigner](const T* rows, uint32_t count, const int64_t* previous, int64_t* timestamps) mutable {
      for (uint32_t i = 0; i < count; ++i) {
        if constexpr (std::is_invocable_r_v<int64_t, Assigner&, const T&>) {
          (void)previous;
          timestamps[i] = assigner(rows[i]);
        } else {
          timestamps[i] = assigner(rows[i], previous != nullptr ? previous[i] : INT64_MIN);
        }
      }
    };
    return strategy;
  }

  // ---- For the engine ----
  const BatchAssigner& assigner() const { return assigner_; }
  const GeneratorFactory& generator_factory() const { return generator_factory_; }
  // Of bounded out-of-orderness; nothing for other strategies.
  std::optional<int64_t> delay_ms() const { return delay_ms_; }

 private:
  WatermarkStrategy() = default;

  BatchAssigner assigner_;
  GeneratorFactory generator_factory_;
  std::optional<int64_t> delay_ms_;
};

}  // namespace weir
