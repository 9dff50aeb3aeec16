// Processes that others have left behind.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

struct ProcessRecord {
  pid_t process_id = 0;
  pid_t parent = 0;
  pid_t group = 0;
  char state = 0;           // As ps shows it.
  uint64_t start_time = 0;  // In clock ticks since boot.
};
// All there are, from /proc; those that end meanwhile may be missing.
std::vector<ProcessRecord> AllProcesses();

// SIGKILL to what is left in the process group of a leader that has ended: by handle, so that no other process is hit. Nothing when
// another process has the leader's id: the kernel gives it away only once the group is empty, so that what is there now are
// strangers. Processes of other users are left alone. Returns how many were hit.
int KillOrphanedGroup(pid_t leader, uint64_t leader_start_time);

}  // namespace weir
