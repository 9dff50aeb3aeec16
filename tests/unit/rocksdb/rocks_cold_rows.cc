#include <atomic>
#include <string>

#include "base/check.h"
#include "state/rocksdb/rocks_rows.h"
#include "tests/unit/backend/new_cold_rows.h"
#include "tests/unit/base/temporary_directory.h"

namespace weir::testing {

std::unique_ptr<ColdRows> NewColdRows(uint32_t key_group_start, uint32_t key_group_end, uint32_t columns, bool changes_stay) {
  CHECK(!changes_stay);  // A mutant of the map only.
  static const TemporaryDirectory directory;
  static const auto memory = std::make_shared<RocksMemory>(RocksMemoryLimits{.bytes = 32 << 20});
  static std::atomic<int> number = 0;
  RocksDatabase::Settings settings;
  settings.directory = directory.Path(std::to_string(++number));
  for (uint32_t i = 0; i < columns; ++i) settings.columns.push_back({"state" + std::to_string(i)});
  StatusOr<std::shared_ptr<RocksDatabase>> database = RocksDatabase::Open(std::move(settings), memory);
  CHECK(database.ok());
  return std::make_unique<RocksRows>(*database, RocksRows::KeyGroups{key_group_start, key_group_end});
}

// Each opens a dozen databases.
uint32_t ColdRuns(uint32_t runs) { return runs / 400; }

}  // namespace weir::testing
