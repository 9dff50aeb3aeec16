// What a state is called in snapshots, and what it was called before.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace weir {

// Made of its name wherever one is asked for. A state that was renamed says so, and is found in older snapshots:
//
//   weir::ValueState<int64_t> total_{weir::StateName("total").Formerly("sum")};
struct StateName {
  StateName(std::string text) : name(std::move(text)) {}  // NOLINT: implicit by intent.
  StateName(const char* text) : name(text) {}             // NOLINT: implicit by intent.

  // It takes the state of this name when a snapshot has none of its own; may be said of several.
  StateName Formerly(std::string former) && { return former_names.push_back(std::move(former)), std::move(*this); }

  std::string name;
  std::vector<std::string> former_names;
};

}  // namespace weir
