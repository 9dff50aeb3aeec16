// The launcher: a small process with one thread, forked from the TaskManager before that has any. It starts the workers, so that
// PR_SET_PDEATHSIG follows a thread that lives as long as the process, and kills them all when its socket is at its end.
//
// What a job forks ends with its worker: each worker leads a process group, which is killed before the worker is reaped, while
// nobody else can have its number. What left the group (setsid) becomes a child of the launcher, which is a subreaper, and is
// killed when no worker is left to which it could belong.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/file_descriptor.h"

namespace weir {

// Packets of the launcher's socket (SOCK_SEQPACKET), both ends from one program.
struct LauncherRequest {
  enum class Kind : uint32_t { kLaunch = 1, kKill = 2 };  // A launch brings 3 descriptors: control, output, error.
  Kind kind = Kind::kLaunch;
  uint64_t serial = 0;
};
struct LauncherReply {
  enum class Kind : uint32_t { kStarted = 1, kExited = 2, kNotStarted = 3 };
  Kind kind = Kind::kStarted;
  uint64_t serial = 0;
  int32_t process_id = 0;
  int32_t wait_status = 0;  // Of kExited.
  char reason[240] = {};    // Of kNotStarted; ends with a zero.
};

struct ForkedLauncher {
  pid_t process_id = 0;
  FileDescriptor socket;  // The TaskManager's end.
};
// Call it first thing in main: the process must have one thread.
StatusOr<ForkedLauncher> ForkLauncher(const std::string& worker_program);

}  // namespace weir
