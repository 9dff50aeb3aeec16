// One RocksDB: that of one keyed operator in one subtask.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/status.h>

#include "state/rocksdb/rocks_memory.h"
#include "state/rocksdb/rocks_options.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace weir {

struct RocksColumn {
  std::string name;    // Of the state.
  int64_t ttl_ms = 0;  // Its values begin with their last access, and go in compactions once that is so long ago; 0 = they stay.
};

// kCorruption for damage, kUnavailable for what may pass, a full disk for example; `what` was being done.
Status FromRocks(const rocksdb::Status& status, std::string_view what);

// Owns the database and its directory, which goes with it: nothing in it outlives an attempt. Shared by the rows and by cuts
// that the snapshot pool still reads. Thread-safe.
class RocksDatabase {
 public:
  struct Settings {
    std::string directory;  // Must not exist; its parent is made when it is missing.
    std::vector<RocksColumn> columns;
    RocksOptions options;
    std::function<int64_t()> now_ms;  // Thread-safe. The time by which values expire.
  };
  // kUnavailable when the directory cannot be made, or is there.
  static StatusOr<std::shared_ptr<RocksDatabase>> Open(Settings settings, std::shared_ptr<RocksMemory> memory);
  ~RocksDatabase();
  RocksDatabase(const RocksDatabase&) = delete;
  RocksDatabase& operator=(const RocksDatabase&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* column(uint32_t index) const { return columns_[index]; }
  uint32_t column_count() const { return static_cast<uint32_t>(columns_.size()); }
  rocksdb::ColumnFamilyHandle* changes() const { return changes_; }
  const Settings& settings() const { return settings_; }

  Status Write(rocksdb::WriteBatch& batch) const;
  // A number that RocksDB tells of a state, such as "estimate-num-keys"; nothing when it has no such property.
  std::optional<uint64_t> Property(uint32_t column, const std::string& name) const;

 private:
  RocksDatabase(Settings settings, std::shared_ptr<RocksMemory> memory);

  const Settings settings_;
  const std::shared_ptr<RocksMemory> memory_;
  rocksdb::DB* db_ = nullptr;
  rocksdb::ColumnFamilyHandle* changes_ = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> columns_;
};

}  // namespace weir
