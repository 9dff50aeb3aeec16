// Port ranges as the configuration writes them: "0", "50100", "50100-50200", or several with commas, tried in order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/status.h>

namespace weir {

struct PortRange {
  struct Interval {
    uint16_t first = 0;  // 0 (then last is 0 too) = any free port.
    uint16_t last = 0;   // Inclusive; never less than first.
    bool operator==(const Interval&) const = default;
  };
  std::vector<Interval> intervals;  // At least one.
  bool operator==(const PortRange&) const = default;

  static StatusOr<PortRange> Parse(std::string_view text);  // kInvalidArgument, saying what is expected.
};

}  // namespace weir
