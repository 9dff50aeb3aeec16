// The task that the calling thread runs right now: what a crash report names.
#pragma once

namespace weir {

// Null when the thread is between tasks. `name` outlives the step. Cheap: meant for every step.
void SetCurrentTask(const char* name);
const char* CurrentTask();  // Also from a signal handler.

// Runs on each thread before its first SetCurrentTask takes effect: to give it an alternate signal stack. Set once, before
// threads start; may be null.
void SetTaskThreadHook(void (*hook)());

}  // namespace weir
