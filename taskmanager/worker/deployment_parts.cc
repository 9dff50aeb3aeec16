#include "taskmanager/worker/deployment_parts.h"

#include <string>
#include <utility>

#include "base/status_macros.h"
#include "proto/convert.h"
#include "proto/messages.pb.h"

namespace weir {

StatusOr<std::optional<std::vector<TaskDeployment>>> DeploymentParts::Add(const proto::DeployTasks& part) {
  const AttemptId attempt = FromProto(part.attempt());
  if (attempt != attempt_) next_part_ = 0;
  std::vector<TaskDeployment> tasks = next_part_ == 0 ? std::vector<TaskDeployment>() : std::move(tasks_);
  const uint32_t expected = std::exchange(next_part_, 0);  // Whatever goes wrong, nothing is held.
  tasks_.clear();
  attempt_ = attempt;
  if (part.part() != expected) {
    return FailedPrecondition("part of a deployment out of its turn, attempt=" + attempt.ToString() + ", part=" + std::to_string(part.part()) +
                              ", expected=" + std::to_string(expected));
  }
  for (const proto::TaskDeployment& message : part.tasks()) {
    ASSIGN_OR_RETURN(TaskDeployment task, FromProto(message));
    tasks.push_back(std::move(task));
  }
  if (!part.more()) return std::optional(std::move(tasks));
  tasks_ = std::move(tasks);
  next_part_ = expected + 1;
  return std::optional<std::vector<TaskDeployment>>();
}

void DeploymentParts::Drop(AttemptId attempt) {
  if (attempt < attempt_) return;
  next_part_ = 0;
  tasks_.clear();
}

}  // namespace weir
