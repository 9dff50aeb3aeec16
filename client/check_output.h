// What `weir check` shows.
#pragma once

#include <string>
#include <vector>

#include <weir/core/status.h>

#include "runtime/graph/state_evolution.h"

namespace weir {

// Whether a job would start from a snapshot, and what becomes of each state.
struct CheckResult {
  std::string snapshot;  // Its path.
  std::string job;       // Its name.
  std::vector<StateReport> states;
  Status start;          // Ok: it would start; else why not.
};

std::string CheckText(const CheckResult& result);
std::string CheckJson(const CheckResult& result);

}  // namespace weir
