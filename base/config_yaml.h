// A YAML file as a flat list of settings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/status.h>

namespace weir {

// One key with its value, as it stands somewhere.
struct ConfigSetting {
  enum class Shape : uint8_t { kScalar, kList, kNothing };  // kNothing: "key:" or "key: null".
  std::string key;   // Nested keys joined with dots.
  std::string text;  // A list's scalars are joined with commas.
  Shape shape = Shape::kScalar;
  std::string source;  // "<file>:<line>" or "-D".
};

// The settings in the order of the file. kInvalidArgument names file and line for whatever is not a map of scalars, lists
// of scalars and maps of the same: syntax errors, tabs as indentation, aliases, several documents, the same key twice,
// bytes that are no text, more than 1 MiB. Never crashes, throws or hangs on any input.
StatusOr<std::vector<ConfigSetting>> FlattenYaml(std::string_view yaml, const std::string& file_name);

}  // namespace weir
