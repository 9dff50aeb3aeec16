// Files that were packed into the job library by `weir build --file`.
#pragma once

#include <string>
#include <string_view>

namespace weir {

// A path under which this process can open the packed file called `name` (its last path component), as often as it likes,
// in the job's entry and in every function. Throws std::out_of_range for a file that was not packed. Thread-safe.
std::string JobFile(std::string_view name);

}  // namespace weir
