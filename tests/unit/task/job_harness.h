// Runs a whole job on worker runtimes inside the test, with the test as its JobManager.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "runtime/task/worker_runtime.h"
#include <weir/weir.h>

namespace weir::testing {

struct HarnessOptions {
  uint32_t workers = 1;
  uint32_t parallelism = 1;
  SlotTask::Threading threading = SlotTask::Threading::kSlot;
  PartitionLimits limits;
  ChannelLimits channel_limits;
  int64_t watchdog_interval_ms = 60'000;
  int64_t cancellation_timeout_ms = 30'000;
  std::function<std::function<std::string()>(pthread_t)> take_stack;
  std::function<std::shared_ptr<ColdRowsFactory>(const std::string& directory)> state_backend;  // Of each worker; null: memory.
};

// Control thread: the test's. Every wait has a deadline and fails the test with what was missing.
class JobHarness {
 public:
  using Build = std::function<void(StreamExecutionEnvironment&)>;

  JobHarness(HarnessOptions options, Build build);
  ~JobHarness();

  // Deploys a new attempt, from the newest completed checkpoint if there is one.
  void Start();
  // Takes one checkpoint and completes it. False when it was declined.
  bool Checkpoint();
  // The next Start begins with what `other` completed last, dealt out anew when the parallelism differs. `other` is not running
  // any more, and outlives this one. An error of the assignment fails the test. `ended` = false: what had drained goes on, as from
  // a savepoint of a job that was told to drain.
  void RestoreFrom(const JobHarness& other, bool ended = true);
  // Called when a task has acknowledged a checkpoint that is being taken.
  void OnAcknowledged(std::function<void(SubtaskId)> callback) { on_acknowledged_ = std::move(callback); }
  // Takes one that is never completed.
  void AbortedCheckpoint();
  // Takes a savepoint and tells nobody. From then on Start and RestoreFrom begin with it. False when it was declined.
  bool Savepoint(SavepointOrder order);
  // Says how the last savepoint that stops ended: complete tasks end, aborted ones go on.
  void EndSavepoint(bool completed);
  void DrainSources();
  // Runs until every task has drained, then completes final checkpoints until all have finished.
  void RunToEnd();
  // Ends the attempt as a failure would: whatever was not completed is lost.
  void Kill();
  // At the end, for tests that look at what is left. Requires: Kill or RunToEnd.
  void StopWorkers();
  void WaitFor(const char* what, const std::function<bool()>& done);
  void WaitForState(TaskState state);

  const std::map<SubtaskId, TaskState>& states() const { return states_; }
  const std::map<SubtaskId, TaskSnapshot>& completed() const { return completed_; }
  Status failure() const { return failure_; }
  // The last report of the watchdog about each task that it ever reported.
  const std::map<SubtaskId, StuckStep>& stuck() const { return stuck_; }
  uint64_t RecordsIn(const std::string& vertex_name_part);
  WorkerRuntime& worker(size_t index) { return *workers_[index]->runtime; }
  const JobPlan& plan() const { return plan_; }
  const std::string& directory() const { return directory_; }

 private:
  class Events;
  struct Worker {
    std::unique_ptr<WorkerRuntime> runtime;
    int listener = -1;
    std::string address;
    std::thread acceptor;
  };
  void MakeWorkers();
  void Listen(Worker& worker);
  void Post(std::function<void()> event);
  std::vector<SubtaskId> Roots() const;
  size_t WorkerOf(SubtaskId subtask) const;
  TaskDeployment DeploymentOf(SubtaskId subtask) const;
  void TakeForCompleted(CheckpointId id);
  bool Trigger(CheckpointId id, std::shared_ptr<const SavepointOrder> savepoint);

  const HarnessOptions options_;
  const Build build_;
  std::string directory_;
  SystemClock clock_;
  std::shared_ptr<StreamGraph> graph_;
  JobPlan plan_;
  JobId job_ = JobId::Random();
  std::unique_ptr<Events> events_;
  std::vector<std::unique_ptr<Worker>> workers_;

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> queue_;  // Guarded by mutex_.

  AttemptId attempt_{LeaderEpoch{1}, 0};
  uint64_t next_checkpoint_ = 1;
  std::map<SubtaskId, TaskState> states_;
  std::map<SubtaskId, TaskSnapshot> acknowledged_;
  std::function<void(SubtaskId)> on_acknowledged_;
  bool declined_ = false;
  uint32_t cancelled_workers_ = 0;
  std::map<SubtaskId, TaskSnapshot> completed_;      // Of the newest completed checkpoint.
  std::set<SubtaskId> finished_at_completed_;
  CheckpointId completed_id_;
  Status failure_;
  std::map<SubtaskId, StuckStep> stuck_;
};

}  // namespace weir::testing
