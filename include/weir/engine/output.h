// Where an operator's rows go: the buffer that Collector<T> writes into and the sink that takes full batches.
#pragma once

#include <algorithm>
#include <memory>
#include <span>

#include <weir/core/record_batch.h>

namespace weir {

// Takes batches of an operator: the next operator of the chain or the result partitions. Thread: task.
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  // Takes all rows. May wait for credit: the one place where a task waits.
  virtual void Push(RecordBatch batch) = 0;
  // Behind all rows pushed before. Sinks for which time does not matter take no notice.
  virtual void PushWatermark(int64_t) {}
};

// Where a batch ends: at so many rows, or behind the row with which its rows own so many bytes beyond their own size.
struct BatchBounds {
  uint32_t rows_max = 1;
  size_t owned_bytes_max = SIZE_MAX;
};

// The batch that an operator fills. Full ones go to the sink. Thread: task.
class OutputBuffer {
 public:
  // `sink` outlives the buffer. Requires: bounds.rows_max >= 1.
  OutputBuffer(const TypeInfo& type, BatchSink& sink, BatchBounds bounds);
  ~OutputBuffer();
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;

  // Room for one row at cursor(); pushes a full batch first.
  void Reserve() {
    if (cursor_ == end_) [[unlikely]] NextBatch();
  }
  std::byte* cursor() { return cursor_; }
  // The row at cursor() is constructed now.
  void Advance(size_t row_bytes) {
    cursor_ += row_bytes;
    if (timestamp_cursor_ != nullptr) *timestamp_cursor_++ = timestamp_;
  }

  // What the row before cursor() owns beyond its own size: the batch ends with it when that is too much.
  void AddOwned(size_t bytes) {
    owned_bytes_ += bytes;
    if (owned_bytes_ >= bounds_.owned_bytes_max) [[unlikely]] end_ = cursor_;
  }
  // Room for `rows` rows, or for fewer but at least one when the batch ends before; pushes a full one first.
  template <class T>
  std::span<T> Room(uint32_t rows) {
    Reserve();
    const size_t left = static_cast<size_t>(end_ - cursor_) / sizeof(T);
    return {reinterpret_cast<T*>(cursor_), std::min<size_t>(rows, left)};
  }
  // The rows of Room() are constructed now; `timestamps` are theirs, null when the batch has none.
  template <class T>
  void Advance(std::span<T> rows, const int64_t* timestamps) {
    cursor_ += rows.size_bytes();
    if (timestamp_cursor_ != nullptr) timestamp_cursor_ = std::copy_n(timestamps, rows.size(), timestamp_cursor_);
  }
  // The next rows have timestamps when those of `input` have.
  void MatchTimestamps(const RecordBatch& input) {
    if (with_timestamps_ != input.has_timestamps()) [[unlikely]] SwitchTimestamps(input.has_timestamps());
  }

  // From the next row on, rows carry `timestamp`. A change between with and without pushes what is there.
  void SetTimestamp(int64_t timestamp) {
    if (!with_timestamps_) [[unlikely]] SwitchTimestamps(true);
    timestamp_ = timestamp;
  }
  void ClearTimestamp() {
    if (with_timestamps_) [[unlikely]] SwitchTimestamps(false);
  }
  // Pushes a partial batch.
  void Flush();

 private:
  void NextBatch();
  void SwitchTimestamps(bool with_timestamps);

  const TypeInfo& type_;
  BatchSink& sink_;
  const BatchBounds bounds_;
  std::shared_ptr<BlockPool> pool_;
  RecordBatch batch_;
  std::byte* cursor_ = nullptr;  // Invariant: [batch rows, cursor_) are constructed.
  std::byte* end_ = nullptr;
  size_t owned_bytes_ = 0;       // Of the rows of batch_.
  int64_t* timestamp_cursor_ = nullptr;
  int64_t timestamp_ = 0;
  bool with_timestamps_ = false;
};

}  // namespace weir
