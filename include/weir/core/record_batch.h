// RecordBatch: the unit of exchange. Rows of one type in one block of memory, with their key hashes and timestamps.
//
// Block: [wire header room 64 B][hashes 8 B x capacity][timestamps 8 B x capacity][rows], each section on 64 bytes,
// hashes and timestamps only when the batch has them. A batch of a flat type is thereby its own wire image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <weir/core/status.h>
#include <weir/core/type_info.h>

namespace weir {

class BlockPool;

// Memory of one batch. Owned by one RecordBatch at a time; goes back to the pool it came from.
struct Block {
  std::byte* data = nullptr;  // 64-byte aligned.
  size_t size_bytes = 0;
};

struct BatchShape {
  uint32_t capacity_rows = 0;
  bool has_hashes = false;
  bool has_timestamps = false;
  bool operator==(const BatchShape&) const = default;
};

// Move-only, one owner. Destroys its rows and returns its block. Not thread-safe; may move between threads.
class RecordBatch {
 public:
  static constexpr size_t kSectionAlignment = 64;
  static constexpr size_t kHeaderRoomBytes = 64;

  RecordBatch() = default;
  // From `pool`, or from the heap when null. Aborts only when memory is exhausted.
  RecordBatch(const TypeInfo& type, BatchShape shape, std::shared_ptr<BlockPool> pool = nullptr);
  RecordBatch(RecordBatch&& other) noexcept;
  RecordBatch& operator=(RecordBatch&& other) noexcept;
  ~RecordBatch() { Reset(); }

  bool allocated() const { return block_.data != nullptr; }
  uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  uint32_t capacity() const { return shape_.capacity_rows; }
  const BatchShape& shape() const { return shape_; }
  const TypeInfo& type() const { return *type_; }
  bool has_hashes() const { return shape_.has_hashes; }
  bool has_timestamps() const { return shape_.has_timestamps; }

  void* rows() { return block_.data + rows_offset_; }
  const void* rows() const { return block_.data + rows_offset_; }
  template <class T>
  T* Rows() {
    return static_cast<T*>(rows());
  }
  template <class T>
  const T* Rows() const {
    return static_cast<const T*>(rows());
  }
  uint64_t* hashes() { return reinterpret_cast<uint64_t*>(block_.data + kHeaderRoomBytes); }
  const uint64_t* hashes() const { return reinterpret_cast<const uint64_t*>(block_.data + kHeaderRoomBytes); }
  int64_t* timestamps() { return reinterpret_cast<int64_t*>(block_.data + timestamps_offset_); }
  const int64_t* timestamps() const { return reinterpret_cast<const int64_t*>(block_.data + timestamps_offset_); }
  std::byte* header_room() { return block_.data; }

  // Declares that the first `rows` rows are constructed and own `owned_bytes` beyond their own size (OwnedBytes). Requires:
  // rows <= capacity().
  void SetSize(uint32_t rows, size_t owned_bytes = 0) {
    size_ = rows;
    owned_bytes_ = owned_bytes;
  }
  // Bytes that this batch counts for in bounds: its rows, its columns and what the rows were declared to own.
  size_t SizeBytes() const;

  // Moves rows [from, from + count) of `other` behind the own ones; they stay constructed, moved-from, in `other`.
  // Requires: same type and shape flags, size() + count <= capacity().
  void AppendMoved(RecordBatch& other, uint32_t from, uint32_t count);
  // A deep copy, in a block of the same pool.
  RecordBatch Copy() const;

  void Reset();

 private:
  const TypeInfo* type_ = nullptr;
  Block block_;
  std::shared_ptr<BlockPool> pool_;
  BatchShape shape_;
  uint32_t size_ = 0;
  size_t owned_bytes_ = 0;
  size_t timestamps_offset_ = 0;
  size_t rows_offset_ = 0;
};

// An immutable batch that several consumers share (broadcast, in-flight capture). Consumers copy what they keep.
using FrozenBatch = std::shared_ptr<const RecordBatch>;

}  // namespace weir
