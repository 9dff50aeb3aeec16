// weir-worker: runs the tasks of one job on one TaskManager, or plans a job. Started by weir-taskmanager and weir only.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"
#include "proto/crash_report.h"
#include "runtime/task/current_task.h"
#include "taskmanager/worker/crash_handler.h"
#include "taskmanager/worker/exception_stack.h"
#include "taskmanager/worker/other_surroundings.h"
#include "taskmanager/worker/plan_mode.h"
#include "taskmanager/worker/stack_trace.h"
#include "taskmanager/worker/thread_stack.h"
#include "taskmanager/worker/worker_session.h"

namespace weir {
namespace {

constexpr char kUsage[] =
    "weir-worker runs the tasks of one job. weir-taskmanager starts it with a control socket:\n"
    "  weir-worker --control-fd N\n"
    "weir starts it to plan a job:\n"
    "  weir-worker --plan --library JOB.so --output-fd N [--again-fd N] [--parallelism P] [--max-parallelism M] [-D key=number]... "
    "-- [argument]...\n"
    "It is of no use by hand: see weir --help and weir-taskmanager --help.\n";

constexpr int kThreadStackTimeoutMs = 500;

std::function<std::string()> TakeStack(pthread_t thread) {
  return [stack = TakeThreadStack(thread, kThreadStackTimeoutMs)] {
    return stack.has_value() ? SymbolizeStack(*stack) : std::string("  (no stack: the thread does not answer)\n");
  };
}

// exit() in user code: end at once with its code, without running destructors under the feet of running threads.
void EndAtExit(int code, void*) {
  std::fflush(stdout);
  if (const char* const task = CurrentTask()) {
    StackTrace stack;
    CaptureStack(stack, 1);
    // The form in which a crash is reported.
    const std::string mark(kWorkerCrashMark);
    std::fprintf(stderr, "%sexit(%d) was called in task %s: the code of a job must not call exit\n%s\n", mark.c_str(), code, task, SymbolizeStack(stack).c_str());
    std::fflush(stderr);
  }
  ::_exit(code);
}

int RunWorker(int control_descriptor) {
  ::fcntl(control_descriptor, F_SETFD, FD_CLOEXEC);
  ::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // A pipe: what the job prints is to appear.
  WorkerSessionOptions options;
  options.exception_stack = &LastExceptionStack;
  options.take_stack = &TakeStack;
  options.end_process = [](int code) {
    std::fflush(stdout);
    ::_exit(code);
  };
  options.set_log_level = [](LogLevel level) {
    LogOptions log;  // To stderr, which the TaskManager collects.
    log.level = level;
    if (const Status status = InitLog(log); !status.ok()) LOG_WARN("Log level stays as it is: {}", status.message());
  };
  options.before_loading = [] { UseAlternateSignalStack(); };
  // The handler that is registered last runs first: after loading, ours comes before the job's static destructors.
  options.after_loading = [] { ::on_exit(&EndAtExit, nullptr); };
  WorkerSession session(FileDescriptor(control_descriptor), std::move(options));
  return session.Run();
}

int Main(std::span<const char* const> arguments) {
  ::signal(SIGPIPE, SIG_IGN);
  if (arguments.size() >= 2 && std::string_view(arguments[1]) == "--plan") {
    InstallCrashHandler();
    return RunPlanMode(arguments.subspan(2), &UseOtherSurroundings);
  }
  int control = -1;
  if (arguments.size() == 3 && std::string_view(arguments[1]) == "--control-fd") {
    const std::string_view text = arguments[2];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), control);
    if (error != std::errc() || end != text.data() + text.size()) control = -1;
  }
  if (control < 0) {
    const bool asked = arguments.size() == 2 && std::string_view(arguments[1]) == "--help";
    std::fputs(kUsage, asked ? stdout : stderr);
    return asked ? 0 : 1;
  }
  InstallCrashHandler();
  InstallThreadStacks();
  return RunWorker(control);
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) { return weir::Main({argv, static_cast<size_t>(argc)}); }
