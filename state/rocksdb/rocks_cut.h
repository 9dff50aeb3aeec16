// What a RocksDatabase held at one moment.
#pragma once

#include <memory>

#include <weir/state/cold_rows.h>

#include "state/rocksdb/rocks_database.h"

namespace rocksdb {
class Snapshot;
}

namespace weir {

// Holds a snapshot of the database, and the changes of one epoch, which go with it.
class RocksCut final : public ColdCut {
 public:
  // `has_changes`: whether there are any of `epoch`.
  RocksCut(std::shared_ptr<const RocksDatabase> database, uint32_t epoch, bool has_changes);
  ~RocksCut() override;
  RocksCut(const RocksCut&) = delete;
  RocksCut& operator=(const RocksCut&) = delete;

  std::unique_ptr<ColdCursor> Values() const override;
  std::unique_ptr<ColdCursor> Changes() const override;

 private:
  const std::shared_ptr<const RocksDatabase> database_;
  const uint32_t epoch_;
  const bool has_changes_;
  const rocksdb::Snapshot* const snapshot_;
};

}  // namespace weir
