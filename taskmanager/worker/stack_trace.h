// Stacks as addresses, cheap to take, and as text, expensive to make. Backward and libdw stay behind this wall.
#pragma once

#include <array>
#include <string>

namespace weir {

struct StackTrace {
  static constexpr int kFramesMax = 64;
  std::array<void*, kFramesMax> frames{};
  int frame_count = 0;
};

// The stack of the caller, without the innermost `skip` frames. Allocates nothing: also for signal handlers.
void CaptureStack(StackTrace& trace, int skip);

// The stack that a signal interrupted. `context` is the handler's third argument.
void CaptureInterruptedStack(StackTrace& trace, void* context);

// One line per frame, functions with file and line where debug information has them. Reads files, allocates, takes up to
// seconds. Thread-safe.
std::string SymbolizeStack(const StackTrace& trace);

}  // namespace weir
