#include "proto/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/status_macros.h"
#include "base/file_descriptor.h"

namespace weir {
namespace {

// Between fork and exec: only what is safe after a fork of a process with threads. Never returns.
[[noreturn]] void RunChild(const ChildProgram& program, char* const* arguments, pid_t parent, int error_pipe, int first_free) {
  const auto fail = [&] {
    const int error = errno;
    const ssize_t ignored = ::write(error_pipe, &error, sizeof(error));
    static_cast<void>(ignored);
    ::_exit(127);
  };
  if (program.own_process_group) ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // It ended before the call above.
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Out of the way first, so that no target overwrites a source.
  const int pipe_moved = ::fcntl(error_pipe, F_DUPFD_CLOEXEC, first_free);
  if (pipe_moved < 0) fail();
  error_pipe = pipe_moved;
  int moved[8];
  for (size_t i = 0; i < program.descriptors.size(); ++i) {
    moved[i] = ::fcntl(program.descriptors[i].from, F_DUPFD_CLOEXEC, first_free);
    if (moved[i] < 0) fail();
  }
  for (size_t i = 0; i < program.descriptors.size(); ++i) {
    if (::dup2(moved[i], program.descriptors[i].to) < 0) fail();
  }
  ::close_range(static_cast<unsigned>(first_free), UINT_MAX, CLOSE_RANGE_CLOEXEC);
  ::execv(program.path.c_str(), arguments);
  fail();
  ::_exit(127);
}

}  // namespace

StatusOr<pid_t> StartChild(const ChildProgram& program) {
  constexpr size_t kDescriptorsMax = 8;
  if (program.descriptors.size() > kDescriptorsMax) return InvalidArgument("too many descriptors for a child");
  std::vector<char*> arguments = {const_cast<char*>(program.path.c_str())};
  for (const std::string& argument : program.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  int first_free = 3;
  for (const ChildProgram::Descriptor& descriptor : program.descriptors) first_free = std::max(first_free, descriptor.to + 1);
  ASSIGN_OR_RETURN(DescriptorPair error_pipe, NewPipe());

  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return Unavailable(std::string("no process can be made: ") + std::strerror(errno));
  if (child == 0) RunChild(program, arguments.data(), parent, error_pipe.second.get(), first_free);
  error_pipe.second.Close();
  int error = 0;
  ssize_t count = 0;
  do count = ::read(error_pipe.first.get(), &error, sizeof(error));
  while (count < 0 && errno == EINTR);
  if (count == 0) return child;  // exec closed the pipe.
  int ignored = 0;
  ::waitpid(child, &ignored, 0);
  const std::string message = "program cannot be started: " + std::string(std::strerror(error)) + ", path=" + program.path;
  return error == ENOENT ? NotFound(message) : Unavailable(message);
}

std::string DescribeExit(int wait_status) {
  if (WIFEXITED(wait_status)) return "exited with code " + std::to_string(WEXITSTATUS(wait_status));
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    const char* const name = ::strsignal(signal);
    return "was killed by signal " + std::to_string(signal) + " (" + (name != nullptr ? name : "?") + ")";
  }
  return "ended with wait status " + std::to_string(wait_status);
}

std::string ProgramDirectory() {
  std::string path(PATH_MAX, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(length > 0 ? static_cast<size_t>(length) : 0);
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace weir
