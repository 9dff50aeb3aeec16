// One end of a connection between two threads of a loop: batches handed over by pointer.
#pragma once

#include <sched.h>

#include <array>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

namespace weir::bench {

template <class Row>
struct RowBatch {
  explicit RowBatch(size_t capacity) : rows(new Row[capacity]) {}
  std::unique_ptr<Row[]> rows;
  size_t count = 0;
};

// A bounded queue of pointers between one writing and one reading thread.
template <class T>
class PointerRing {
 public:
  bool Push(T* value) {
    const size_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) == kSlots) return false;
    slots_[head % kSlots] = value;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  T* Pop() {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return nullptr;
    T* const value = slots_[tail % kSlots];
    tail_.store(tail + 1, std::memory_order_release);
    return value;
  }

 private:
  static constexpr size_t kSlots = 16;
  alignas(64) std::atomic<size_t> head_{0};
  alignas(64) std::atomic<size_t> tail_{0};
  alignas(64) std::array<T*, kSlots> slots_{};
};

// Batches from one thread to another, and empty ones back: as many as live are in the rings, so nothing is allocated after
// the start.
template <class Row>
struct MemoryChannel {
  static constexpr size_t kBatches = 8;
  MemoryChannel(size_t batch_rows) {
    for (size_t i = 0; i < kBatches; ++i) {
      batches.push_back(std::make_unique<RowBatch<Row>>(batch_rows));
      empty.Push(batches.back().get());
    }
  }
  PointerRing<RowBatch<Row>> full;
  PointerRing<RowBatch<Row>> empty;
  std::atomic<bool> closed{false};
  std::vector<std::unique_ptr<RowBatch<Row>>> batches;
};

// The same calls as TcpLink. Thread: its worker's.
template <class Row>
class MemoryLink {
 public:
  MemoryLink(std::shared_ptr<MemoryChannel<Row>> out, std::shared_ptr<MemoryChannel<Row>> in) : out_(std::move(out)), in_(std::move(in)) {}

  bool Blocked() {
    if (filling_ == nullptr) filling_ = out_->empty.Pop();
    return filling_ == nullptr;
  }
  void Append(const Row& row) { filling_->rows[filling_->count++] = row; }
  size_t waiting() const { return filling_ == nullptr ? 0 : filling_->count; }
  bool Flush() {
    if (waiting() == 0) return false;
    // There are fewer batches than places for them.
    static_cast<void>(out_->full.Push(std::exchange(filling_, nullptr)));
    return true;
  }
  void CloseSending() { out_->closed.store(true, std::memory_order_release); }

  bool ended() const { return ended_; }
  template <class Take>
  bool Receive(Take&& take) {
    const bool closed = in_->closed.load(std::memory_order_acquire);
    RowBatch<Row>* const batch = in_->full.Pop();
    if (batch == nullptr) {
      ended_ = closed;
      return false;
    }
    take(batch->rows.get(), batch->count);
    batch->count = 0;
    static_cast<void>(in_->empty.Push(batch));
    return true;
  }

 private:
  std::shared_ptr<MemoryChannel<Row>> out_;  // Shared by its two ends.
  std::shared_ptr<MemoryChannel<Row>> in_;
  RowBatch<Row>* filling_ = nullptr;  // Owned by out_.
  bool ended_ = false;
};

template <class Row>
using MemoryLinks = std::vector<std::vector<std::unique_ptr<MemoryLink<Row>>>>;

template <class Row>
MemoryLinks<Row> ShareMemory(uint32_t workers, size_t chunk_rows) {
  MemoryLinks<Row> links(workers);
  for (auto& row : links) row.resize(workers);
  for (uint32_t a = 0; a < workers; ++a) {
    for (uint32_t b = a + 1; b < workers; ++b) {
      auto there = std::make_shared<MemoryChannel<Row>>(chunk_rows);
      auto back = std::make_shared<MemoryChannel<Row>>(chunk_rows);
      links[a][b] = std::make_unique<MemoryLink<Row>>(there, back);
      links[b][a] = std::make_unique<MemoryLink<Row>>(back, there);
    }
  }
  return links;
}

}  // namespace weir::bench
