// A whole simulated cluster that runs one job under faults until the job ends or a promise breaks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/sim_context.h"
#include "tests/sim/sim_job_manager.h"
#include "tests/sim/sim_task_manager.h"

namespace weir::sim {

struct SimResult {
  std::optional<std::string> violation;
  uint64_t steps = 0;
  uint64_t published = 0;
  uint64_t leaders = 0;
  uint64_t faults = 0;
  uint64_t savepoints = 0;  // Taken.
  uint64_t stops = 0;       // Jobs that ended with one.
};

// Deterministic: the same seed and mutations give the same run.
class SimWorld {
 public:
  SimWorld(uint64_t seed, const Mutations& mutations, bool verbose);
  SimResult Run();

 private:
  void Step();
  void DeliverCommand(SimTaskManager& task_manager);
  void DeliverEvent(SimTaskManager& task_manager);
  void InjectFault();
  void BreakSession(SimTaskManager& task_manager);
  void ConnectSomebody();
  void DamageChain();
  void NewLeader();
  void StartNextJob(const std::string& savepoint);
  SimJobManager* LeaderOf(const SimTaskManager& task_manager);
  void AdvanceTime(bool jump);
  // Index of the message to deliver; mostly the first.
  size_t PickIndex(size_t count);

  SimContext context_;
  Nets nets_;
  std::vector<std::unique_ptr<SimTaskManager>> task_managers_;
  std::vector<std::unique_ptr<SimJobManager>> leaders_;  // That live; the last one is the newest.
  uint64_t next_epoch_ = 1;
  uint64_t faults_left_ = 0;
  uint64_t damage_at_step_ = 0;  // 0: never.
  uint64_t faults_done_ = 0;
};

}  // namespace weir::sim
