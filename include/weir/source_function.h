// The short form of a source: a function that is asked for records again and again.
#pragma once

#include <cstdint>

#include <weir/collector.h>
#include <weir/runtime_context.h>

namespace weir {

// What a SourceFunction emits into.
template <class T>
class SourceContext {
 public:
  explicit SourceContext(OutputBuffer& buffer) : buffer_(buffer) {}
  // Without a timestamp.
  void Collect(T value) {
    buffer_.ClearTimestamp();
    Collector<T>(buffer_).Collect(std::move(value));
  }
  // `timestamp_ms`: event time.
  void CollectWithTimestamp(T value, int64_t timestamp_ms) {
    buffer_.SetTimestamp(timestamp_ms);
    Collector<T>(buffer_).Collect(std::move(value));
  }

 private:
  OutputBuffer& buffer_;
};

// Runs once per subtask. Checkpoints are taken between two calls of Next only: what one call emits and what it changes in the
// function (its position, say, kept as operator state by CheckpointedFunction) belong together, without a lock. For input
// that is read in parts, or shared between subtasks, there is weir::Source. Thread: task.
template <class T>
class SourceFunction : public RichFunction {
 public:
  using OutputType = T;
  // Emits some records, one to a few thousand; false when there are no more. Must not block for long.
  virtual bool Next(SourceContext<T>& out) = 0;
};

}  // namespace weir
