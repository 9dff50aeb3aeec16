// A job that misbehaves on demand: --mode says how, in its entry or in its first task. --fifo names a pipe to which it says
// that it has begun.
#include <fcntl.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <weir/weir.h>

namespace {

[[gnu::noinline]] void CrashHere() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

[[gnu::noinline]] int Recurse(int depth) {
  volatile char frame[1024] = {static_cast<char>(depth)};
  if (depth < 0) return 0;  // Far beyond any stack.
  return Recurse(depth + 1) + frame[0];
}

[[gnu::noinline]] void ThrowHere() { throw std::runtime_error("thrown on demand"); }

// Touches every page.
void Allocate() {
  static std::vector<std::string> kept;
  for (;;) kept.emplace_back(1 << 20, 'x');
}

void SayBegun(const std::string& fifo) {
  const int fd = ::open(fifo.c_str(), O_WRONLY);
  if (fd >= 0 && ::write(fd, "!", 1) == 1) ::close(fd);
}

int64_t Misbehave(const std::string& mode, const std::string& fifo, int64_t value) {
  if (mode == "crash") CrashHere();
  if (mode == "overflow") return Recurse(0);
  if (mode == "throw") ThrowHere();
  if (mode == "abort") std::abort();
  if (mode == "exit") std::exit(0);
  if (mode == "allocate") Allocate();
  if (mode == "spin") {
    SayBegun(fifo);
    for (volatile bool on = true; on;) {
    }
  }
  if (mode == "stderr" && value == 0) std::fputs("a line on stderr\n", stderr);
  return value;
}

// What an entry must not depend on unless it is pinned.
std::string Surroundings(const std::string& of) {
  char text[128] = {};
  if (of == "time") return std::to_string(std::time(nullptr) / 3'600);
  if (of == "date") {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::strftime(text, sizeof(text), "%Y-%m-%d", std::localtime(&now));
  }
  if (of == "weekday") {
    const std::time_t now = std::time(nullptr);
    std::strftime(text, sizeof(text), "%A", std::localtime(&now));
  }
  if (of == "gettimeofday") {
    timeval now{};
    ::gettimeofday(&now, nullptr);
    return std::to_string(now.tv_sec / 3'600);
  }
  if (of == "timespec_get") {
    timespec now{};
    if (std::timespec_get(&now, TIME_UTC) != TIME_UTC) return "";
    return std::to_string(now.tv_sec / 3'600);
  }
  if (of == "uptime") return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
  if (of == "gethostname") ::gethostname(text, sizeof(text));
  if (of == "uname") {
    utsname system{};
    ::uname(&system);
    return system.nodename;
  }
  if (of == "random_device") return std::to_string(std::random_device()());
  if (of == "rand") return std::to_string(std::rand());
  if (of == "drand48") return std::to_string(::lrand48());
  return text;
}

// Waits on clocks must end in whatever surroundings.
void WaitABit() {
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, std::chrono::milliseconds(1));
  never.wait_until(lock, std::chrono::system_clock::now() + std::chrono::milliseconds(1));
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  never.wait_until(lock, end, [end] { return std::chrono::steady_clock::now() >= end; });
}

}  // namespace

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  const std::string mode = args.Get("mode", "none");
  if (mode == "entry-crash") CrashHere();
  if (mode == "entry-throw") ThrowHere();
  if (mode == "entry-exit") std::exit(3);
  if (mode == "entry-hang") ::pause();
  bool planning = false;
  env.Pinned("planning", [&] {
    planning = true;
    return int64_t{1};
  });
  if (mode == "worker-hang" && !planning) ::pause();
  if (mode == "waits") WaitABit();
  if (mode == "prints") std::puts("the entry runs");
  std::string suffix;
  if (args.Has("named-by")) suffix = " " + Surroundings(args.Required("named-by"));
  if (args.Has("named-by-pinned")) suffix = " " + env.Pinned("suffix", [&] { return Surroundings(args.Required("named-by-pinned")); });
  env.SetJobName(mode == "unstable" && !planning ? "another name" : "misbehaving");
  env.FromSequence(0, 9).Uid("numbers").Map([mode, fifo = args.Get("fifo", "")](int64_t value) { return Misbehave(mode, fifo, value); }).Name("misbehave" + suffix).Print();
}
