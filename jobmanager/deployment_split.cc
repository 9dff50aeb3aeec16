#include "jobmanager/deployment_split.h"

#include <string>
#include <utility>

#include "proto/convert.h"

namespace weir {

StatusOr<std::vector<proto::DeployTasks>> SplitDeployment(AttemptId attempt, std::vector<proto::TaskDeployment> tasks, uint64_t part_bytes_target,
                                                          uint64_t task_bytes_max) {
  std::vector<proto::DeployTasks> parts;
  uint64_t part_bytes = 0;
  const auto begin = [&] {
    if (!parts.empty()) parts.back().set_more(true);
    proto::DeployTasks& part = parts.emplace_back();
    *part.mutable_attempt() = ToProto(attempt);
    part.set_part(static_cast<uint32_t>(parts.size() - 1));
    part_bytes = 0;
  };
  begin();
  for (proto::TaskDeployment& task : tasks) {
    const uint64_t bytes = task.ByteSizeLong();
    if (bytes > task_bytes_max) {
      return ResourceExhausted("the deployment of a subtask is too large for a message, vertex=" + std::to_string(task.subtask().vertex()) + ", subtask=" +
                               std::to_string(task.subtask().subtask()) + ", size=" + std::to_string(bytes) + ", limit=" + std::to_string(task_bytes_max) +
                               ": its state travels inline, lower execution.checkpointing.data-inline-threshold or raise the parallelism");
    }
    if (parts.back().tasks_size() > 0 && part_bytes + bytes > part_bytes_target) begin();
    part_bytes += bytes;
    *parts.back().add_tasks() = std::move(task);
  }
  return parts;
}

}  // namespace weir
