#include "runtime/task/current_task.h"

#include <atomic>

namespace weir {
namespace {

// Initial-exec: reading it in a signal handler must not allocate.
__attribute__((tls_model("initial-exec"))) thread_local const char* current_task = nullptr;
__attribute__((tls_model("initial-exec"))) thread_local bool hook_ran = false;
std::atomic<void (*)()> thread_hook{nullptr};

}  // namespace

void SetCurrentTask(const char* name) {
  if (!hook_ran) [[unlikely]] {
    hook_ran = true;
    if (void (*const hook)() = thread_hook.load(std::memory_order_acquire)) hook();
  }
  current_task = name;
}

const char* CurrentTask() { return current_task; }

void SetTaskThreadHook(void (*hook)()) { thread_hook.store(hook, std::memory_order_release); }

}  // namespace weir
