// The savepoints of one job that people asked for, from the request to the answer that they poll for.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include <weir/core/status.h>

#include "jobmanager/job_status.h"

namespace weir {

// What is to follow a savepoint, as people ask for it.
enum class AfterSavepoint : uint8_t { kContinue, kStop, kDrain, kCancel };

// Thread: the JobMaster's loop. Pure: no I/O, no clock.
//
//              savepoint complete         job finished
//   kWaiting ----------------------> kComplete ------------> kEnded (with path)
//      |     (to go on or to cancel: at once to kEnded)         ^
//      +--- failure -----------------------------------------+--+ (with failure; with path, too, once complete)
class SavepointOperations {
 public:
  static constexpr size_t kWaitingMax = 1'000;  // More are refused.
  static constexpr size_t kEndedMax = 100;      // The newest; older ones are forgotten.

  struct Operation {
    uint64_t number = 0;
    std::string trigger_id;  // 32 hex digits.
    AfterSavepoint after = AfterSavepoint::kContinue;
    std::string directory;
    bool complete = false;  // The savepoint is there.
    bool ended = false;
    Status failure;  // Of one that has ended: ok when all that was asked for has happened.
  };

  bool full() const { return waiting_count() >= kWaitingMax; }
  // Requires: not full. The reference is good until the next call.
  const Operation& Begin(const std::string& trigger_id, AfterSavepoint after, const std::string& directory);
  const Operation* Find(std::string_view trigger_id) const;
  const Operation* Find(uint64_t number) const;

  void OnSavepointComplete(uint64_t number);
  void OnSavepointFailed(uint64_t number, const std::string& reason);
  // Ends what waits for the end of the job: well when it has finished. `cause`: of a failure; may be ok.
  void OnJobStatus(JobStatus status, const Status& cause);

 private:
  size_t waiting_count() const;
  Operation* FindOpen(uint64_t number);
  void End(Operation& operation, const Status& failure);

  std::deque<Operation> operations_;  // Oldest first.
  uint64_t next_number_ = 1;
};

}  // namespace weir
