// Recycles the memory of batches, so that a running pipeline allocates nothing.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include <weir/core/record_batch.h>

namespace weir {

// Keeps up to `blocks_max` idle blocks, last used first. Thread-safe: a batch is often freed by its consumer's thread.
class BlockPool {
 public:
  explicit BlockPool(size_t blocks_max = 64) : blocks_max_(blocks_max) {}
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // At least `size_bytes`, 64-byte aligned, content undefined.
  Block Acquire(size_t size_bytes);
  void Release(Block block);

  static Block Allocate(size_t size_bytes);
  static void Free(Block block);

 private:
  const size_t blocks_max_;
  std::mutex mutex_;
  std::vector<Block> idle_;  // Guarded by mutex_.
};

}  // namespace weir
