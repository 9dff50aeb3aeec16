// The rows of one keyed operator in one subtask that do not stand in memory, in a RocksDB.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <weir/state/cold_rows.h>

#include "state/rocksdb/rocks_database.h"

namespace weir {

// A column family per state; key = key group (2 bytes, big-endian), key. Changes since the last cut have a family of their
// own, key = epoch, key group, key, column: so a delta finds them without a look at the rest, however many they are.
// Thread: the owning store's.
class RocksRows final : public ColdRows {
 public:
  struct KeyGroups {
    uint32_t start = 0;
    uint32_t end = 0;  // Inclusive.
  };
  RocksRows(std::shared_ptr<const RocksDatabase> database, KeyGroups key_groups);
  ~RocksRows() override;

  bool MayHold(uint32_t key_group) const override { return held_[key_group - key_groups_.start]; }
  Status Read(std::span<const Key> keys, const std::function<Status(const Found&)>& found) override;
  void Put(const ColdPlace& place, std::string_view value, bool changed) override;
  void Erase(const ColdPlace& place) override;
  Status Write() override;
  StatusOr<std::shared_ptr<const ColdCut>> Cut() override;
  StatusOr<std::shared_ptr<const ColdCut>> View() override;

 private:
  Status ReadColumn(uint32_t column, std::span<const Key> keys, const std::function<Status(const Found&)>& found);
  void WriteIfMuch();

  const std::shared_ptr<const RocksDatabase> database_;
  const KeyGroups key_groups_;
  std::vector<bool> held_;  // By key group.
  uint32_t epoch_ = 1;
  bool has_changes_ = false;  // Of epoch_.
  std::unique_ptr<rocksdb::WriteBatch> batch_;
  Status failure_;  // The first one: nothing is right after it.
  std::string key_;
  std::string value_;
  std::vector<std::string> read_keys_;
};

}  // namespace weir
