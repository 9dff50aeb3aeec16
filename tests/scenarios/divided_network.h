// Two hosts that are network namespaces, with a router between them that can swallow what they send each other.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/scenarios/process.h"

namespace weir::scenarios {

// The router is the network namespace of the calling process, where a JobManager and clients live: both hosts reach it all the
// time. Needs root or user namespaces, and iproute2. Thread: the main one. The namespaces end with it.
class DividedNetwork final {
 public:
  enum class Cut : uint8_t { kBothWays, kFirstToSecond, kSecondToFirst };

  // Moves the calling process into namespaces of its own, for good: to be called once, while it has one thread.
  // kFailedPrecondition when that is not permitted, kUnavailable when a command is missing or fails.
  static StatusOr<std::unique_ptr<DividedNetwork>> Enter();

  // A command that runs what follows on the host (0, 1), with the settings a TaskManager there needs after its own. Execs.
  std::vector<std::string> TaskManagerPrefix(uint32_t host) const;

  // Packets between the hosts vanish without a word to either. Requires: not cut.
  Status Divide(Cut cut);
  // Requires: cut.
  Status Heal();

 private:
  DividedNetwork() = default;

  std::vector<std::unique_ptr<Process>> hosts_;  // Each keeps its namespace alive.
  std::vector<std::string> rules_;               // Of the cut; empty: not cut.
};

}  // namespace weir::scenarios
