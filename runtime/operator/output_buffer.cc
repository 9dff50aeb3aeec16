#include <weir/engine/output.h>

#include <utility>

#include "base/check.h"
#include "runtime/element/block_pool.h"

namespace weir {

OutputBuffer::OutputBuffer(const TypeInfo& type, BatchSink& sink, BatchBounds bounds)
    : type_(type), sink_(sink), bounds_(bounds), pool_(std::make_shared<BlockPool>()) {
  CHECK(bounds.rows_max > 0);
}

OutputBuffer::~OutputBuffer() {
  // After a failure rows may be left: they are destroyed with their batch.
  if (batch_.allocated()) batch_.SetSize(static_cast<uint32_t>((cursor_ - static_cast<std::byte*>(batch_.rows())) / type_.size_bytes));
}

void OutputBuffer::NextBatch() {
  Flush();
  batch_ = RecordBatch(type_, {.capacity_rows = bounds_.rows_max, .has_hashes = false, .has_timestamps = with_timestamps_}, pool_);
  cursor_ = static_cast<std::byte*>(batch_.rows());
  end_ = cursor_ + size_t{bounds_.rows_max} * type_.size_bytes;
  timestamp_cursor_ = with_timestamps_ ? batch_.timestamps() : nullptr;
}

void OutputBuffer::Flush() {
  if (!batch_.allocated()) return;
  std::byte* const begin = static_cast<std::byte*>(batch_.rows());
  if (cursor_ == begin) return;
  batch_.SetSize(static_cast<uint32_t>((cursor_ - begin) / type_.size_bytes), std::exchange(owned_bytes_, 0));
  cursor_ = end_ = nullptr;
  timestamp_cursor_ = nullptr;
  sink_.Push(std::move(batch_));
}

void OutputBuffer::SwitchTimestamps(bool with_timestamps) {
  Flush();
  batch_.Reset();
  cursor_ = end_ = nullptr;
  timestamp_cursor_ = nullptr;
  with_timestamps_ = with_timestamps;
}

}  // namespace weir
