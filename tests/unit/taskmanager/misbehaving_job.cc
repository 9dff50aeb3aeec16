// A job that misbehaves on demand: --mode says how, in its entry or in its first task. --fifo names a pipe to which it says
// that it has begun.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
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
  env.SetJobName(mode == "unstable" && !planning ? "another name" : "misbehaving");
  env.FromSequence(0, 9).Uid("numbers").Map([mode, fifo = args.Get("fifo", "")](int64_t value) { return Misbehave(mode, fifo, value); }).Name("misbehave").Print();
}
