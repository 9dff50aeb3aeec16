// A simulated JobManager: the thin loop that turns the actions of the pure classes into messages and files.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jobmanager/checkpoint_coordinator.h"
#include "jobmanager/scheduler.h"
#include "jobmanager/slot_pool.h"
#include "state/checkpoint/chain.h"
#include "tests/sim/sim_task_manager.h"

namespace weir::sim {

class SimJobManager {
 public:
  enum class Phase : uint8_t { kLoading, kTakingOver, kRestoring, kLeading, kEnded, kDeposed };
  using SendFunction = std::function<void(const std::string& task_manager, Command command)>;

  // `context` outlives it. `send` drops what has no session.
  SimJobManager(SimContext& context, LeaderEpoch epoch, SendFunction send);

  Phase phase() const { return phase_; }
  LeaderEpoch epoch() const { return epoch_; }
  std::optional<JobStatus> ended() const { return ended_; }
  std::string Describe() const;

  void Report(const SimTaskManager& task_manager);       // Registration or heartbeat: in full.
  void SessionLost(const SimTaskManager& task_manager, IncarnationId incarnation);
  void Handle(TaskManagerMessage message);
  void StepFiles();                                      // One try of whatever waits for storage.
  void RequestSavepoint();                               // Of any kind, if the job runs.
  // The savepoint that ended the job, if one did.
  std::optional<std::string> StoppedWith() const;
  void StepClock();                                      // Fires timers that are due.
  std::optional<int64_t> NextTimer() const;

 private:
  void StepLoading();
  void StepTakingOver();
  void StepRestoring();
  void StepPublication();
  void StepSavepoint();
  void FailSavepoint(const std::string& reason);
  void StepTerminal();
  void Lead(std::optional<CheckpointId> restored);
  void Depose();
  void EndDamaged(const Status& status);
  void DeleteUnused(bool ended);

  void ToScheduler(const SchedulerEvent::Any& event);
  void ToCoordinator(const CoordinatorEvent::Any& event);
  void ToPool(const SlotPoolEvent::Any& event);

  void Do(const SchedulerAction::RequestSlots& action);
  void Do(const SchedulerAction::ReleaseSlots& action);
  void Do(const SchedulerAction::StartWorker& action);
  void Do(const SchedulerAction::DeployTasks& action);
  void Do(const SchedulerAction::CancelTasks& action);
  void Do(const SchedulerAction::StopWorker& action);
  void Do(const SchedulerAction::KillWorker& action);
  void Do(const SchedulerAction::StartCheckpointing& action);
  void Do(const SchedulerAction::StopCheckpointing& action);
  void Do(const SchedulerAction::ScheduleTick& action);
  void Do(const SchedulerAction::StatusChanged& action);
  void Do(const SchedulerAction::WriteTerminal& action);
  void Do(const SchedulerAction::JobEnded& action);
  void Do(const SchedulerAction::MessageIgnored&) {}
  void Do(const CoordinatorAction::TriggerCheckpoint& action);
  void Do(const CoordinatorAction::Publish& action);
  void Do(const CoordinatorAction::DrainSources& action);
  void Do(const CoordinatorAction::SavepointEnded& action);
  void Do(const CoordinatorAction::RetryPublish&) {}  // StepFiles tries again anyway.
  void Do(const CoordinatorAction::NotifyComplete& action);
  void Do(const CoordinatorAction::NotifyAborted& action);
  void Do(const CoordinatorAction::ReleaseOlder& action);
  void Do(const CoordinatorAction::FailAttempt& action);
  void Do(const CoordinatorAction::ScheduleTick& action);
  void Do(const CoordinatorAction::MessageIgnored&) {}
  void Do(const SlotPoolAction::SlotsGranted& action);
  void Do(const SlotPoolAction::TaskManagerGone& action);
  void Do(const SlotPoolAction::StopStrayWorker& action);

  void Send(const std::string& task_manager, decltype(Command::what) what) { send_(task_manager, {epoch_, std::move(what)}); }
  void SendToAll(const decltype(Command::what)& what);
  void CheckFiles(const CheckpointMetadata& metadata);
  void CheckPublished(const CheckpointMetadata& metadata);

  SimContext& context_;
  const LeaderEpoch epoch_;
  const SendFunction send_;
  Phase phase_ = Phase::kLoading;
  Chain chain_;
  CheckpointId highest_known_;
  SlotPool pool_;
  Scheduler scheduler_;
  std::optional<CheckpointCoordinator> coordinator_;      // From kLeading on.
  std::vector<CheckpointMetadata> completed_;             // That are retained, ascending.
  std::optional<CheckpointMetadata> publishing_;
  std::unique_ptr<CheckpointPublication> publication_;    // Of publishing_.
  std::optional<SavepointRequest> writing_;               // The savepoint that publishing_ is, until its metadata is written.
  std::set<CheckpointId> stops_;                          // Savepoints that stop.
  std::optional<TerminalEntry> terminal_;                 // To be written.
  std::set<int64_t> timers_;
  std::optional<JobStatus> ended_;
};

}  // namespace weir::sim
