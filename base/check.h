// CHECK: a broken invariant is a bug; it ends the process in every build, naming file, line and condition.
#pragma once

namespace weir {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) [[unlikely]]                                    \
      ::weir::CheckFailed(__FILE__, __LINE__, #condition);            \
  } while (false)

#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(sizeof(!(condition)))
#else
#define DCHECK(condition) CHECK(condition)
#endif
