// Decides when checkpoints of one job are triggered, which acknowledgements complete one, and what follows from the
// outcome of its publication. Pure: events in, actions out.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/graph/job_graph.h"
#include "state/checkpoint/checkpoint_metadata.h"

namespace weir {

// A savepoint that somebody asked for, and what is to follow it.
struct SavepointRequest {
  enum class After : uint8_t {
    kContinue,  // The job goes on.
    kStop,      // Nothing is emitted behind the savepoint; once it is published the job finishes.
    kDrain,     // As at the end of all input; the savepoint covers the end, then the job finishes.
  };
  uint64_t number = 0;  // The caller's, each once.
  SavepointFormat format = SavepointFormat::kCanonical;
  std::string directory;
  After after = After::kContinue;
  bool stops() const { return after != After::kContinue; }
};

// What a checkpoint is taken for, with Flink's names.
enum class CheckpointType : uint8_t { kCheckpoint, kSavepoint, kSyncSavepoint };
std::string_view CheckpointTypeName(CheckpointType type);  // "SYNC_SAVEPOINT"
CheckpointType TypeOf(const std::optional<SavepointRequest>& savepoint);

// What the coordinator hears of.
struct CoordinatorEvent {
  // All tasks of a new attempt run. `last_id` is the highest checkpoint id that anybody may have used (R9: ids only grow).
  struct AttemptStarted {
    AttemptId attempt;
    CheckpointId last_id;
    int64_t wall_offset_ms = 0;         // Wall clock minus the clock of `now_ms`, for time stamps.
    std::vector<SubtaskId> finished;    // Tasks that have finished already,
    std::vector<SubtaskId> drained;     // or have processed all their input.
  };
  // No more checkpoints of this attempt: it restarts, is cancelled or has ended.
  struct AttemptStopped {
    AttemptId attempt;
  };
  struct TaskDrained {
    AttemptId attempt;
    SubtaskId subtask;
  };
  struct TaskFinished {
    AttemptId attempt;
    SubtaskId subtask;
  };
  struct Acknowledged {
    AttemptId attempt;
    SubtaskId subtask;
    CheckpointId id;
    TaskSnapshot snapshot;
  };
  struct Declined {
    AttemptId attempt;
    SubtaskId subtask;
    CheckpointId id;
    std::string reason;
  };
  // Outcomes of the Publish action: the chain record is durable; it will never be; not known yet (R5).
  struct Published {
    CheckpointId id;
  };
  struct PublishFailed {
    CheckpointId id;
    std::string reason;
  };
  struct PublishUnknown {
    CheckpointId id;
  };
  struct Tick {};
  struct TriggerRequested {};  // By a person: at once, whatever interval and pause say.
  // Answered by exactly one SavepointEnded. Waits for a checkpoint under way and goes before periodic ones, also where there are none.
  struct SavepointRequested {
    SavepointRequest request;
  };

  using Any = std::variant<AttemptStarted, AttemptStopped, TaskDrained, TaskFinished, Acknowledged, Declined, Published,
                           PublishFailed, PublishUnknown, Tick, TriggerRequested, SavepointRequested>;
};

// Why a message changed nothing.
enum class CoordinatorVerdict : uint8_t {
  kStaleAttempt,        // Of an attempt that is not the running one (R9).
  kUnknownSubtask,
  kUnknownCheckpoint,   // An id that was never triggered.
  kLate,                // Its checkpoint was completed or aborted already.
  kDuplicate,           // This subtask had acknowledged, drained or finished already.
  kNotExpected,         // The subtask had finished before the checkpoint began.
  kNotPublishing,       // The outcome of a publication that is not in flight.
};
std::string_view CoordinatorVerdictName(CoordinatorVerdict verdict);

enum class CheckpointFailure : uint8_t { kDeclined, kExpired, kTaskFinished, kAttemptStopped, kPublishFailed };
std::string_view CheckpointFailureName(CheckpointFailure failure);

// What is to be done, in this order.
struct CoordinatorAction {
  struct TriggerCheckpoint {
    AttemptId attempt;
    CheckpointId id;
    int64_t timestamp_ms = 0;
    std::vector<SubtaskId> roots;  // Who gets the trigger; the others get barriers.
    std::optional<SavepointRequest> savepoint = {};
  };
  struct Publish {
    CheckpointMetadata metadata;
    // Set: written to its own directory. Recovery may start from one that stops (a chain record), never from another.
    std::optional<SavepointRequest> savepoint = {};
  };
  // Sources end their data. What follows is a savepoint when all tasks have drained.
  struct DrainSources {
    AttemptId attempt;
    std::vector<SubtaskId> sources;
  };
  struct SavepointEnded {
    SavepointRequest request;
    CheckpointId id;                     // 0: it was not triggered.
    std::optional<std::string> failure;  // Why there is none.
  };
  struct RetryPublish {  // The same content, after a pause of the caller's choice.
    CheckpointId id;
  };
  struct NotifyComplete {  // To all tasks of the attempt (R11).
    AttemptId attempt;
    CheckpointId id;
  };
  struct NotifyAborted {
    AttemptId attempt;
    CheckpointId id;
    CheckpointFailure failure = CheckpointFailure::kDeclined;
    std::string reason;
  };
  // Checkpoints below `oldest_retained` are no longer needed; R18 decides about their files.
  struct ReleaseOlder {
    CheckpointId oldest_retained;
  };
  // More consecutive failures than tolerated.
  struct FailAttempt {
    AttemptId attempt;
    std::string reason;
    // A drained job cannot go on, though nothing is wrong with it: its restart is no failure to be counted.
    bool restarts_only = false;
  };
  struct ScheduleTick {
    int64_t at_ms = 0;
  };
  struct MessageIgnored {
    CoordinatorVerdict verdict = CoordinatorVerdict::kStaleAttempt;
  };

  using Any = std::variant<TriggerCheckpoint, Publish, DrainSources, SavepointEnded, RetryPublish, NotifyComplete, NotifyAborted,
                           ReleaseOlder, FailAttempt, ScheduleTick, MessageIgnored>;
};

// Thread: the JobMaster's loop. No I/O, no clock. At most one checkpoint is pending or being published at any time.
//
//              AttemptStarted           trigger              all acknowledged
//   kStopped ----------------> kRunning -------> kPending ------------------> kPublishing
//      ^  ^                     |  ^  ^            |  |                         |  |  |
//      |  +---AttemptStopped----+  |  +---abort----+  |      settled            |  |  |
//      |                           +------------------|-------------------------+  |  |
//      +---------------------AttemptStopped-----------+                            |  |
//      +---------------- settled ------------ kPublishingStopped <--AttemptStopped-+  |
//
// A publication in flight outlives its attempt: nothing else begins before its outcome is known (R10).
//
// Savepoints are checkpoints of their own: aligned, with the next id, one at a time with the others, beyond interval and pause. They
// are not retained, not counted among the failures that are tolerated, and not notified, so that nothing is committed on the strength of what recovery
// does not start from. One that stops the job is all of that: its tasks wait for the notification and then end.
class CheckpointCoordinator {
 public:
  static constexpr size_t kSavepointRequestsMax = 1'000;  // That wait.
  enum class Phase : uint8_t { kStopped, kRunning, kPending, kPublishing, kPublishingStopped };
  using Actions = std::vector<CoordinatorAction::Any>;

  // Requires: graph.Validate() is ok. `already_retained`: ids of the completed checkpoints that the chain holds, ascending.
  CheckpointCoordinator(const JobGraph& graph, JobId job_id, std::vector<CheckpointId> already_retained);

  // Requires: `now_ms` does not decrease.
  Actions Step(const CoordinatorEvent::Any& event, int64_t now_ms);

  Phase phase() const { return phase_; }
  CheckpointId last_id() const { return last_id_; }
  uint32_t consecutive_failures() const { return consecutive_failures_; }
  bool publishing() const { return phase_ == Phase::kPublishing || phase_ == Phase::kPublishingStopped; }

 private:
  enum class TaskState : uint8_t { kRunning, kDrained, kFinished };
  // How far a request has come to end this attempt: kNo -> kDraining (a request to drain; nothing else is triggered)
  // -> kStopped (its savepoint, or one that stops, is published). A new attempt begins with kNo.
  enum class Stopping : uint8_t { kNo, kDraining, kStopped };
  struct Task {
    TaskState state = TaskState::kRunning;
    bool ordered_to_drain = false;  // It drained by order, as far as is known: restored from the savepoint it goes on.
    bool covered = false;  // A published checkpoint of this attempt holds its drained state.
  };
  struct Pending {
    CheckpointId id;
    int64_t triggered_at_ms = 0;
    int64_t timestamp_ms = 0;
    std::optional<SavepointRequest> savepoint;
    uint32_t missing_count = 0;  // Acknowledgements still to come.
    std::vector<std::vector<bool>> expected;                              // By vertex and subtask: not finished at the trigger.
    std::vector<std::vector<std::optional<TaskSnapshot>>> acknowledged;   // By vertex and subtask.
  };

  void On(const CoordinatorEvent::AttemptStarted& event, Actions& actions);
  void On(const CoordinatorEvent::AttemptStopped& event, Actions& actions);
  void On(const CoordinatorEvent::TaskDrained& event, Actions& actions);
  void On(const CoordinatorEvent::TaskFinished& event, Actions& actions);
  void On(const CoordinatorEvent::Acknowledged& event, Actions& actions);
  void On(const CoordinatorEvent::Declined& event, Actions& actions);
  void On(const CoordinatorEvent::Published& event, Actions& actions);
  void On(const CoordinatorEvent::PublishFailed& event, Actions& actions);
  void On(const CoordinatorEvent::PublishUnknown& event, Actions& actions);
  void On(const CoordinatorEvent::Tick& event, Actions& actions);
  void On(const CoordinatorEvent::TriggerRequested& event, Actions& actions);
  void On(const CoordinatorEvent::SavepointRequested& event, Actions& actions);

  void MoveTo(Phase next);
  bool AttemptRuns() const;
  bool Fence(AttemptId attempt, SubtaskId subtask, Actions& actions) const;
  bool FenceCheckpoint(CheckpointId id, Actions& actions) const;
  Task& TaskOf(SubtaskId subtask) { return tasks_[subtask.vertex.value][subtask.subtask]; }

  void TriggerWhenDue(Actions& actions);
  bool NeedsFinalCheckpoint() const;
  bool AllHaveDrained() const;
  bool AnyIsAboutToEnd() const;
  void Trigger(std::optional<SavepointRequest> savepoint, Actions& actions);
  void BeginDrain(Actions& actions);
  void FailSavepoint(const SavepointRequest& request, CheckpointId id, const std::string& reason, Actions& actions);
  void FailWaitingSavepoints(const std::string& reason, Actions& actions);
  void OnSavepointPublished(Actions& actions);
  void Retain(CheckpointId id, Actions& actions);
  std::vector<SubtaskId> Roots() const;
  bool AllProducersFinished(SubtaskId subtask) const;
  void Publish(Actions& actions);
  void MarkCovered();
  void SpreadOrderToDrain();
  void Abort(CheckpointFailure failure, const std::string& reason, Actions& actions);
  void CountFailure(const std::string& reason, Actions& actions);
  bool IsPublishing(CheckpointId id) const;
  void Settle();
  void ScheduleNextTick(Actions& actions);

  const JobGraph graph_;
  const JobId job_id_;
  Phase phase_ = Phase::kStopped;
  int64_t now_ms_ = 0;
  AttemptId attempt_;
  int64_t wall_offset_ms_ = 0;
  std::vector<std::vector<Task>> tasks_;        // By vertex and subtask.
  CheckpointId last_id_;                        // Highest id ever used. Only grows.
  std::optional<Pending> pending_;              // Set in kPending, kPublishing, kPublishingStopped.
  int64_t next_periodic_ms_ = 0;                // When interval and pause allow the next one.
  int64_t final_not_before_ms_ = 0;             // A failed final checkpoint is not tried again at once.
  bool requested_ = false;                      // TriggerRequested waits for its turn.
  std::deque<SavepointRequest> savepoints_;     // That wait, oldest first; in kDraining the first is the one that drains.
  Stopping stopping_ = Stopping::kNo;
  int64_t drain_deadline_ms_ = 0;               // In kDraining.
  uint32_t consecutive_failures_ = 0;
  std::vector<CheckpointId> retained_;          // Ascending; at most retained_max.
};

}  // namespace weir
