#include "state/rocksdb/rocks_memory.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/write_buffer_manager.h>

#include "base/check.h"

namespace weir {
namespace {

// RocksDB counts a memtable when it is allocated and wants some room beyond what is charged: the factors are those of
// Flink, which derived them from WriteBufferManager::ShouldFlush.
uint64_t CacheBytes(const RocksMemoryLimits& limits) { return static_cast<uint64_t>((3 - limits.write_buffer_ratio) * static_cast<double>(limits.bytes) / 3); }
uint64_t WriteBufferBytes(const RocksMemoryLimits& limits) {
  return static_cast<uint64_t>(2 * static_cast<double>(limits.bytes) * limits.write_buffer_ratio / 3);
}

}  // namespace

RocksMemory::RocksMemory(const RocksMemoryLimits& limits) : write_buffer_bytes_max_(WriteBufferBytes(limits)), background_threads_(limits.background_threads) {
  CHECK(limits.bytes > 0);
  CHECK(limits.write_buffer_ratio > 0 && limits.write_buffer_ratio + limits.high_priority_ratio < 1);
  CHECK(limits.background_threads > 0);
  cache_ = rocksdb::NewLRUCache(CacheBytes(limits), /*num_shard_bits=*/-1, /*strict_capacity_limit=*/false, limits.high_priority_ratio);
  write_buffers_ = std::make_shared<rocksdb::WriteBufferManager>(write_buffer_bytes_max_, cache_);
  // Those of the process: there is one worker in it.
  rocksdb::Env::Default()->SetBackgroundThreads(static_cast<int>(background_threads_), rocksdb::Env::LOW);
  rocksdb::Env::Default()->SetBackgroundThreads(1, rocksdb::Env::HIGH);
}

RocksMemory::~RocksMemory() = default;

uint64_t RocksMemory::used_bytes() const { return cache_->GetUsage(); }

}  // namespace weir
