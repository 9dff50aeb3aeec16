// How a configuration option is described. The options themselves are in options.h.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/port_range.h"

namespace weir {

enum class OptionKind : uint8_t {
  kString,
  kStringList,  // Separated by comma, pipe or colon; in YAML also a list.
  kInt,
  kDouble,
  kBool,
  kDuration,    // Number and unit; no unit = milliseconds.
  kMemorySize,  // Number and unit, 1024 based; no unit = bytes.
  kEnum,
  kPortRange,
};

// Whose settings count. Of everything but kJob a job that brings its own has nothing.
enum class OptionReader : uint8_t {
  kJob,  // Also what the command line reads: settings of `weir run -D` are the job's.
  kJobManager,
  kTaskManager,
  kDaemons,  // Both of them.
  kScripts,  // That start and stop them.
};

struct EnumAlias {
  std::string_view name;
  int value = 0;
};

// The untyped part. A constant with static storage: views only.
struct OptionInfo {
  std::string_view key{};
  std::array<std::string_view, 2> older_keys{};  // Read when `key` is absent; the first one wins. Empty = none.
  OptionKind kind = OptionKind::kString;
  // As one would write it. Empty = none. "${io.tmp.dirs}" stands for the first directory of that option.
  std::string_view default_text{};
  // Inclusive bounds: of ints as they are, of durations in milliseconds, of memory sizes in bytes, of doubles truncated.
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
  // Enum: values from 0 in the order of the enum class; the first name of each value is the one that is shown.
  std::array<EnumAlias, 8> names{};
  OptionReader reader = OptionReader::kJob;
  std::string_view unset_text{};  // This value means: not set. Empty = there is no such value.
  std::string_view description{};
};

// A byte count, so that it is not mistaken for another integer.
struct MemorySize {
  int64_t bytes = 0;
  bool operator==(const MemorySize&) const = default;
};

// T: std::string, std::vector<std::string>, int64_t, double, bool, std::chrono::milliseconds, MemorySize, PortRange, an
// enum class, or std::optional of one of them when there is no default.
template <class T>
struct ConfigOption {
  OptionInfo info;
};

}  // namespace weir
