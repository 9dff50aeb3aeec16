// The slots of the cluster as leases of jobs, reconciled by full reports of the TaskManagers (R29). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "jobmanager/slot_assignment.h"

namespace weir {

struct SlotPoolEvent {
  // A TaskManager registered or sent a heartbeat: all it has, not what changed.
  struct TaskManagerReported {
    std::string task_manager;
    IncarnationId incarnation;
    uint32_t slot_count = 0;
    std::vector<JobId> workers;  // Jobs whose worker it runs.
  };
  struct TaskManagerLost {
    std::string task_manager;
    IncarnationId incarnation;  // Of the life that is over; another one is not affected.
  };
  // The job wants to hold `slot_count` slots in all; replaces its earlier request.
  struct SlotsRequested {
    JobId job;
    uint32_t slot_count = 0;
  };
  // The job has ended: all its leases and requests are void.
  struct JobReleased {
    JobId job;
  };
  using Any = std::variant<TaskManagerReported, TaskManagerLost, SlotsRequested, JobReleased>;
};

struct SlotPoolAction {
  // All slots that the job holds now, ordered; the request is fulfilled.
  struct SlotsGranted {
    JobId job;
    std::vector<SlotId> slots;
  };
  // The TaskManager is gone, or came back as another process: whatever the job ran there has ended.
  struct TaskManagerGone {
    JobId job;
    std::string task_manager;
  };
  // The TaskManager runs a worker for a job that holds no slot there.
  struct StopStrayWorker {
    JobId job;
    std::string task_manager;
  };
  using Any = std::variant<SlotsGranted, TaskManagerGone, StopStrayWorker>;
};

// Why a request waits.
struct SlotShortage {
  uint32_t needed = 0;  // In all.
  uint32_t held = 0;    // Of these.
  uint32_t free = 0;
  std::string ToString() const;  // "needs 4 slots, 2 free"
};

// Thread: the ResourceManager's loop. A request is granted as a whole or waits; waiting ones are looked at in the order in
// which they came, and a small one may pass a large one that does not fit.
class SlotPool {
 public:
  struct Options {
    bool spread_out = false;                  // taskmanager.load-balance.mode: SLOTS
    uint32_t task_manager_count_max = 10'000;
  };
  using Actions = std::vector<SlotPoolAction::Any>;

  explicit SlotPool(Options options);

  Actions Step(const SlotPoolEvent::Any& event);

  uint32_t TotalSlots() const;
  uint32_t FreeSlots() const;
  std::vector<SlotId> SlotsOf(JobId job) const;
  // Unset unless the job waits for slots.
  std::optional<SlotShortage> ShortageOf(JobId job) const;

 private:
  struct TaskManager {
    IncarnationId incarnation;
    std::vector<JobId> slots;    // By index: who holds it; zero = free.
    std::vector<JobId> workers;  // As reported, and jobs with a lease here.
  };
  struct Request {
    JobId job;
    uint32_t slot_count = 0;
  };

  void On(const SlotPoolEvent::TaskManagerReported& event, Actions& actions);
  void On(const SlotPoolEvent::TaskManagerLost& event, Actions& actions);
  void On(const SlotPoolEvent::SlotsRequested& event, Actions& actions);
  void On(const SlotPoolEvent::JobReleased& event, Actions& actions);

  void Forget(const std::string& name, Actions& actions);
  void GrantWaiting(Actions& actions);
  void Lease(const Request& request);
  TaskManager* BestFor(JobId job);

  const Options options_;
  std::map<std::string, TaskManager> task_managers_;  // Ordered: decisions depend on ids only.
  std::vector<Request> waiting_;                      // In order of arrival; one per job.
};

}  // namespace weir
