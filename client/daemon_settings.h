// Settings that a job cannot bring along.
#pragma once

#include <string>
#include <vector>

namespace weir {

// One sentence for each of `properties` ("key=value", as given with -D) that only daemons and their scripts read, so that it has no effect on a
// job: where it belongs. In any spelling of the key.
std::vector<std::string> WarningsOfDaemonSettings(const std::vector<std::string>& properties);

}  // namespace weir
