#include "tests/scenarios/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

extern char** environ;

namespace weir::scenarios {
namespace {

using SteadyClock = std::chrono::steady_clock;

int OpenPidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

// False at the deadline.
bool WaitForEnd(int pidfd, milliseconds timeout) {
  const SteadyClock::time_point deadline = SteadyClock::now() + timeout;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now()).count();
    pollfd event{pidfd, POLLIN, 0};
    const int ready = ::poll(&event, 1, static_cast<int>(std::max<int64_t>(left, 0)));
    if (ready > 0) return true;
    if (ready == 0 && left <= 0) return false;
  }
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

StatusOr<std::unique_ptr<Process>> Process::Start(const ProcessOptions& options) {
  std::vector<char*> arguments;
  for (const std::string& argument : options.command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
  for (const std::string& variable : options.environment) environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);
  std::array<int, 2> output{};
  std::array<int, 2> error{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0 || ::pipe2(error.data(), O_CLOEXEC) != 0) return Unavailable("no pipe for a process of the test");
  const pid_t own = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    // A test that is killed leaves nothing behind.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != own) ::_exit(127);
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, STDIN_FILENO);
    ::dup2(output[1], STDOUT_FILENO);
    ::dup2(error[1], STDERR_FILENO);
    ::close_range(3, ~0U, 0);  // Whoever started the tests may have left files open: ctest its log.
    ::execve(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  ::close(output[1]);
  ::close(error[1]);
  if (pid < 0) return Unavailable("cannot fork: " + std::string(std::strerror(errno)));
  return std::unique_ptr<Process>(new Process(pid, output[0], error[0], options.log_prefix));
}

Process::Process(pid_t pid, int output, int error, const std::string& log_prefix)
    : pid_(pid), pidfd_(OpenPidfd(pid)), reader_([this, output, error, log_prefix] { Read(output, error, log_prefix); }) {}

Process::~Process() {
  Signal(SIGKILL);
  if (!WaitForExit(std::chrono::seconds(30)).ok()) std::abort();
  reader_.join();
  ::close(pidfd_);
}

void Process::Read(int output, int error, std::string log_prefix) {
  std::array<pollfd, 2> pipes = {pollfd{output, POLLIN, 0}, pollfd{error, POLLIN, 0}};
  std::array<std::ofstream, 2> logs;
  if (!log_prefix.empty()) {
    logs[0].open(log_prefix + ".out", std::ios::app);
    logs[1].open(log_prefix + ".err", std::ios::app);
  }
  std::array<char, 65'536> piece;
  // A killed daemon's children may hold the pipes a little longer; the process's own end is the end for us.
  bool ended = false;
  while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
    const int ready = ::poll(pipes.data(), pipes.size(), ended ? 0 : 100);
    if (ready < 0) continue;
    if (ready == 0) {
      if (ended) break;
      pollfd end{pidfd_, POLLIN, 0};
      ended = ::poll(&end, 1, 0) > 0;
      continue;
    }
    for (size_t i = 0; i < pipes.size(); ++i) {
      if (pipes[i].revents == 0) continue;
      const ssize_t count = ::read(pipes[i].fd, piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        pipes[i].fd = -1;
        continue;
      }
      if (!log_prefix.empty()) logs[i].write(piece.data(), count).flush();
      {
        std::lock_guard lock(mutex_);
        (i == 0 ? output_ : error_).append(piece.data(), static_cast<size_t>(count));
      }
      changed_.notify_all();
    }
  }
  ::close(output);
  ::close(error);
  {
    std::lock_guard lock(mutex_);
    at_end_ = true;
  }
  changed_.notify_all();
}

std::string Process::output() const {
  std::lock_guard lock(mutex_);
  return output_;
}

std::string Process::error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

StatusOr<std::string> Process::WaitForLine(std::string_view text, milliseconds timeout) {
  const SteadyClock::time_point deadline = SteadyClock::now() + timeout;
  std::unique_lock lock(mutex_);
  while (true) {
    const size_t at = output_.find(text);
    if (at != std::string::npos) {
      const size_t begin = output_.rfind('\n', at) + 1;  // npos + 1 is the start of the text.
      const size_t end = output_.find('\n', at);
      if (end != std::string::npos) return output_.substr(begin, end - begin);
    }
    if (at_end_) return Unavailable("process ended without the line \"" + std::string(text) + "\", stderr: " + error_);
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && SteadyClock::now() >= deadline) {
      return DeadlineExceeded("process did not print \"" + std::string(text) + "\" in time, stdout: " + output_ + ", stderr: " + error_);
    }
  }
}

void Process::Signal(int signal) {
  if (!exited_) ::kill(pid_, signal);  // Not reaped yet: the id is still this child's.
}

StatusOr<int> Process::WaitForExit(milliseconds timeout) {
  if (exited_) return wait_status_;
  if (!WaitForEnd(pidfd_, timeout)) return DeadlineExceeded("process still runs, pid=" + std::to_string(pid_));
  while (::waitpid(pid_, &wait_status_, 0) < 0 && errno == EINTR) {
  }
  exited_ = true;
  // What it wrote last belongs to it.
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return at_end_; });
  return wait_status_;
}

std::string DescribeEnd(int wait_status) {
  return WIFEXITED(wait_status) ? "exited with code " + std::to_string(WEXITSTATUS(wait_status))
                                : "was killed by signal " + std::to_string(WTERMSIG(wait_status));
}

std::vector<ProcessInfo> ProcessesWith(const std::string& variable) {
  std::vector<ProcessInfo> found;
  DIR* const proc = ::opendir("/proc");
  if (proc == nullptr) return found;
  while (const dirent* const entry = ::readdir(proc)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0 || pid == ::getpid()) continue;
    const std::string folder = std::string("/proc/") + entry->d_name;
    const std::string environment = '\0' + ReadWhole(folder + "/environ");
    if (environment.find('\0' + variable + '\0') == std::string::npos) continue;
    // "pid (name) state parent ...": the name may contain anything.
    const std::string stat = ReadWhole(folder + "/stat");
    const size_t open = stat.find('(');
    const size_t close = stat.rfind(')');
    if (open == std::string::npos || close == std::string::npos || close + 4 >= stat.size()) continue;
    found.push_back(
        {.pid = pid, .parent = std::atoi(stat.c_str() + close + 4), .name = stat.substr(open + 1, close - open - 1), .zombie = stat[close + 2] == 'Z'});
  }
  ::closedir(proc);
  return found;
}

std::vector<ProcessInfo> DescendantsOf(pid_t ancestor, const std::vector<ProcessInfo>& processes) {
  std::vector<ProcessInfo> found;
  std::set<pid_t> inside = {ancestor};
  for (bool grew = true; grew;) {
    grew = false;
    for (const ProcessInfo& process : processes) {
      if (!inside.contains(process.parent) || !inside.insert(process.pid).second) continue;
      found.push_back(process);
      grew = true;
    }
  }
  return found;
}

Status KillAndAwait(pid_t pid, milliseconds timeout) {
  const int pidfd = OpenPidfd(pid);
  if (pidfd < 0) return Status::Ok();
  ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
  const bool ended = WaitForEnd(pidfd, timeout);
  ::close(pidfd);
  return ended ? Status::Ok() : DeadlineExceeded("process survives SIGKILL, pid=" + std::to_string(pid));
}

std::vector<std::string> FilesWrittenOutside(pid_t pid, const std::string& directory) {
  std::vector<std::string> found;
  std::error_code gone;
  const std::string folder = "/proc/" + std::to_string(pid);
  for (std::filesystem::directory_iterator entry(folder + "/fd", gone), end; !gone && entry != end; entry.increment(gone)) {
    std::error_code closed;
    const std::string target = std::filesystem::read_symlink(entry->path(), closed).string();
    if (closed || !target.starts_with('/') || target.starts_with("/dev/") || target.starts_with("/memfd:") || target.starts_with(directory + "/")) continue;
    // "flags:\t0100001", octal; the last digit's low bits are the access mode.
    const std::string info = ReadWhole(folder + "/fdinfo/" + entry->path().filename().string());
    const size_t at = info.find("flags:");
    if (at == std::string::npos) continue;
    if ((std::strtoul(info.c_str() + at + 6, nullptr, 8) & O_ACCMODE) != O_RDONLY) found.push_back(target);
  }
  return found;
}

bool Eventually(milliseconds timeout, const std::function<bool()>& condition) {
  const SteadyClock::time_point deadline = SteadyClock::now() + timeout;
  while (!condition()) {
    if (SteadyClock::now() >= deadline) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

}  // namespace weir::scenarios
