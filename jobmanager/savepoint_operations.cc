#include "jobmanager/savepoint_operations.h"

#include <algorithm>

#include "base/check.h"

namespace weir {

const SavepointOperations::Operation& SavepointOperations::Begin(const std::string& trigger_id, AfterSavepoint after, const std::string& directory) {
  CHECK(!full());
  Operation& operation = operations_.emplace_back();
  operation.number = next_number_++;
  operation.trigger_id = trigger_id;
  operation.after = after;
  operation.directory = directory;
  return operation;
}

const SavepointOperations::Operation* SavepointOperations::Find(std::string_view trigger_id) const {
  const auto found = std::find_if(operations_.begin(), operations_.end(), [trigger_id](const Operation& each) { return each.trigger_id == trigger_id; });
  return found != operations_.end() ? &*found : nullptr;
}

const SavepointOperations::Operation* SavepointOperations::Find(uint64_t number) const {
  const auto found = std::find_if(operations_.begin(), operations_.end(), [number](const Operation& each) { return each.number == number; });
  return found != operations_.end() ? &*found : nullptr;
}

void SavepointOperations::OnSavepointComplete(uint64_t number) {
  Operation* const operation = FindOpen(number);
  if (operation == nullptr) return;
  operation->complete = true;
  const bool awaits_the_end = operation->after == AfterSavepoint::kStop || operation->after == AfterSavepoint::kDrain;
  if (!awaits_the_end) End(*operation, Status::Ok());
}

void SavepointOperations::OnSavepointFailed(uint64_t number, const std::string& reason) {
  if (Operation* const operation = FindOpen(number)) End(*operation, FailedPrecondition("the savepoint was not taken: " + reason));
}

void SavepointOperations::OnJobStatus(JobStatus status, const Status& cause) {
  if (status == JobStatus::kRunning) return;
  std::deque<uint64_t> numbers;
  for (const Operation& operation : operations_) {
    if ((operation.complete || status == JobStatus::kSuspended) && !operation.ended) numbers.push_back(operation.number);
  }
  for (const uint64_t number : numbers) {
    Operation& operation = *FindOpen(number);
    if (!operation.complete) {  // Nobody will say any more.
      End(operation, FailedPrecondition("another leader owns the job: it is not known here what became of savepoint " + operation.directory));
      continue;
    }
    const std::string what =
        status == JobStatus::kRestarting ? "so that it goes on from there" : "so that not all of its effects may be committed: start a job from it";
    End(operation, status == JobStatus::kFinished
                       ? Status::Ok()
                       : FailedPrecondition("savepoint " + operation.directory + " is complete, but the job did not stop, " + what +
                                            ", state=" + std::string(JobStatusName(status)) + (cause.ok() ? "" : ": " + cause.message())));
  }
}

size_t SavepointOperations::waiting_count() const {
  return static_cast<size_t>(std::count_if(operations_.begin(), operations_.end(), [](const Operation& each) { return !each.ended; }));
}

SavepointOperations::Operation* SavepointOperations::FindOpen(uint64_t number) {
  const auto found = std::find_if(operations_.begin(), operations_.end(), [number](const Operation& each) { return each.number == number && !each.ended; });
  return found != operations_.end() ? &*found : nullptr;
}

void SavepointOperations::End(Operation& operation, const Status& failure) {
  operation.ended = true;
  operation.failure = failure;
  if (operations_.size() - waiting_count() <= kEndedMax) return;
  operations_.erase(std::find_if(operations_.begin(), operations_.end(), [](const Operation& each) { return each.ended; }));
}

}  // namespace weir
