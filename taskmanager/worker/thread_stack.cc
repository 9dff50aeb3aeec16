#include "taskmanager/worker/thread_stack.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "base/check.h"

namespace weir {
namespace {

// One request at a time: kIdle -> kAsked -> kTaking -> kTaken -> kIdle, or kAsked -> kIdle when nobody answers. The number of
// the request stands beside it, so that a late handler finds that it is not meant any more. Never freed: a late signal may come
// at any time.
enum Phase : uint64_t { kIdle, kAsked, kTaking, kTaken };
constexpr uint64_t kPhaseBits = 2;

struct Request {
  std::mutex mutex;  // Of the askers.
  uint32_t last_number = 0;
  std::atomic<uint64_t> state{kIdle};
  StackTrace stack;  // The handler's from kTaking to kTaken.
  int taken_event = -1;
};
Request request;

constexpr uint64_t State(uint32_t number, Phase phase) { return uint64_t{number} << kPhaseBits | phase; }

void OnSignal(int, siginfo_t* info, void* context) {
  if (info->si_code != SI_QUEUE) return;  // Not ours.
  const int saved_errno = errno;
  const uint32_t number = static_cast<uint32_t>(info->si_value.sival_int);
  uint64_t expected = State(number, kAsked);
  if (request.state.compare_exchange_strong(expected, State(number, kTaking))) {
    CaptureInterruptedStack(request.stack, context);
    request.state.store(State(number, kTaken));
    const uint64_t one = 1;
    const ssize_t ignored = ::write(request.taken_event, &one, sizeof(one));
    static_cast<void>(ignored);
  }
  errno = saved_errno;
}

}  // namespace

int ThreadStackSignal() { return SIGRTMAX - 1; }

void InstallThreadStacks() {
  request.taken_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CHECK(request.taken_event >= 0);
  StackTrace warm_up;  // Loads the unwinder now: dlopen in a handler could deadlock.
  CaptureStack(warm_up, 0);
  struct sigaction action {};
  action.sa_sigaction = &OnSignal;
  // Restart: what the task waits for in the kernel goes on. On the alternate stack: a task's own may be almost full.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigfillset(&action.sa_mask);
  for (const int crash : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigdelset(&action.sa_mask, crash);
  CHECK(::sigaction(ThreadStackSignal(), &action, nullptr) == 0);
}

std::optional<StackTrace> TakeThreadStack(pthread_t thread, int timeout_ms) {
  std::lock_guard lock(request.mutex);
  CHECK(request.taken_event >= 0);
  if ((request.state.load() & ((1u << kPhaseBits) - 1)) == kTaking) return std::nullopt;
  uint64_t drained = 0;
  const ssize_t ignored = ::read(request.taken_event, &drained, sizeof(drained));
  static_cast<void>(ignored);
  const uint32_t number = request.last_number = (request.last_number + 1) & 0x7fff'ffff;
  request.state.store(State(number, kAsked));
  sigval value{};
  value.sival_int = static_cast<int>(number);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  const bool sent = ::pthread_sigqueue(thread, ThreadStackSignal(), value) == 0;
  while (sent && request.state.load() != State(number, kTaken)) {
    const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left_ms <= 0) break;
    pollfd taken{request.taken_event, POLLIN, 0};
    ::poll(&taken, 1, static_cast<int>(left_ms));
    const ssize_t again = ::read(request.taken_event, &drained, sizeof(drained));
    static_cast<void>(again);
  }
  uint64_t expected = State(number, kAsked);
  if (request.state.compare_exchange_strong(expected, State(number, kIdle)) || expected != State(number, kTaken)) return std::nullopt;
  return request.stack;
}

}  // namespace weir
