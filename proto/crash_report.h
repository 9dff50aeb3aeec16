// How a worker's last words are found in its error output: the line that begins with the mark.
#pragma once

#include <string_view>

namespace weir {

// Written by the worker, looked for by its TaskManager and the JobManager. What follows on the line is the cause; a stack may follow.
inline constexpr std::string_view kWorkerCrashMark = "*** Worker crashed: ";

}  // namespace weir
