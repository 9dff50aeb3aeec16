#include <weir/core/record_batch.h>

#include "base/check.h"
#include "runtime/element/block_pool.h"

namespace weir {
namespace {

constexpr size_t AlignSection(size_t offset) {
  return (offset + RecordBatch::kSectionAlignment - 1) & ~(RecordBatch::kSectionAlignment - 1);
}

}  // namespace

RecordBatch::RecordBatch(const TypeInfo& type, BatchShape shape, std::shared_ptr<BlockPool> pool)
    : type_(&type), pool_(std::move(pool)), shape_(shape) {
  CHECK(type.alignment <= kSectionAlignment);
  CHECK(shape.capacity_rows > 0);
  const size_t column_bytes = size_t{shape.capacity_rows} * 8;
  timestamps_offset_ = kHeaderRoomBytes + (shape.has_hashes ? AlignSection(column_bytes) : 0);
  rows_offset_ = timestamps_offset_ + (shape.has_timestamps ? AlignSection(column_bytes) : 0);
  const size_t total = rows_offset_ + AlignSection(size_t{shape.capacity_rows} * type.size_bytes);
  block_ = pool_ != nullptr ? pool_->Acquire(total) : BlockPool::Allocate(total);
}

RecordBatch::RecordBatch(RecordBatch&& other) noexcept
    : type_(other.type_),
      block_(std::exchange(other.block_, Block{})),
      pool_(std::move(other.pool_)),
      shape_(other.shape_),
      size_(std::exchange(other.size_, 0)),
      owned_bytes_(std::exchange(other.owned_bytes_, 0)),
      timestamps_offset_(other.timestamps_offset_),
      rows_offset_(other.rows_offset_) {}

RecordBatch& RecordBatch::operator=(RecordBatch&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  type_ = other.type_;
  block_ = std::exchange(other.block_, Block{});
  pool_ = std::move(other.pool_);
  shape_ = other.shape_;
  size_ = std::exchange(other.size_, 0);
  owned_bytes_ = std::exchange(other.owned_bytes_, 0);
  timestamps_offset_ = other.timestamps_offset_;
  rows_offset_ = other.rows_offset_;
  return *this;
}

size_t RecordBatch::SizeBytes() const {
  if (!allocated()) return 0;
  const size_t columns = (shape_.has_hashes ? 8 : 0) + (shape_.has_timestamps ? 8 : 0);
  return size_t{size_} * (type_->size_bytes + columns) + owned_bytes_;
}

void RecordBatch::AppendMoved(RecordBatch& other, uint32_t from, uint32_t count) {
  CHECK(type_->size_bytes == other.type_->size_bytes);
  CHECK(shape_.has_hashes == other.shape_.has_hashes && shape_.has_timestamps == other.shape_.has_timestamps);
  CHECK(count <= capacity() - size_ && from + count <= other.size_);
  std::byte* const target = static_cast<std::byte*>(rows()) + size_t{size_} * type_->size_bytes;
  std::byte* const source = static_cast<std::byte*>(other.rows()) + size_t{from} * type_->size_bytes;
  type_->move_construct(target, source, count);
  if (shape_.has_hashes) std::memcpy(hashes() + size_, other.hashes() + from, size_t{count} * 8);
  if (shape_.has_timestamps) std::memcpy(timestamps() + size_, other.timestamps() + from, size_t{count} * 8);
  size_ += count;
}

RecordBatch RecordBatch::Copy() const {
  RecordBatch copy(*type_, shape_, pool_);
  type_->copy_construct(copy.rows(), rows(), size_);
  if (shape_.has_hashes) std::memcpy(copy.hashes(), hashes(), size_t{size_} * 8);
  if (shape_.has_timestamps) std::memcpy(copy.timestamps(), timestamps(), size_t{size_} * 8);
  copy.size_ = size_;
  copy.owned_bytes_ = owned_bytes_;
  return copy;
}

void RecordBatch::Reset() {
  if (block_.data == nullptr) return;
  if (!type_->trivial && size_ > 0) type_->destroy(rows(), size_);
  if (pool_ != nullptr) {
    pool_->Release(block_);
    pool_.reset();
  } else {
    BlockPool::Free(block_);
  }
  block_ = {};
  size_ = 0;
  owned_bytes_ = 0;
}

}  // namespace weir
