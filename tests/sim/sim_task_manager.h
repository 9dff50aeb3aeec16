// A simulated TaskManager with its worker: executes commands, relays events, dies and comes back.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "jobmanager/scheduler_events.h"
#include "tests/sim/sim_task.h"

namespace weir::sim {

struct DeployCommand {
  AttemptId attempt;
  std::vector<std::pair<SubtaskId, SubtaskRestore>> tasks;
};
struct TriggerCommand {
  AttemptId attempt;
  CheckpointId id;
  std::vector<SubtaskId> roots;
  std::optional<SavepointRequest> savepoint;
};
struct DrainCommand {
  AttemptId attempt;
  std::vector<SubtaskId> sources;
};
struct NotifyCommand {
  AttemptId attempt;
  CheckpointId id;
  bool completed = false;
  bool stops = false;  // Of a savepoint behind which tasks wait.
};
struct StartCommand {
  AttemptId attempt;
};
struct CancelCommand {
  AttemptId attempt;
};
struct StopCommand {};
struct KillCommand {
  AttemptId attempt;
};

struct Command {
  LeaderEpoch epoch;  // R3
  std::variant<StartCommand, DeployCommand, CancelCommand, TriggerCommand, DrainCommand, NotifyCommand, StopCommand, KillCommand> what;
};

// Channels of all attempts; an attempt's net is broken by whoever ends one of its workers.
using Nets = std::map<AttemptId, std::unique_ptr<Net>>;

class SimTaskManager {
 public:
  // `context` and `nets` outlive it.
  SimTaskManager(SimContext& context, Nets& nets, std::string name, uint32_t slot_count);

  void Execute(const Command& command);
  // One step of one task, if there is a worker.
  void StepTask();
  // Completes one upload, if there is one.
  void StepUpload();
  void KillWorker();
  void Crash();  // The TaskManager with all it has; a new life begins.
  void FailTask();

  // The session: none, or with the leader of an epoch. Both queues are lost with it.
  void Connect(LeaderEpoch epoch);
  void Disconnect();
  std::optional<LeaderEpoch> session() const { return session_; }

  const std::string& name() const { return name_; }
  IncarnationId incarnation() const { return incarnation_; }
  uint32_t slot_count() const { return slot_count_; }
  bool has_worker() const { return worker_.has_value(); }
  LeaderEpoch seen_epoch() const { return seen_epoch_; }

  std::deque<Command> commands;           // From the leader.
  std::deque<TaskManagerMessage> events;  // To the leader.

 private:
  struct Worker {
    AttemptId attempt;
    bool deployed = false;
    bool cancelled = false;  // The attempt will get no tasks any more.
    std::vector<std::unique_ptr<SimTask>> tasks;
  };

  void On(const StartCommand& command);
  void On(const DeployCommand& command);
  void On(const CancelCommand& command);
  void On(const TriggerCommand& command);
  void On(const DrainCommand& command);
  void On(const NotifyCommand& command);
  void On(const StopCommand& command);
  void On(const KillCommand& command);

  void Send(TaskManagerMessage message);
  void EndTasks();
  void Collect(SimTask& task);
  bool Runs(AttemptId attempt) const { return worker_.has_value() && worker_->attempt == attempt; }

  SimContext& context_;
  Nets& nets_;
  const std::string name_;
  const uint32_t slot_count_;
  IncarnationId incarnation_;
  std::optional<LeaderEpoch> session_;
  LeaderEpoch seen_epoch_;
  std::optional<Worker> worker_;
  std::vector<Upload> uploads_;
};

}  // namespace weir::sim
