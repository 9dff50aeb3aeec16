#include "taskmanager/worker/state_backend.h"

#include <unistd.h>

#include <string>

#include "proto/messages.pb.h"
#include "state/rocksdb/rocks_backend.h"

namespace weir {

std::shared_ptr<ColdRowsFactory> StateBackendOf(const proto::WorkerSettings& worker) {
  if (!worker.has_rocksdb()) return nullptr;
  const proto::RocksDbSettings& settings = worker.rocksdb();
  RocksBackend::Settings backend;
  backend.directory = settings.directory() + "/" + std::to_string(::getpid());
  backend.slot_bytes = settings.slot_bytes();
  backend.cache_ratio = settings.object_cache_ratio();
  backend.memory.write_buffer_ratio = settings.write_buffer_ratio();
  backend.memory.high_priority_ratio = settings.high_prio_pool_ratio();
  backend.memory.background_threads = settings.thread_num();
  RocksOptions& options = backend.options;
  options.write_buffer_bytes = settings.write_buffer_bytes();
  options.write_buffer_count = settings.write_buffer_count();
  options.write_buffers_to_merge = settings.write_buffers_to_merge();
  options.block_bytes = settings.block_bytes();
  options.bloom_bits_per_key = settings.bloom_bits_per_key();
  options.partitioned_index_filters = settings.partitioned_index_filters();
  options.file_bytes_base = settings.file_bytes_base();
  options.level_bytes_base = settings.level_bytes_base();
  options.dynamic_level_bytes = settings.dynamic_level_bytes();
  options.open_files_max = settings.files_open();
  options.write_batch_bytes = settings.write_batch_bytes();
  options.compression_per_level.clear();
  for (const uint32_t compression : settings.compression_per_level()) options.compression_per_level.push_back(static_cast<RocksCompression>(compression));
  return std::make_shared<RocksBackend>(std::move(backend));
}

}  // namespace weir
