// Plan defaults as "key=value" with plain numbers: how they reach the planning child, which reads no configuration.
#pragma once

#include <string>
#include <vector>

#include <weir/core/status.h>

#include "runtime/operator/job_planner.h"

namespace weir {

std::vector<std::string> ToProperties(const PlanDefaults& defaults);
// kInvalidArgument for an unknown key or a value that is no number.
StatusOr<PlanDefaults> PlanDefaultsFromProperties(const std::vector<std::string>& properties);

}  // namespace weir
