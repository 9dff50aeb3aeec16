// Where a test's rows go that are not in memory: a map, or a RocksDB; each test program links one of the two.
#pragma once

#include <cstdint>
#include <memory>

#include <weir/state/cold_rows.h>

namespace weir::testing {

// `changes_stay`: a mutant that does not take changes back when they are read.
std::unique_ptr<ColdRows> NewColdRows(uint32_t key_group_start, uint32_t key_group_end, uint32_t columns, bool changes_stay = false);
// How many runs of a random test are enough time.
uint32_t ColdRuns(uint32_t runs);

}  // namespace weir::testing
