// States of jobs and tasks as people and tools see them: Flink's names.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

enum class JobStatus : uint8_t {
  kInitializing,
  kCreated,
  kRunning,
  kRestarting,
  kCancelling,
  kCanceled,
  kFailing,
  kFailed,
  kFinished,
  kSuspended,
};
std::string_view JobStatusName(JobStatus status);  // "RUNNING"
bool IsTerminal(JobStatus status);                 // CANCELED, FAILED or FINISHED.

// In the order of a task's life; a task never goes back.
enum class TaskStatus : uint8_t {
  kCreated,
  kScheduled,
  kDeploying,
  kInitializing,
  kRunning,
  kDrained,  // All input processed; shown as RUNNING.
  kFinished,
  kCanceled,
  kFailed,
};
std::string_view TaskStatusName(TaskStatus status);
bool HasEnded(TaskStatus status);  // FINISHED, CANCELED or FAILED.

}  // namespace weir
