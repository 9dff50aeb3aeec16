#include "taskmanager/worker/crash_handler.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

#include "base/check.h"
#include "proto/crash_report.h"
#include "runtime/task/current_task.h"
#include "taskmanager/worker/stack_trace.h"

namespace weir {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr size_t kSignalStackBytes = 64 * 1024;
constexpr int kSymbolizeTimeoutMs = 10'000;

// The first crash fills it; the reporter reads it after a byte in the pipe. Never freed: a crash may come at any time.
struct Crash {
  std::atomic_flag taken = ATOMIC_FLAG_INIT;
  StackTrace stack;
  int request_pipe[2] = {-1, -1};
  int done_pipe[2] = {-1, -1};
};
Crash crash;

// Text without allocation.
class SafeText {
 public:
  SafeText& operator<<(std::string_view text) {
    for (const char c : text) {
      if (size_ < sizeof(text_)) text_[size_++] = c;
    }
    return *this;
  }
  SafeText& Hex(uintptr_t value) {
    char digits[18];
    int count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value & 15];
      value >>= 4;
    } while (value != 0);
    *this << "0x";
    while (count > 0) *this << std::string_view(&digits[--count], 1);
    return *this;
  }
  void WriteTo(int fd) const {
    const ssize_t ignored = ::write(fd, text_, size_);
    static_cast<void>(ignored);
  }

 private:
  char text_[1024];
  size_t size_ = 0;
};

std::string_view SignalName(int signal) {
  switch (signal) {
    case SIGSEGV: return "SIGSEGV (invalid memory access)";
    case SIGBUS: return "SIGBUS (bad memory access)";
    case SIGFPE: return "SIGFPE (arithmetic error, such as a division by zero)";
    case SIGILL: return "SIGILL (illegal instruction)";
    case SIGABRT: return "SIGABRT (abort was called)";
    default: return "a signal";
  }
}

// Waits for the reporter; gives up after a while.
void WaitForReport() {
  char byte = 0;
  const ssize_t asked = ::write(crash.request_pipe[1], &byte, 1);
  static_cast<void>(asked);
  pollfd done{crash.done_pipe[0], POLLIN, 0};
  while (::poll(&done, 1, kSymbolizeTimeoutMs) < 0 && errno == EINTR) {
  }
}

void OnSignal(int signal, siginfo_t* info, void* context) {
  if (crash.taken.test_and_set()) {
    // Another thread is being reported and the process about to end. A crash of the reporter itself: end now.
    ::signal(signal, SIG_DFL);
    ::poll(nullptr, 0, kSymbolizeTimeoutMs);
    ::raise(signal);
    return;
  }
  SafeText text;
  text << "\n" << kWorkerCrashMark << SignalName(signal);
  if (signal == SIGSEGV || signal == SIGBUS) (text << " at address ").Hex(reinterpret_cast<uintptr_t>(info->si_addr));
  const char* const task = CurrentTask();
  text << ", in " << (task != nullptr ? "task " : "no task of a job") << (task != nullptr ? task : "") << "\n";
  text.WriteTo(STDERR_FILENO);
  CaptureInterruptedStack(crash.stack, context);
  WaitForReport();
  ::signal(signal, SIG_DFL);
  ::raise(signal);  // Delivered when the handler returns.
}

void RunReporter() {
  pthread_setname_np(pthread_self(), "crash-reporter");
  char byte = 0;
  ssize_t count = 0;
  do count = ::read(crash.request_pipe[0], &byte, 1);
  while (count < 0 && errno == EINTR);
  if (count != 1) return;
  const std::string text = SymbolizeStack(crash.stack) + "*** End of the crash report\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written <= 0 && errno != EINTR) break;
    if (written > 0) rest.remove_prefix(static_cast<size_t>(written));
  }
  const ssize_t ignored = ::write(crash.done_pipe[1], &byte, 1);
  static_cast<void>(ignored);
}

}  // namespace

void UseAlternateSignalStack() {
  // As long as the thread: leaked with it, since a worker's threads live as long as the process.
  void* const memory = ::mmap(nullptr, kSignalStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t stack{};
  stack.ss_sp = memory;
  stack.ss_size = kSignalStackBytes;
  ::sigaltstack(&stack, nullptr);
}

void InstallCrashHandler() {
#ifdef WEIR_SANITIZED
  return;  // The sanitizer's own report says more.
#endif
  CHECK(::pipe2(crash.request_pipe, O_CLOEXEC) == 0);
  CHECK(::pipe2(crash.done_pipe, O_CLOEXEC) == 0);
  std::thread(RunReporter).detach();
  StackTrace warm_up;  // Loads the unwinder now: dlopen in a handler could deadlock.
  CaptureStack(warm_up, 0);
  UseAlternateSignalStack();
  SetTaskThreadHook(&UseAlternateSignalStack);
  struct sigaction action {};
  action.sa_sigaction = &OnSignal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) CHECK(::sigaction(signal, &action, nullptr) == 0);
}

}  // namespace weir
