// What all RocksDBs of a worker share: one budget of memory, one set of background threads.
#pragma once

#include <memory>

#include "state/rocksdb/rocks_options.h"

namespace rocksdb {
class Cache;
class Env;
class WriteBufferManager;
}  // namespace rocksdb

namespace weir {

// Memtables are charged to the block cache, so that both together stay within the budget. A database that writes while
// memtables are over their share flushes; until that is done it may go beyond the budget by the write buffers that it has
// left. (RocksDB could have it wait instead: for ever, when idle databases of the same thread hold the share.) Thread-safe.
// Lives as long as any database that uses it.
class RocksMemory {
 public:
  explicit RocksMemory(const RocksMemoryLimits& limits);
  ~RocksMemory();
  RocksMemory(const RocksMemory&) = delete;
  RocksMemory& operator=(const RocksMemory&) = delete;

  const std::shared_ptr<rocksdb::Cache>& cache() const { return cache_; }
  const std::shared_ptr<rocksdb::WriteBufferManager>& write_buffers() const { return write_buffers_; }
  uint32_t background_threads() const { return limits_.background_threads; }
  // Of memtables at most before a database flushes: what a single write buffer should not exceed.
  uint64_t write_buffer_bytes_max() const;
  // The budget from now on; what is beyond it goes.
  void Resize(uint64_t bytes);
  uint64_t used_bytes() const;  // Blocks and memtables, as they are charged.

 private:
  const RocksMemoryLimits limits_;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers_;
};

}  // namespace weir
