#include "taskmanager/rocksdb_settings.h"

#include <algorithm>

#include "base/options.h"
#include "base/status_macros.h"
#include "proto/messages.pb.h"

namespace weir {
namespace {

constexpr uint64_t kSlotBytesMin = 1024 * 1024;

// By the names of Flink; the numbers are those of RocksCompression.
constexpr std::string_view kCompressions[] = {"NO_COMPRESSION", "SNAPPY_COMPRESSION", "LZ4_COMPRESSION", "ZSTD_COMPRESSION"};

Status SetCompressions(const Configuration& merged, proto::RocksDbSettings& settings) {
  const std::vector<std::string> names = merged.Get(options::kStateBackendRocksDbCompressionPerLevel);
  for (const std::string& name : names) {
    const auto* const found = std::find(std::begin(kCompressions), std::end(kCompressions), name);
    if (found == std::end(kCompressions)) {
      return InvalidArgument("state.backend.rocksdb.compression.per.level: there is no \"" + name +
                             "\", there are NO_COMPRESSION, SNAPPY_COMPRESSION, LZ4_COMPRESSION and ZSTD_COMPRESSION");
    }
    settings.add_compression_per_level(static_cast<uint32_t>(found - std::begin(kCompressions)));
  }
  return names.empty() ? InvalidArgument("state.backend.rocksdb.compression.per.level names none") : Status::Ok();
}

Status SetMemory(const Configuration& own, const Configuration& merged, proto::RocksDbSettings& settings) {
  const double process_bytes = static_cast<double>(own.Get(options::kTaskManagerMemoryProcessSize).bytes);
  const double slots = static_cast<double>(own.Get(options::kTaskManagerNumberOfTaskSlots));
  settings.set_slot_bytes(static_cast<uint64_t>(process_bytes * own.Get(options::kTaskManagerMemoryManagedFraction) / slots));
  settings.set_object_cache_ratio(merged.Get(options::kStateBackendRocksDbMemoryObjectCacheRatio));
  settings.set_write_buffer_ratio(merged.Get(options::kStateBackendRocksDbMemoryWriteBufferRatio));
  settings.set_high_prio_pool_ratio(merged.Get(options::kStateBackendRocksDbMemoryHighPrioPoolRatio));
  settings.set_partitioned_index_filters(merged.Get(options::kStateBackendRocksDbMemoryPartitionedIndexFilters));
  if (settings.slot_bytes() < kSlotBytesMin) return InvalidArgument("taskmanager.memory.managed.fraction leaves less than 1mb for the state of a slot");
  if (settings.object_cache_ratio() <= 0 || settings.object_cache_ratio() >= 1) {
    return InvalidArgument("state.backend.rocksdb.memory.object-cache-ratio must be more than 0 and less than 1");
  }
  if (settings.write_buffer_ratio() <= 0 || settings.write_buffer_ratio() + settings.high_prio_pool_ratio() >= 1) {
    return InvalidArgument("state.backend.rocksdb.memory.write-buffer-ratio must be more than 0, and together with high-prio-pool-ratio less than 1");
  }
  return Status::Ok();
}

Status SetWriteBuffers(const Configuration& merged, proto::RocksDbSettings& settings) {
  settings.set_write_buffer_bytes(static_cast<uint64_t>(merged.Get(options::kStateBackendRocksDbWriteBufferSize).bytes));
  settings.set_write_buffer_count(static_cast<uint32_t>(merged.Get(options::kStateBackendRocksDbWriteBufferCount)));
  settings.set_write_buffers_to_merge(static_cast<uint32_t>(merged.Get(options::kStateBackendRocksDbWriteBufferNumberToMerge)));
  if (settings.write_buffers_to_merge() < settings.write_buffer_count()) return Status::Ok();
  return InvalidArgument("state.backend.rocksdb.writebuffer.number-to-merge must be less than state.backend.rocksdb.writebuffer.count");
}

}  // namespace

Status SetRocksDb(const Configuration& own, const Configuration& merged, proto::RocksDbSettings& settings) {
  RETURN_IF_ERROR(SetMemory(own, merged, settings));
  RETURN_IF_ERROR(SetWriteBuffers(merged, settings));
  RETURN_IF_ERROR(SetCompressions(merged, settings));
  settings.set_thread_num(static_cast<uint32_t>(merged.Get(options::kStateBackendRocksDbThreadNum)));
  settings.set_files_open(static_cast<int32_t>(merged.Get(options::kStateBackendRocksDbFilesOpen)));
  settings.set_block_bytes(static_cast<uint64_t>(merged.Get(options::kStateBackendRocksDbBlockBlockSize).bytes));
  const bool filters = merged.Get(options::kStateBackendRocksDbUseBloomFilter);
  settings.set_bloom_bits_per_key(filters ? merged.Get(options::kStateBackendRocksDbBloomFilterBitsPerKey) : 0);
  settings.set_file_bytes_base(static_cast<uint64_t>(merged.Get(options::kStateBackendRocksDbCompactionLevelTargetFileSizeBase).bytes));
  settings.set_level_bytes_base(static_cast<uint64_t>(merged.Get(options::kStateBackendRocksDbCompactionLevelMaxSizeLevelBase).bytes));
  settings.set_dynamic_level_bytes(merged.Get(options::kStateBackendRocksDbCompactionLevelUseDynamicSize));
  settings.set_write_batch_bytes(static_cast<uint64_t>(merged.Get(options::kStateBackendRocksDbWriteBatchSize).bytes));
  return Status::Ok();
}

}  // namespace weir
