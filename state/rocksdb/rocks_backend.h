// The state backend "rocksdb" of one worker.
#pragma once

#include <memory>
#include <string>

#include <weir/state/cold_rows_factory.h>

#include "state/rocksdb/rocks_memory.h"
#include "state/rocksdb/rocks_options.h"

namespace weir {

// Makes one database for each keyed operator of a subtask, in a directory of its own below the worker's.
class RocksBackend final : public ColdRowsFactory {
 public:
  struct Settings {
    std::string directory;            // The worker's, made when it is missing. Nothing of it outlives the worker.
    uint64_t slot_bytes = 128 << 20;  // Of a slot for state: rows in memory, blocks and memtables together.
    double cache_ratio = 0.5;         // Of it for rows in memory.
    RocksMemoryLimits memory;         // Its bytes follow from the two above.
    RocksOptions options;
  };
  explicit RocksBackend(Settings settings);

  uint64_t CacheBytesPerSlot() const override;
  void UseSlots(uint32_t slots) override;
  StatusOr<std::unique_ptr<ColdRows>> Make(const Request& request) override;

 private:
  const Settings settings_;
  const std::shared_ptr<RocksMemory> memory_;
};

}  // namespace weir
