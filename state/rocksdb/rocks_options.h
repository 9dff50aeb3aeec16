// How the RocksDBs of a worker are set up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

enum class RocksCompression : uint8_t { kNone, kSnappy, kLz4, kZstd };

// Each field does what the option of Flink does of that name.
struct RocksOptions {
  uint64_t write_buffer_bytes = 64ull << 20;  // Of one column family.
  uint32_t write_buffer_count = 2;
  uint32_t write_buffers_to_merge = 1;
  uint64_t block_bytes = 4'096;
  double bloom_bits_per_key = 10;  // 0 = no filter.
  bool partitioned_index_filters = false;
  uint64_t file_bytes_base = 64ull << 20;  // Of level 1.
  uint64_t level_bytes_base = 256ull << 20;
  bool dynamic_level_bytes = false;
  int32_t open_files_max = -1;                                                        // -1 = no limit.
  std::vector<RocksCompression> compression_per_level = {RocksCompression::kSnappy};  // The last one serves all deeper levels.
  uint64_t write_batch_bytes = 2ull << 20;                                            // Changes that are collected before they are written.
};

// The memory that all RocksDBs of a worker share.
struct RocksMemoryLimits {
  uint64_t bytes = 128ull << 20;     // Blocks, filters, indexes and memtables together.
  double write_buffer_ratio = 0.5;   // Of it for memtables.
  double high_priority_ratio = 0.1;  // Of it for indexes and filters.
  uint32_t background_threads = 2;   // For flushes and compactions.
};

}  // namespace weir
