#include "taskmanager/worker/stack_trace.h"

#include <ucontext.h>
#include <unwind.h>

#include <algorithm>
#include <mutex>

#define BACKWARD_HAS_DW 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#include <backward.hpp>
#pragma GCC diagnostic pop

namespace weir {
namespace {

struct Unwinding {
  StackTrace* trace;
  int skip;
};

_Unwind_Reason_Code TakeFrame(_Unwind_Context* context, void* argument) {
  Unwinding& unwinding = *static_cast<Unwinding*>(argument);
  int before = 0;
  uintptr_t address = _Unwind_GetIPInfo(context, &before);
  if (address == 0) return _URC_END_OF_STACK;
  if (unwinding.skip > 0) {
    --unwinding.skip;
    return _URC_NO_REASON;
  }
  // A return address may belong to the next function: one back is within the call.
  if (before == 0) --address;
  StackTrace& trace = *unwinding.trace;
  if (trace.frame_count == StackTrace::kFramesMax) return _URC_END_OF_STACK;
  trace.frames[trace.frame_count++] = reinterpret_cast<void*>(address);
  return _URC_NO_REASON;
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string FunctionOf(const backward::ResolvedTrace& frame) {
  if (!frame.source.function.empty()) return frame.source.function;
  if (!frame.object_function.empty()) return frame.object_function;
  char address[32];
  std::snprintf(address, sizeof(address), "%p", frame.addr);
  return address;
}

std::string PlaceOf(const backward::ResolvedTrace& frame) {
  if (!frame.source.filename.empty()) return " at " + frame.source.filename + ":" + std::to_string(frame.source.line);
  return frame.object_filename.empty() ? "" : " in " + BaseName(frame.object_filename);
}

// One frame of the machine and what was inlined into it, innermost first. Backward gives the innermost place, each inlined
// function with the place that it was called from, and the function that all of them are part of.
std::vector<std::string> LinesOf(const backward::ResolvedTrace& frame) {
  std::vector<std::string> lines;
  std::string place = PlaceOf(frame);
  for (const backward::ResolvedTrace::SourceLoc& inlined : frame.inliners) {
    lines.push_back(inlined.function + place);
    place = " at " + inlined.filename + ":" + std::to_string(inlined.line);
  }
  lines.push_back(FunctionOf(frame) + place);
  return lines;
}

}  // namespace

void CaptureStack(StackTrace& trace, int skip) {
  trace.frame_count = 0;
  Unwinding unwinding{&trace, skip + 1};
  _Unwind_Backtrace(TakeFrame, &unwinding);
}

void CaptureInterruptedStack(StackTrace& trace, void* context) {
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  void* const interrupted = reinterpret_cast<void*>(registers[REG_RIP]);
  CaptureStack(trace, 0);
  void** const end = trace.frames.data() + trace.frame_count;
  void** const found = std::find(trace.frames.data(), end, interrupted);
  if (found != end) {  // Drop the handler's own frames.
    std::copy(found, end, trace.frames.data());
    trace.frame_count = static_cast<int>(end - found);
    return;
  }
  // A jump into nowhere: the unwinder knows no function there. The return address lies on top of the stack.
  trace.frames[0] = interrupted;
  trace.frames[1] = *reinterpret_cast<void**>(registers[REG_RSP]);
  trace.frame_count = 2;
}

std::string SymbolizeStack(const StackTrace& trace) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  std::string text;
  try {
    backward::TraceResolver resolver;
    resolver.load_addresses(trace.frames.data(), trace.frame_count);
    int number = 0;
    for (int i = 0; i < trace.frame_count; ++i) {
      const backward::ResolvedTrace frame = resolver.resolve(backward::ResolvedTrace(backward::Trace(trace.frames[i], static_cast<size_t>(i))));
      for (const std::string& line : LinesOf(frame)) text += "  #" + std::to_string(number++) + " " + line + "\n";
    }
  } catch (const std::exception& error) {
    text += std::string("  (no more: ") + error.what() + ")\n";
  }
  return text;
}

}  // namespace weir
