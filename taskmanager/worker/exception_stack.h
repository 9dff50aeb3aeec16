// Where the last exception of a thread was thrown. Linking this file replaces the program's __cxa_throw: for weir-worker only.
#pragma once

#include <string>

namespace weir {

// The stack of the calling thread's last throw as text; empty when it threw nothing yet. Slow.
std::string LastExceptionStack();

}  // namespace weir
