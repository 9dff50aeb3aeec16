#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "CHECK failed: %s, at %s:%d\n", condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace weir
