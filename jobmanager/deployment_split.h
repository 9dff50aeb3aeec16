// A deployment cut into messages that every receiver takes: state that travels inline may be large.
#pragma once

#include <cstdint>
#include <vector>

#include <weir/core/status.h>

#include "base/ids.h"
#include "proto/messages.pb.h"

namespace weir {

// A message ends before its tasks pass this, unless one task alone does.
inline constexpr uint64_t kDeploymentBytesTarget = 16u << 20;

// All tasks of one TaskManager, in order. At least one part, though it be empty. kResourceExhausted, which names the subtask, when one
// task alone is beyond `task_bytes_max`.
StatusOr<std::vector<proto::DeployTasks>> SplitDeployment(AttemptId attempt, std::vector<proto::TaskDeployment> tasks, uint64_t part_bytes_target,
                                                          uint64_t task_bytes_max);

}  // namespace weir
