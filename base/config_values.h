// From the text of a setting to its value, and what to say when that is impossible. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/status.h>

#include "base/config_option.h"

namespace weir {

// Number and unit, blank allowed between; d/day(s) h/hour(s) m/min/minute(s) s/sec(s)/second(s) ms/milli(s)/millisecond(s)
// µs/micro(s)/microsecond(s) ns/nano(s)/nanosecond(s), no unit = milliseconds. kInvalidArgument says what is expected.
StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text);

// Number and unit; b k m g t, kb mb gb tb, bytes, kibibytes ...; 1024 based, no unit = bytes.
StatusOr<MemorySize> ParseMemorySize(std::string_view text);

StatusOr<double> ParseDouble(std::string_view text);                // Finite.
std::vector<std::string> SplitStringList(std::string_view text);    // At comma, pipe and colon; parts trimmed, never empty.

// Ints as they are, bools as 0 and 1, enums as the value, durations in milliseconds (rounded up), sizes in bytes.
// Requires: `info` is of one of those kinds. Within the option's bounds, or kInvalidArgument.
StatusOr<int64_t> ParseIntegral(const OptionInfo& info, std::string_view text);

// Any kind. The message of kInvalidArgument says what is expected, and nothing about the key or the value.
Status CheckValue(const OptionInfo& info, std::string_view text);

std::string_view TrimBlanks(std::string_view text);

}  // namespace weir
