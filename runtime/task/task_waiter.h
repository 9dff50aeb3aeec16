// The one place where a task waits: output without credit.
#pragma once

#include <functional>
#include <string>

namespace weir {

// Thrown through user code when a waiting task is cancelled; caught in StreamTask::Step.
struct TaskCancelled {};

// Thrown when a channel broke: the peer is most likely gone, and whoever watches it knows why.
struct ChannelBroken {
  std::string reason;
};

// Thread: task.
class TaskWaiter {
 public:
  virtual ~TaskWaiter() = default;
  // Returns once `ready` holds; other tasks and sockets of the slot go on meanwhile. Throws TaskCancelled or
  // ChannelBroken when the wait is disturbed.
  virtual void WaitUntil(const std::function<bool()>& ready) = 0;
};

}  // namespace weir
