// What travels in a channel, in order.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "base/ids.h"
#include "base/savepoint_order.h"
#include <weir/core/record_batch.h>

namespace weir {

constexpr int64_t kMinWatermark = std::numeric_limits<int64_t>::min();
constexpr int64_t kMaxWatermark = std::numeric_limits<int64_t>::max();

enum class ElementKind : uint8_t {
  kBatch = 1,      // Rows owned by the receiver, or a frozen batch that it shares.
  kWatermark = 2,
  kStatus = 3,
  kBarrier = 4,
  kEndOfInput = 6,  // Nothing follows, no barrier either: the producer has ended.
};

// kDrained: no more records, but barriers still follow until the producer ends (R25).
enum class StreamStatus : uint8_t { kActive = 0, kIdle = 1, kDrained = 2 };

// One checkpoint's cut in a channel.
struct CheckpointBarrier {
  CheckpointId id;
  int64_t timestamp_ms = 0;  // Wall clock of the trigger, for people and metrics.
  // Null: a checkpoint. Shared: each channel carries it, and so do the tasks it passes.
  std::shared_ptr<const SavepointOrder> savepoint;
  bool stops() const { return savepoint != nullptr && savepoint->stops; }
};

// Move-only, since a batch has one owner.
struct Element {
  ElementKind kind = ElementKind::kBatch;
  RecordBatch batch;   // kBatch, unless frozen is set.
  FrozenBatch frozen;  // kBatch shared by several channels.
  int64_t watermark = kMinWatermark;
  StreamStatus status = StreamStatus::kActive;
  CheckpointBarrier barrier;

  static Element Batch(RecordBatch batch) {
    Element element;
    element.batch = std::move(batch);
    return element;
  }
  static Element Frozen(FrozenBatch frozen) {
    Element element;
    element.frozen = std::move(frozen);
    return element;
  }
  static Element Watermark(int64_t watermark) {
    Element element;
    element.kind = ElementKind::kWatermark;
    element.watermark = watermark;
    return element;
  }
  static Element Status(StreamStatus status) {
    Element element;
    element.kind = ElementKind::kStatus;
    element.status = status;
    return element;
  }
  static Element Barrier(CheckpointBarrier barrier) {
    Element element;
    element.kind = ElementKind::kBarrier;
    element.barrier = std::move(barrier);
    return element;
  }
  static Element EndOfInput() {
    Element element;
    element.kind = ElementKind::kEndOfInput;
    return element;
  }
  bool IsBatch() const { return kind == ElementKind::kBatch; }
  const RecordBatch& rows() const { return frozen != nullptr ? *frozen : batch; }
};

}  // namespace weir
