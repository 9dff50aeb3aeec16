#include "state/rocksdb/rocks_memory.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/write_buffer_manager.h>

#include "base/check.h"

namespace weir {
namespace {

// RocksDB lets memtables grow to half beyond their share before it flushes: the factors, those of Flink, leave room for that.
uint64_t CacheBytes(const RocksMemoryLimits& limits, uint64_t bytes) {
  return static_cast<uint64_t>((3 - limits.write_buffer_ratio) * static_cast<double>(bytes) / 3);
}
uint64_t WriteBufferBytes(const RocksMemoryLimits& limits, uint64_t bytes) {
  return static_cast<uint64_t>(2 * static_cast<double>(bytes) * limits.write_buffer_ratio / 3);
}

}  // namespace

RocksMemory::RocksMemory(const RocksMemoryLimits& limits) : limits_(limits) {
  CHECK(limits.bytes > 0);
  CHECK(limits.write_buffer_ratio > 0 && limits.write_buffer_ratio + limits.high_priority_ratio < 1);
  CHECK(limits.background_threads > 0);
  cache_ = rocksdb::NewLRUCache(CacheBytes(limits, limits.bytes), /*num_shard_bits=*/-1, /*strict_capacity_limit=*/false, limits.high_priority_ratio);
  write_buffers_ = std::make_shared<rocksdb::WriteBufferManager>(WriteBufferBytes(limits, limits.bytes), cache_);
  // Those of the process: there is one worker in it.
  rocksdb::Env::Default()->SetBackgroundThreads(static_cast<int>(limits.background_threads), rocksdb::Env::LOW);
  rocksdb::Env::Default()->SetBackgroundThreads(1, rocksdb::Env::HIGH);
}

RocksMemory::~RocksMemory() = default;

uint64_t RocksMemory::write_buffer_bytes_max() const { return write_buffers_->buffer_size(); }

void RocksMemory::Resize(uint64_t bytes) {
  cache_->SetCapacity(CacheBytes(limits_, bytes));
  write_buffers_->SetBufferSize(WriteBufferBytes(limits_, bytes));
}

uint64_t RocksMemory::used_bytes() const { return cache_->GetUsage(); }

}  // namespace weir
