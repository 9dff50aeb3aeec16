#include "state/rocksdb/rocks_database.h"

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <filesystem>

#include "base/check.h"
#include "base/log.h"
#include "state/rocksdb/rocks_keys.h"
#include "state/rocksdb/ttl_filter.h"
#include "state/rocksdb/unsynced_files.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

rocksdb::CompressionType CompressionOf(RocksCompression compression) {
  switch (compression) {
    case RocksCompression::kNone:
      return rocksdb::kNoCompression;
    case RocksCompression::kSnappy:
      return rocksdb::kSnappyCompression;
    case RocksCompression::kLz4:
      return rocksdb::kLZ4Compression;
    case RocksCompression::kZstd:
      return rocksdb::kZSTD;
  }
  return rocksdb::kNoCompression;
}

rocksdb::Options DatabaseOptions(const RocksOptions& settings, const RocksMemory& memory) {
  rocksdb::Options options;
  options.env = &UnsyncedFiles();
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.error_if_exists = true;
  options.write_buffer_manager = memory.write_buffers();
  options.max_background_jobs = static_cast<int>(memory.background_threads());
  options.max_open_files = settings.open_files_max;
  // State is restored from checkpoints, never from here.
  options.avoid_flush_during_shutdown = true;
  options.allow_concurrent_memtable_write = false;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.keep_log_file_num = 1;
  return options;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const RocksOptions& settings, const RocksMemory& memory) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = std::min(settings.write_buffer_bytes, std::max<uint64_t>(memory.write_buffer_bytes_max(), 64 * 1024));
  options.max_write_buffer_number = static_cast<int>(settings.write_buffer_count);
  options.min_write_buffer_number_to_merge = static_cast<int>(settings.write_buffers_to_merge);
  options.target_file_size_base = settings.file_bytes_base;
  options.max_bytes_for_level_base = settings.level_bytes_base;
  options.level_compaction_dynamic_level_bytes = settings.dynamic_level_bytes;
  for (int level = 0; level < options.num_levels; ++level) {
    const size_t index = std::min<size_t>(static_cast<size_t>(level), settings.compression_per_level.size() - 1);
    options.compression_per_level.push_back(CompressionOf(settings.compression_per_level[index]));
  }
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = memory.cache();
  table.block_size = settings.block_bytes;
  // Within the budget: else files that are open take memory that nobody counts.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  if (settings.bloom_bits_per_key > 0) table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(settings.bloom_bits_per_key));
  if (settings.partitioned_index_filters) {
    table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    table.partition_filters = settings.bloom_bits_per_key > 0;
    table.pin_top_level_index_and_filter = true;
  }
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

Status FromRocks(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return Status::Ok();
  const std::string message = "RocksDB, " + std::string(what) + ": " + status.ToString();
  if (status.IsCorruption()) return Corruption(message);
  return Unavailable(message);
}

RocksDatabase::RocksDatabase(Settings settings, std::shared_ptr<RocksMemory> memory) : settings_(std::move(settings)), memory_(std::move(memory)) {
  CHECK(!settings_.options.compression_per_level.empty());
}

StatusOr<std::shared_ptr<RocksDatabase>> RocksDatabase::Open(Settings settings, std::shared_ptr<RocksMemory> memory) {
  std::error_code error;
  fs::create_directories(fs::path(settings.directory).parent_path(), error);
  if (!fs::create_directory(settings.directory, error))
    return Unavailable("directory of a RocksDB cannot be made, path=" + settings.directory + ": " + error.message());
  std::shared_ptr<RocksDatabase> made(new RocksDatabase(std::move(settings), std::move(memory)));
  const rocksdb::ColumnFamilyOptions family = FamilyOptions(made->settings_.options, *made->memory_);
  // Changes take the family that every database has.
  std::vector<rocksdb::ColumnFamilyDescriptor> families{{rocksdb::kDefaultColumnFamilyName, family}};
  for (const RocksColumn& column : made->settings_.columns) {
    rocksdb::ColumnFamilyDescriptor& descriptor = families.emplace_back("state-" + column.name, family);
    if (column.ttl_ms != 0) descriptor.options.compaction_filter_factory = NewTtlFilterFactory(column.ttl_ms, kStampBytes, made->settings_.now_ms);
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status opened =
      rocksdb::DB::Open(DatabaseOptions(made->settings_.options, *made->memory_), made->settings_.directory, families, &handles, &made->db_);
  if (!opened.ok()) return FromRocks(opened, "opening " + made->settings_.directory);
  made->changes_ = handles[0];
  made->columns_.assign(handles.begin() + 1, handles.end());
  return made;
}

RocksDatabase::~RocksDatabase() {
  if (db_ != nullptr) {
    for (rocksdb::ColumnFamilyHandle* const column : columns_) db_->DestroyColumnFamilyHandle(column);
    db_->DestroyColumnFamilyHandle(changes_);
    if (const rocksdb::Status closed = db_->Close(); !closed.ok())
      LOG_WARN("A RocksDB does not close well, path={}, error={}", settings_.directory, closed.ToString());
    delete db_;
  }
  std::error_code error;
  fs::remove_all(settings_.directory, error);
  if (error) LOG_WARN("Directory of a RocksDB is left behind, path={}, error={}", settings_.directory, error.message());
}

Status RocksDatabase::Write(rocksdb::WriteBatch& batch) const {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return FromRocks(db_->Write(options, &batch), "writing");
}

std::optional<uint64_t> RocksDatabase::Property(uint32_t column, const std::string& name) const {
  uint64_t value = 0;
  if (!db_->GetIntProperty(columns_[column], "rocksdb." + name, &value)) return std::nullopt;
  return value;
}

}  // namespace weir
