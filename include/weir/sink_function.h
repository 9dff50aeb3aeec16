// The short form of a sink: a function per record, without transactions.
#pragma once

#include <cstdint>
#include <optional>

#include <weir/runtime_context.h>

namespace weir {

// What a SinkFunction may ask about the record.
class SinkFunctionContext {
 public:
  std::optional<int64_t> Timestamp() const { return timestamp_; }
  // Milliseconds; INT64_MIN before the first watermark.
  int64_t CurrentWatermark() const { return watermark_ms_; }

  // ---- For the engine ----
  void SetTimestamp(std::optional<int64_t> timestamp) { timestamp_ = timestamp; }
  void SetWatermark(int64_t watermark_ms) { watermark_ms_ = watermark_ms; }

 private:
  std::optional<int64_t> timestamp_;
  int64_t watermark_ms_ = INT64_MIN;
};

// At least once: after a failure records are invoked again, unless the function keeps what it has not written as operator
// state (CheckpointedFunction). For exactly-once output there is weir::Sink.
template <class T>
class SinkFunction : public RichFunction {
 public:
  using InputType = T;
  virtual void Invoke(const T& value, const SinkFunctionContext& context) = 0;
  // All input was processed.
  virtual void Finish() {}
};

}  // namespace weir
