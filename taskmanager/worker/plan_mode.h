// `weir-worker --plan`: plans a job and writes a PlanResult.
#pragma once

#include <span>

namespace weir {

// `arguments` without the program's name and "--plan". Returns the exit code: 0 when a result was written, also when it is
// a failure; 2 for wrong arguments.
int RunPlanMode(std::span<const char* const> arguments);

}  // namespace weir
