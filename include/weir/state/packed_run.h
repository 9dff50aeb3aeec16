// Room for snapshot records of one size, written one behind the other: key, then value.
#pragma once

#include <cstddef>

namespace weir {

// [at, end) is a multiple of the record's size.
struct PackedRun {
  std::byte* at = nullptr;
  std::byte* end = nullptr;
};

}  // namespace weir
