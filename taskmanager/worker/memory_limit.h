// How much memory a worker may use, and how much it does.
#pragma once

#include <cstdint>

namespace weir {

// The share of `bytes_max` that `slots_used` of `slots_total` slots have; all of it as long as no slot is known.
uint64_t MemoryShare(uint64_t bytes_max, uint32_t slots_total, uint32_t slots_used);

// Resident bytes of this process without pages of files that the kernel can drop; 0 when /proc cannot be read.
uint64_t ResidentBytes();

}  // namespace weir
