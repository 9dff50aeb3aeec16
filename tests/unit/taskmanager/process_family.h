// A process that leads a group and has children, for tests of what becomes of them.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "proto/child_process.h"
#include "base/file_descriptor.h"

namespace weir::testing {

// True when the process has ended within the deadline.
inline bool WaitUntilGone(pid_t process_id) {
  const FileDescriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, process_id, 0)));
  if (!handle.valid()) return true;
  pollfd ended{handle.get(), POLLIN, 0};
  return ::poll(&ended, 1, 30'000) == 1;
}

// The number on the next line; 0, and the test has failed, when there is none.
inline pid_t ReadNumber(int fd) {
  std::string line;
  char byte = 0;
  while (::read(fd, &byte, 1) == 1 && byte != '\n') line += byte;
  EXPECT_FALSE(line.empty());
  return line.empty() ? 0 : std::stoi(line);
}

// `leader` with one child in its group; both sleep. The destructor ends and reaps what is left of them.
struct ProcessFamily {
  ProcessFamily() {
    DescriptorPair pipe = std::move(*NewPipe());
    ChildProgram program;
    program.path = "/bin/sh";
    program.arguments = {"-c", "sleep 1000 & echo $!; wait"};
    program.own_process_group = true;
    program.descriptors = {{pipe.second.get(), STDOUT_FILENO}};
    const StatusOr<pid_t> started = StartChild(program);
    EXPECT_TRUE(started.ok());
    leader = *started;
    child = ReadNumber(pipe.first.get());
  }
  ~ProcessFamily() {
    ::kill(-leader, SIGKILL);
    ::waitpid(leader, nullptr, 0);
  }
  ProcessFamily(const ProcessFamily&) = delete;
  ProcessFamily& operator=(const ProcessFamily&) = delete;

  void KillLeader() const {
    ::kill(leader, SIGKILL);
    EXPECT_TRUE(WaitUntilGone(leader));
  }
  bool ChildLives() const {
    const FileDescriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    pollfd ended{handle.get(), POLLIN, 0};
    return handle.valid() && ::poll(&ended, 1, 0) == 0;
  }

  pid_t leader = 0;
  pid_t child = 0;
};

}  // namespace weir::testing
