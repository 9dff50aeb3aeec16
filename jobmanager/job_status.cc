#include "jobmanager/job_status.h"

namespace weir {

std::string_view JobStatusName(JobStatus status) {
  switch (status) {
    case JobStatus::kInitializing: return "INITIALIZING";
    case JobStatus::kCreated: return "CREATED";
    case JobStatus::kRunning: return "RUNNING";
    case JobStatus::kRestarting: return "RESTARTING";
    case JobStatus::kCancelling: return "CANCELLING";
    case JobStatus::kCanceled: return "CANCELED";
    case JobStatus::kFailing: return "FAILING";
    case JobStatus::kFailed: return "FAILED";
    case JobStatus::kFinished: return "FINISHED";
    case JobStatus::kSuspended: return "SUSPENDED";
  }
  return "UNKNOWN";
}

bool IsTerminal(JobStatus status) {
  return status == JobStatus::kCanceled || status == JobStatus::kFailed || status == JobStatus::kFinished;
}

std::string_view TaskStatusName(TaskStatus status) {
  switch (status) {
    case TaskStatus::kCreated: return "CREATED";
    case TaskStatus::kScheduled: return "SCHEDULED";
    case TaskStatus::kDeploying: return "DEPLOYING";
    case TaskStatus::kInitializing: return "INITIALIZING";
    case TaskStatus::kRunning: return "RUNNING";
    case TaskStatus::kDrained: return "RUNNING";
    case TaskStatus::kFinished: return "FINISHED";
    case TaskStatus::kCanceled: return "CANCELED";
    case TaskStatus::kFailed: return "FAILED";
  }
  return "UNKNOWN";
}

bool HasEnded(TaskStatus status) {
  return status == TaskStatus::kFinished || status == TaskStatus::kCanceled || status == TaskStatus::kFailed;
}

}  // namespace weir
