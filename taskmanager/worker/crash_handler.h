// Says why the process crashed, in which task and where, before it dies of the same signal.
#pragma once

namespace weir {

// Once, at the start of the program. Handles SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT on any thread: writes signal, task
// (runtime/task/current_task.h) and stack to stderr, then lets the signal take its course. The stack is made readable by a
// thread that waits for this, so that neither a small or overrun stack nor locks of the crashed thread matter; after a deadline
// the process dies without it.
void InstallCrashHandler();

// Gives the calling thread a stack for the handler, so that an overrun stack can be reported. Task threads get it by themselves.
void UseAlternateSignalStack();

}  // namespace weir
