// Stacks of other threads of this process, by a signal: for tasks that do not end their step.
#pragma once

#include <pthread.h>

#include <optional>

#include "taskmanager/worker/stack_trace.h"

namespace weir {

// The signal that is reserved for this; user code that takes or blocks it has no stacks.
int ThreadStackSignal();

// Once, at the start of the program.
void InstallThreadStacks();

// What `thread` runs right now. Thread-safe. Requires: the thread lives. Nothing when it does not answer in time (it blocks the
// signal, or the kernel holds it) or still answers somebody else.
std::optional<StackTrace> TakeThreadStack(pthread_t thread, int timeout_ms);

}  // namespace weir
