// `weir-worker --plan`: plans a job and writes a PlanResult.
#pragma once

#include <span>

namespace weir {

// `arguments` without the program's name and "--plan". Returns the exit code: 0 when a result was written, also when it is
// a failure; 2 for wrong arguments. `use_other_surroundings` is called before the job of a second planning is loaded.
int RunPlanMode(std::span<const char* const> arguments, void (*use_other_surroundings)());

}  // namespace weir
