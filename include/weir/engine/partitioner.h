// How the rows of an edge find their channel.
#pragma once

#include <cstdint>

namespace weir {

enum class PartitionerKind : uint8_t {
  kForward = 0,
  kRebalance,
  kRescale,
  kShuffle,
  kBroadcast,
  kGlobal,
  kCustom,
  kKeyGroup,
};

}  // namespace weir
