// A deployment that came in several messages, put together again.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <weir/core/status.h>

#include "base/ids.h"
#include "runtime/task/task_deployment.h"

namespace weir::proto {
class DeployTasks;
}

namespace weir {

// Thread: the worker's loop. Parts of one attempt come in order, on one connection; those of a newer attempt replace what is left
// of an older one.
class DeploymentParts {
 public:
  // All tasks of the attempt with its last part, nothing before. kInvalidArgument for a task that is not well formed,
  // kFailedPrecondition for a part out of its turn: what came so far is dropped then.
  StatusOr<std::optional<std::vector<TaskDeployment>>> Add(const proto::DeployTasks& part);
  // Attempts up to this one are over.
  void Drop(AttemptId attempt);

 private:
  AttemptId attempt_;             // Of what is held.
  uint32_t next_part_ = 0;        // 0: nothing is held.
  std::vector<TaskDeployment> tasks_;
};

}  // namespace weir
