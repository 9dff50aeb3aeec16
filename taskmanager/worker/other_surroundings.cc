#include "taskmanager/worker/other_surroundings.h"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/check.h"

namespace weir {
namespace {

constexpr char kHost[] = "another-host";
// Year, month, day, weekday, hour, minute, second and fraction all differ.
constexpr int64_t kCalendarShiftSeconds = ((401 * 24 + 7) * 60 + 13) * 60 + 17;
constexpr int64_t kShiftNanos = 123'456'789;
constexpr unsigned kSeed = 20'011'959;

std::atomic<bool> changed{false};
// Of clocks that count from the machine's start, which may have been a moment ago.
std::atomic<int64_t> uptime_shift_seconds{0};

// The C library's own, which needs no system call. Null until this program's constructors run: the allocator may ask for the
// time before, and resolving a name then could ask the allocator.
using ClockGetTime = int(clockid_t, timespec*);
constinit std::atomic<ClockGetTime*> real_clock_gettime{nullptr};

__attribute__((constructor)) void Resolve() { real_clock_gettime = reinterpret_cast<ClockGetTime*>(::dlsym(RTLD_NEXT, "clock_gettime")); }

int RealClockGetTime(clockid_t clock, timespec* time) {
  ClockGetTime* const real = real_clock_gettime.load(std::memory_order_relaxed);
  return real != nullptr ? real(clock, time) : static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
}

void GoBack(timespec& time, int64_t seconds) {
  time.tv_sec -= seconds;
  time.tv_nsec -= kShiftNanos;
  if (time.tv_nsec >= 0) return;
  time.tv_nsec += 1'000'000'000;
  --time.tv_sec;
}

void ChangeClock(clockid_t clock, timespec& time) {
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI: return GoBack(time, kCalendarShiftSeconds);
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME: return GoBack(time, uptime_shift_seconds.load(std::memory_order_relaxed));
    default: return;  // Processor time.
  }
}

}  // namespace

void UseOtherSurroundings() {
  timespec now{};
  CHECK(::clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  uptime_shift_seconds = now.tv_sec / 2;
  ::srand(kSeed);
  ::srand48(kSeed);
  if (::getenv("HOSTNAME") != nullptr) ::setenv("HOSTNAME", kHost, 1);
  changed = true;
}

}  // namespace weir

// ---- The C library's functions, replaced: libweir.so, libstdc++ and job libraries find these first. Workers pay a load and a
// branch for each call. ----

#define WEIR_REPLACED extern "C" __attribute__((visibility("default")))

WEIR_REPLACED int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = weir::RealClockGetTime(clock, time);
  if (result == 0 && weir::changed.load(std::memory_order_relaxed)) [[unlikely]] weir::ChangeClock(clock, *time);
  return result;
}

WEIR_REPLACED int gettimeofday(timeval* __restrict time, void* __restrict zone) noexcept {
  if (zone != nullptr) std::memset(zone, 0, sizeof(struct timezone));  // As the C library does.
  timespec now{};
  const int result = ::clock_gettime(CLOCK_REALTIME, &now);
  *time = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1'000};
  return result;
}

WEIR_REPLACED time_t time(time_t* result) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (result != nullptr) *result = now.tv_sec;
  return now.tv_sec;
}

WEIR_REPLACED int timespec_get(timespec* time, int base) noexcept {
  if (base != TIME_UTC || ::clock_gettime(CLOCK_REALTIME, time) != 0) return 0;
  return base;
}

WEIR_REPLACED int uname(utsname* system) noexcept {
  const int result = static_cast<int>(::syscall(SYS_uname, system));
  if (result == 0 && weir::changed) std::memcpy(system->nodename, weir::kHost, sizeof(weir::kHost));
  return result;
}

WEIR_REPLACED int gethostname(char* name, size_t size) noexcept {
  utsname system{};
  if (::uname(&system) != 0) return -1;
  const size_t needed = std::strlen(system.nodename) + 1;
  std::memcpy(name, system.nodename, std::min(size, needed));
  if (needed <= size) return 0;
  errno = ENAMETOOLONG;
  return -1;
}

// What gethostname becomes in code that is compiled with _FORTIFY_SOURCE.
WEIR_REPLACED int __gethostname_chk(char* name, size_t size, size_t room) noexcept {
  CHECK(size <= room);
  return ::gethostname(name, size);
}
