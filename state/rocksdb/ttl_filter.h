// Lets values go whose time-to-live is over, as compactions meet them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace rocksdb {
class CompactionFilterFactory;
}

namespace weir {

// `value_offset`: where a value has its time of last access. `now_ms` is called from RocksDB's threads.
std::shared_ptr<rocksdb::CompactionFilterFactory> NewTtlFilterFactory(int64_t ttl_ms, size_t value_offset, std::function<int64_t()> now_ms);

}  // namespace weir
