// How the tasks of an attempt come into their slots, and go.
#include <algorithm>
#include <latch>
#include <set>

#include "base/check.h"
#include "base/status_macros.h"
#include "runtime/task/deployed_task.h"
#include "runtime/task/worker_channels.h"
#include "runtime/task/worker_runtime.h"

namespace weir {
namespace {

// In `task` threading every task has a loop of its own, numbered beyond any slot.
constexpr uint32_t kFirstTaskLoop = 1u << 20;

}  // namespace

SlotLoop& WorkerRuntime::LoopFor(uint32_t index) {
  std::unique_ptr<SlotLoop>& loop = loops_[index];
  if (loop == nullptr) {
    const std::string name = index < kFirstTaskLoop ? "slot-" + std::to_string(index) : "task-" + std::to_string(index - kFirstTaskLoop);
    loop = std::make_unique<SlotLoop>(name, clock_);
  }
  return *loop;
}

Status WorkerRuntime::CheckDeployment(const TaskDeployment& task) const {
  const JobGraph& graph = plan_.graph;
  if (task.subtask.vertex.value >= graph.vertices.size()) return InvalidArgument("deployment of an unknown vertex, vertex=" + std::to_string(task.subtask.vertex.value));
  const JobVertex& vertex = graph.vertices[task.subtask.vertex.value];
  if (task.subtask.subtask >= vertex.parallelism) return InvalidArgument("deployment of an unknown subtask of " + vertex.name);
  const auto check = [&](const std::vector<GateDeployment>& ends, bool produces) {
    for (const GateDeployment& end : ends) {
      if (end.edge >= graph.edges.size() || end.channels.empty()) return false;
      const JobEdge& edge = graph.edges[end.edge];
      if ((produces ? edge.from : edge.to) != task.subtask.vertex) return false;
      const uint32_t peers = graph.vertices[(produces ? edge.to : edge.from).value].parallelism;
      if (std::any_of(end.channels.begin(), end.channels.end(), [&](const ChannelPeer& peer) { return peer.subtask >= peers; })) return false;
    }
    return true;
  };
  if (!check(task.gates, false) || !check(task.partitions, true)) return InvalidArgument("deployment of " + vertex.name + " does not fit the job graph");
  return Status::Ok();
}

Status WorkerRuntime::CheckDeployments(const std::vector<TaskDeployment>& deployments) const {
  std::set<SubtaskId> here;
  for (const TaskDeployment& deployment : deployments) {
    RETURN_IF_ERROR(CheckDeployment(deployment));
    if (!here.insert(deployment.subtask).second) return InvalidArgument("subtask is deployed twice, subtask=" + std::to_string(deployment.subtask.subtask));
  }
  for (const TaskDeployment& deployment : deployments) {
    for (const GateDeployment& partition : deployment.partitions) {
      for (const ChannelPeer& peer : partition.channels) {
        const bool local = peer.task_manager_id == options_.task_manager_id;
        if (local && !here.contains({plan_.graph.edges[partition.edge].to, peer.subtask})) return InvalidArgument("deployment lacks the local end of a channel");
      }
    }
  }
  return Status::Ok();
}

Status WorkerRuntime::Deploy(AttemptId attempt, std::vector<TaskDeployment> deployments) {
  CHECK(!stopped_);
  if (attempt <= attempt_) {
    return FailedPrecondition("deployment of a stale attempt, attempt=" + attempt.ToString() + ", newest=" + attempt_.ToString());
  }
  RETURN_IF_ERROR(CheckDeployments(deployments));
  {
    std::lock_guard lock(ended_mutex_);
    if (running_count_ != 0) return FailedPrecondition("deployment while tasks of an older attempt run, attempt=" + attempt.ToString());
    running_count_ = static_cast<uint32_t>(deployments.size());
    cancel_pending_.reset();
  }
  TearDown();
  attempt_ = attempt;
  cancelled_ns_ = 0;
  channels_ = std::make_unique<WorkerChannels>(options_, attempt);

  std::vector<std::unique_ptr<DeployedTask>> made;
  for (uint32_t i = 0; i < deployments.size(); ++i) {
    const bool own_thread = options_.threading == SlotTask::Threading::kTask;
    SlotLoop& loop = LoopFor(own_thread ? kFirstTaskLoop + i : deployments[i].slot.value);
    made.push_back(std::make_unique<DeployedTask>(loop, options_.threading, WatchLimits(options_)));
  }
  ConnectLocally(deployments, made);
  ShareStateMemory(deployments);
  std::set<std::string> watched;
  for (uint32_t i = 0; i < deployments.size(); ++i) {
    MakeTask(attempt, std::move(deployments[i]), *made[i]);
    watched.insert(made[i]->peers.begin(), made[i]->peers.end());
  }
  {
    std::lock_guard lock(tasks_mutex_);
    tasks_ = std::move(made);
  }
  for (const std::unique_ptr<DeployedTask>& deployed : tasks_) {
    deployed->loop.Post([task = deployed.get()] { task->loop.AddTask(&task->slot_task); });
  }
  peers_->Watch(options_.job, attempt, watched);
  std::erase_if(pending_connections_, [this](PendingConnection& pending) { return GiveToTask(pending.handshake, pending.socket); });
  DropStaleConnections();
  return Status::Ok();
}

void WorkerRuntime::ShareStateMemory(const std::vector<TaskDeployment>& deployments) {
  if (options_.cold_rows == nullptr) return;
  std::set<SlotIndex> slots;
  uint64_t keyed_operators = 0;
  for (const TaskDeployment& deployment : deployments) {
    slots.insert(deployment.slot);
    const std::vector<ChainedOperator>& chain = plan_.graph.vertices[deployment.subtask.vertex.value].chain;
    keyed_operators += static_cast<uint64_t>(std::count_if(chain.begin(), chain.end(), [](const ChainedOperator& chained) { return chained.keyed; }));
  }
  const uint32_t slot_count = static_cast<uint32_t>(slots.size());
  options_.cold_rows->UseSlots(slot_count);
  cache_bytes_max_ = options_.cold_rows->CacheBytesPerSlot() * slot_count / std::max<uint64_t>(1, keyed_operators);
}

void WorkerRuntime::ConnectLocally(const std::vector<TaskDeployment>& deployments, const std::vector<std::unique_ptr<DeployedTask>>& made) {
  const auto task_of = [&](SubtaskId subtask) -> SlotTask* {
    for (uint32_t i = 0; i < deployments.size(); ++i) {
      if (deployments[i].subtask == subtask) return &made[i]->slot_task;
    }
    return nullptr;
  };
  for (uint32_t i = 0; i < deployments.size(); ++i) {
    for (const GateDeployment& partition : deployments[i].partitions) {
      for (const ChannelPeer& peer : partition.channels) {
        if (peer.task_manager_id != options_.task_manager_id) continue;
        SlotTask* const consumer = task_of({plan_.graph.edges[partition.edge].to, peer.subtask});
        CHECK(consumer != nullptr);
        channels_->AddLocal(partition.edge, deployments[i].subtask.subtask, peer.subtask, made[i]->slot_task, *consumer);
      }
    }
  }
}

void WorkerRuntime::MakeTask(AttemptId attempt, TaskDeployment deployment, DeployedTask& deployed) {
  const JobVertex& vertex = plan_.graph.vertices[deployment.subtask.vertex.value];
  deployed.labels = {{"job_id", options_.job.ToHex()},
                     {"job_name", plan_.graph.name},
                     {"task_id", vertex.id().ToHex()},
                     {"task_name", vertex.name},
                     {"task_attempt_id", attempt.ToString()},
                     {"task_attempt_num", std::to_string(attempt.restart)},
                     {"subtask_index", std::to_string(deployment.subtask.subtask)}};
  for (const std::vector<GateDeployment>* const ends : {&deployment.gates, &deployment.partitions}) {
    for (const GateDeployment& end : *ends) {
      for (const ChannelPeer& peer : end.channels) {
        if (peer.task_manager_id != options_.task_manager_id) deployed.peers.insert(peer.data_address);
      }
    }
  }
  StreamTask::Options task;
  task.attempt = attempt;
  task.job = options_.job;
  task.plan = &plan_;
  task.deployment = std::move(deployment);
  task.slot_task = &deployed.slot_task;
  task.loop = &deployed.loop;
  task.channels = channels_.get();
  task.storage = storage_.get();
  task.cold_rows = options_.cold_rows.get();
  task.cache_bytes_max = cache_bytes_max_;
  task.events = &events_;
  task.metrics = &metrics_;
  task.metric_labels = deployed.labels;
  task.limits = options_.limits;
  task.auto_watermark_interval_ms = options_.auto_watermark_interval_ms;
  task.exception_stack = options_.exception_stack;
  task.on_ended = [this] { OnTaskEnded(); };
  auto body = std::make_unique<StreamTask>(std::move(task));
  deployed.task = body.get();
  deployed.slot_task.SetBody(std::move(body));
}

void WorkerRuntime::TearDown() {
  std::vector<std::unique_ptr<DeployedTask>> ended;
  {
    std::lock_guard lock(tasks_mutex_);
    ended.swap(tasks_);
  }
  // On their own threads: the sockets of a task belong to its slot.
  std::latch gone(static_cast<ptrdiff_t>(ended.size()));
  for (std::unique_ptr<DeployedTask>& deployed : ended) {
    deployed->loop.Post([task = deployed.get(), &gone] {
      task->loop.RemoveTask(&task->slot_task);
      task->slot_task.SetBody(nullptr);
      gone.count_down();
    });
  }
  gone.wait();
  channels_.reset();
}

}  // namespace weir
