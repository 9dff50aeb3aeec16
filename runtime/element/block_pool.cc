#include "runtime/element/block_pool.h"

#include <new>

namespace weir {

BlockPool::~BlockPool() {
  for (const Block& block : idle_) Free(block);
}

Block BlockPool::Acquire(size_t size_bytes) {
  {
    std::lock_guard lock(mutex_);
    // Blocks of one pool are of one or two sizes, so the newest one nearly always fits.
    if (!idle_.empty() && idle_.back().size_bytes >= size_bytes && idle_.back().size_bytes <= 2 * size_bytes) {
      const Block block = idle_.back();
      idle_.pop_back();
      return block;
    }
  }
  return Allocate(size_bytes);
}

void BlockPool::Release(Block block) {
  {
    std::lock_guard lock(mutex_);
    if (idle_.size() < blocks_max_) {
      idle_.push_back(block);
      return;
    }
  }
  Free(block);
}

Block BlockPool::Allocate(size_t size_bytes) {
  return {static_cast<std::byte*>(::operator new(size_bytes, std::align_val_t{RecordBatch::kSectionAlignment})), size_bytes};
}

void BlockPool::Free(Block block) { ::operator delete(block.data, std::align_val_t{RecordBatch::kSectionAlignment}); }

}  // namespace weir
