#include "tests/unit/task/job_harness.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "base/check.h"
#include "runtime/graph/state_assignment.h"

namespace weir::testing {
namespace {

constexpr std::chrono::seconds kDeadline{60};

}  // namespace

class JobHarness::Events final : public TaskEvents {
 public:
  explicit Events(JobHarness& harness) : harness_(harness) {}
  void OnTaskState(AttemptId attempt, SubtaskId subtask, TaskState state, const TaskFailure& failure) override {
    harness_.Post([this, attempt, subtask, state, failure] {
      if (attempt != harness_.attempt_) return;
      harness_.states_[subtask] = state;
      if (!failure.status.ok() && harness_.failure_.ok()) harness_.failure_ = failure.status;
    });
  }
  void OnSnapshot(AttemptId attempt, SubtaskId subtask, CheckpointId id, TaskSnapshot snapshot, SnapshotDurations) override {
    harness_.Post([this, attempt, subtask, id, snapshot = std::move(snapshot)] {
      if (attempt != harness_.attempt_ || id.value + 1 != harness_.next_checkpoint_) return;
      harness_.acknowledged_[subtask] = snapshot;
      if (harness_.on_acknowledged_) harness_.on_acknowledged_(subtask);
    });
  }
  void OnSnapshotFailed(AttemptId attempt, SubtaskId, CheckpointId id, const Status&) override {
    harness_.Post([this, attempt, id] {
      if (attempt == harness_.attempt_ && id.value + 1 == harness_.next_checkpoint_) harness_.declined_ = true;
    });
  }
  void OnTasksCancelled(AttemptId) override {
    harness_.Post([this] { ++harness_.cancelled_workers_; });
  }
  void OnTaskStuck(AttemptId attempt, SubtaskId subtask, const StuckStep& step) override {
    harness_.Post([this, attempt, subtask, step] {
      if (attempt == harness_.attempt_) harness_.stuck_[subtask] = step;
    });
  }

 private:
  JobHarness& harness_;
};

JobHarness::JobHarness(HarnessOptions options, Build build) : options_(options), build_(std::move(build)), events_(std::make_unique<Events>(*this)) {
  char pattern[] = "/tmp/weir-harness-XXXXXX";
  directory_ = ::mkdtemp(pattern);
  graph_ = std::make_shared<StreamGraph>();
  graph_->parallelism = options_.parallelism;
  StreamExecutionEnvironment env(graph_);
  build_(env);
  StatusOr<JobPlan> plan = PlanJob(*graph_, {});
  EXPECT_TRUE(plan.ok()) << plan.status().ToString();
  if (plan.ok()) plan_ = std::move(*plan);
  MakeWorkers();
}

JobHarness::~JobHarness() {
  StopWorkers();
  std::filesystem::remove_all(directory_);
}

void JobHarness::MakeWorkers() {
  for (uint32_t i = 0; i < options_.workers; ++i) {
    auto worker = std::make_unique<Worker>();
    WorkerOptions options;
    options.job = job_;
    options.task_manager_id = "tm-" + std::to_string(i);
    options.checkpoints_directory = directory_ + "/checkpoints";
    options.limits = options_.limits;
    options.channel_limits = options_.channel_limits;
    options.threading = options_.threading;
    options.watchdog_interval_ms = options_.watchdog_interval_ms;
    options.cancellation_timeout_ms = options_.cancellation_timeout_ms;
    options.take_stack = options_.take_stack;
    if (options_.state_backend) options.cold_rows = options_.state_backend(directory_);
    worker->runtime = std::make_unique<WorkerRuntime>(options, plan_, clock_, *events_);
    Listen(*worker);
    workers_.push_back(std::move(worker));
  }
}

void JobHarness::Listen(Worker& worker) {
  worker.listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::bind(worker.listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  CHECK(::listen(worker.listener, 64) == 0);
  socklen_t length = sizeof(address);
  CHECK(::getsockname(worker.listener, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  worker.address = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  worker.acceptor = std::thread([this, &worker] {
    while (true) {
      const int socket = ::accept4(worker.listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      char bytes[ChannelHandshake::kEncodedBytes];
      if (::recv(socket, bytes, sizeof(bytes), MSG_WAITALL) != sizeof(bytes)) {
        ::close(socket);
        continue;
      }
      const StatusOr<ChannelHandshake> handshake = ChannelHandshake::Decode({bytes, sizeof(bytes)});
      CHECK(handshake.ok());
      Post([&worker, handshake = *handshake, socket] { worker.runtime->AttachConnection(handshake, FileDescriptor(socket)); });
    }
  });
}

void JobHarness::StopWorkers() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    ::shutdown(worker->listener, SHUT_RDWR);
    worker->acceptor.join();
    ::close(worker->listener);
  }
  for (const std::unique_ptr<Worker>& worker : workers_) worker->runtime->Stop();
  for (const std::unique_ptr<Worker>& worker : workers_) worker->runtime->Join();
  workers_.clear();
}

void JobHarness::Post(std::function<void()> event) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(event));
  ready_.notify_one();
}

void JobHarness::WaitFor(const char* what, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (!done()) {
    std::function<void()> event;
    {
      std::unique_lock lock(mutex_);
      if (!ready_.wait_until(lock, deadline, [this] { return !queue_.empty(); })) {
        FAIL() << "waited in vain for: " << what;
      }
      event = std::move(queue_.front());
      queue_.pop_front();
    }
    event();
  }
}

void JobHarness::WaitForState(TaskState state) {
  WaitFor("a task state", [&] {
    return !failure_.ok() || std::all_of(states_.begin(), states_.end(), [&](const auto& entry) { return entry.second == state; });
  });
}

size_t JobHarness::WorkerOf(SubtaskId subtask) const { return subtask.subtask % workers_.size(); }

TaskDeployment JobHarness::DeploymentOf(SubtaskId subtask) const {
  TaskDeployment task;
  task.subtask = subtask;
  task.slot = SlotIndex{static_cast<uint32_t>(subtask.subtask / workers_.size())};
  const auto peer = [this](VertexIndex vertex, uint32_t index) {
    const size_t worker = WorkerOf({vertex, index});
    return ChannelPeer{index, "tm-" + std::to_string(worker), workers_[worker]->address};
  };
  const JobGraph& graph = plan_.graph;
  for (uint32_t i = 0; i < graph.edges.size(); ++i) {
    const JobEdge& edge = graph.edges[i];
    if (edge.from == subtask.vertex) {
      task.partitions.resize(std::max<size_t>(task.partitions.size(), edge.from_partition + 1));
      task.partitions[edge.from_partition].edge = i;
      for (const uint32_t to : ConsumersOf(graph, edge, subtask.subtask)) task.partitions[edge.from_partition].channels.push_back(peer(edge.to, to));
    }
    if (edge.to == subtask.vertex) {
      task.gates.resize(std::max<size_t>(task.gates.size(), edge.to_gate + 1));
      task.gates[edge.to_gate].edge = i;
      for (const uint32_t from : ProducersOf(graph, edge, subtask.subtask)) task.gates[edge.to_gate].channels.push_back(peer(edge.from, from));
    }
  }
  if (completed_id_.value != 0) {
    task.restored_checkpoint = completed_id_;
    if (const auto found = completed_.find(subtask); found != completed_.end()) task.restored_state = found->second;
    task.restored_finished = finished_at_completed_.contains(subtask);
  }
  return task;
}

void JobHarness::Start() {
  ++attempt_.restart;
  states_.clear();
  failure_ = Status::Ok();
  std::vector<std::vector<TaskDeployment>> per_worker(workers_.size());
  for (uint32_t vertex = 0; vertex < plan_.graph.vertices.size(); ++vertex) {
    for (uint32_t i = 0; i < plan_.graph.vertices[vertex].parallelism; ++i) {
      const SubtaskId subtask{VertexIndex{vertex}, i};
      per_worker[WorkerOf(subtask)].push_back(DeploymentOf(subtask));
      states_[subtask] = TaskState::kInitializing;
    }
  }
  for (size_t i = 0; i < workers_.size(); ++i) {
    const Status deployed = workers_[i]->runtime->Deploy(attempt_, std::move(per_worker[i]));
    ASSERT_TRUE(deployed.ok()) << deployed.ToString();
  }
  WaitFor("all tasks running", [this] {
    return !failure_.ok() || std::none_of(states_.begin(), states_.end(), [](const auto& entry) { return entry.second == TaskState::kInitializing; });
  });
}

std::vector<SubtaskId> JobHarness::Roots() const {
  std::vector<SubtaskId> roots;
  for (const auto& [subtask, state] : states_) {
    if (state == TaskState::kFinished) continue;
    bool is_root = true;
    for (const JobEdge& edge : plan_.graph.edges) {
      if (edge.to != subtask.vertex) continue;
      for (const uint32_t producer : ProducersOf(plan_.graph, edge, subtask.subtask)) is_root = is_root && states_.at({edge.from, producer}) == TaskState::kFinished;
    }
    if (is_root) roots.push_back(subtask);
  }
  return roots;
}

bool JobHarness::Trigger(CheckpointId id, std::shared_ptr<const SavepointOrder> savepoint) {
  acknowledged_.clear();
  declined_ = false;
  const std::vector<SubtaskId> roots = Roots();
  for (const std::unique_ptr<Worker>& worker : workers_) worker->runtime->TriggerCheckpoint(attempt_, {id, 0, savepoint}, roots);
  WaitFor("acknowledgements", [this] {
    return declined_ || !failure_.ok() || std::all_of(states_.begin(), states_.end(), [this](const auto& entry) {
      return entry.second == TaskState::kFinished || acknowledged_.contains(entry.first);
    });
  });
  return !declined_ && failure_.ok();
}

void JobHarness::TakeForCompleted(CheckpointId id) {
  completed_ = acknowledged_;
  // As AssignState does: an operator that was there is named, with or without state.
  for (auto& [subtask, snapshot] : completed_) {
    for (const ChainedOperator& op : plan_.graph.vertices[subtask.vertex.value].chain) {
      const auto is_it = [&op](const OperatorSubtaskState& state) { return state.operator_id == op.id; };
      if (std::none_of(snapshot.operators.begin(), snapshot.operators.end(), is_it)) {
        snapshot.operators.push_back({.operator_id = op.id, .keyed = {}, .operator_state = {}});
      }
    }
  }
  completed_id_ = id;
  finished_at_completed_.clear();
  for (const auto& [subtask, state] : states_) {
    if (state == TaskState::kFinished && !completed_.contains(subtask)) finished_at_completed_.insert(subtask);
  }
}

bool JobHarness::Checkpoint() {
  const CheckpointId id{next_checkpoint_++};
  const bool taken = Trigger(id, nullptr);
  if (taken) TakeForCompleted(id);
  for (const std::unique_ptr<Worker>& worker : workers_) worker->runtime->NotifyCheckpoint(attempt_, id, taken);
  // Drained tasks that it covers end by themselves: the roots of the next checkpoint are known only then.
  if (taken) {
    WaitFor("covered tasks finished", [this] {
      return !failure_.ok() || std::all_of(completed_.begin(), completed_.end(), [this](const auto& entry) {
        return !entry.second.drained || states_.at(entry.first) == TaskState::kFinished;
      });
    });
  }
  return taken;
}

void JobHarness::RestoreFrom(const JobHarness& other, bool ended) {
  CheckpointMetadata metadata;
  metadata.id = completed_id_ = other.completed_id_;
  next_checkpoint_ = other.next_checkpoint_;
  for (uint32_t index = 0; index < other.plan_.graph.vertices.size(); ++index) {
    const JobVertex& vertex = other.plan_.graph.vertices[index];
    VertexCheckpoint& entry = metadata.vertices.emplace_back();
    // Without descriptions of states: so it is the tasks that compare them.
    for (const ChainedOperator& op : vertex.chain) entry.operators.push_back({op.id, op.uid});
    entry.parallelism = vertex.parallelism;
    entry.max_parallelism = vertex.max_parallelism;
    for (uint32_t i = 0; i < vertex.parallelism; ++i) {
      const SubtaskId subtask{VertexIndex{index}, i};
      const auto snapshot = other.completed_.find(subtask);
      entry.subtasks.push_back({.finished = other.finished_at_completed_.contains(subtask),
                                .snapshot = snapshot != other.completed_.end() ? snapshot->second : TaskSnapshot{}});
      entry.subtasks.back().snapshot.drained &= ended;
    }
  }
  const StatusOr<StateAssignment> assignment = AssignState(plan_.graph, metadata, false);
  ASSERT_TRUE(assignment.ok()) << assignment.status().ToString();
  for (uint32_t index = 0; index < assignment->subtasks.size(); ++index) {
    for (uint32_t i = 0; i < assignment->subtasks[index].size(); ++i) {
      const SubtaskId subtask{VertexIndex{index}, i};
      completed_[subtask] = assignment->subtasks[index][i].state;
      if (assignment->subtasks[index][i].finished) finished_at_completed_.insert(subtask);
    }
  }
}

void JobHarness::AbortedCheckpoint() {
  const CheckpointId id{next_checkpoint_++};
  Trigger(id, nullptr);
  for (const std::unique_ptr<Worker>& worker : workers_) worker->runtime->NotifyCheckpoint(attempt_, id, false);
}

bool JobHarness::Savepoint(SavepointOrder order) {
  const CheckpointId id{next_checkpoint_++};
  const bool taken = Trigger(id, std::make_shared<const SavepointOrder>(std::move(order)));
  if (taken) TakeForCompleted(id);
  return taken;
}

void JobHarness::EndSavepoint(bool completed) {
  for (const std::unique_ptr<Worker>& worker : workers_) worker->runtime->NotifyCheckpoint(attempt_, CheckpointId{next_checkpoint_ - 1}, completed);
}

void JobHarness::DrainSources() {
  std::vector<SubtaskId> sources;
  for (const auto& [subtask, state] : states_) {
    if (IsSource(plan_.graph, subtask.vertex)) sources.push_back(subtask);
  }
  for (const std::unique_ptr<Worker>& worker : workers_) worker->runtime->DrainSources(attempt_, sources);
}

void JobHarness::RunToEnd() {
  WaitFor("all tasks drained", [this] {
    return !failure_.ok() || std::all_of(states_.begin(), states_.end(), [](const auto& entry) {
      return entry.second == TaskState::kDrained || entry.second == TaskState::kFinished;
    });
  });
  ASSERT_TRUE(failure_.ok()) << failure_.ToString();
  ASSERT_TRUE(Checkpoint());
  WaitForState(TaskState::kFinished);
  EXPECT_TRUE(failure_.ok()) << failure_.ToString();
}

void JobHarness::Kill() {
  cancelled_workers_ = 0;
  for (const std::unique_ptr<Worker>& worker : workers_) worker->runtime->Cancel(attempt_);
  WaitFor("tasks cancelled", [this] { return cancelled_workers_ == workers_.size(); });
}

uint64_t JobHarness::RecordsIn(const std::string& vertex_name_part) {
  double sum = 0;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    for (const MetricSample& sample : worker->runtime->Metrics()) {
      if (sample.name != "taskmanager_job_task_numRecordsIn") continue;
      for (const auto& [name, value] : sample.labels) {
        if (name == "task_name" && value.find(vertex_name_part) != std::string::npos) sum += sample.value;
      }
    }
  }
  return static_cast<uint64_t>(sum);
}

}  // namespace weir::testing
