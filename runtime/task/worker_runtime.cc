#include "runtime/task/worker_runtime.h"

#include <unistd.h>

#include <latch>
#include <set>

#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "runtime/network/local_channel.h"
#include "runtime/task/step_watch.h"

namespace weir {
namespace {

constexpr int64_t kPendingConnectionNs = 30'000'000'000;
// In `task` threading every task has a loop of its own, numbered beyond any slot.
constexpr uint32_t kFirstTaskLoop = 1u << 20;
// Of one look of the watchdog: a stack costs up to a second of a processor.
constexpr int kStacksPerLookMax = 4;
constexpr int64_t kLookPeriodMaxMs = 1'000;

StepWatch::Limits WatchLimits(const WorkerOptions& options) {
  return {.interval_ns = options.watchdog_interval_ms * 1'000'000, .cancellation_ns = options.cancellation_timeout_ms * 1'000'000 / 3};
}

}  // namespace

// What a task leaves to others when it ends: its loop slot, its account of time.
struct WorkerRuntime::Deployed {
  Deployed(SlotLoop& slot_loop, SlotTask::Threading threading, StepWatch::Limits limits)
      : loop(slot_loop), slot_task(slot_loop, threading), watch(limits) {}

  SlotLoop& loop;
  SlotTask slot_task;
  StreamTask* task = nullptr;  // The body of slot_task.
  MetricLabels labels;
  std::set<std::string> peers;  // Data addresses of workers at the other ends of its channels.
  // Of the last Metrics() call, for values per second.
  mutable int64_t sampled_ns = 0;
  mutable std::array<int64_t, 3> sampled_times{};
  StepWatch watch;  // Thread: the watchdog's.
};

// Local ends are made in pairs when the tasks are deployed; remote ones when a task asks for them.
class WorkerRuntime::Channels final : public ChannelFactory {
 public:
  Channels(const WorkerOptions& options, AttemptId attempt) : options_(options), attempt_(attempt) {}

  void AddLocal(uint32_t edge, uint32_t producer, uint32_t consumer, SlotTask& producer_task, SlotTask& consumer_task) {
    auto [writer, reader] = NewLocalChannel(options_.channel_limits, producer_task, consumer_task);
    std::lock_guard lock(mutex_);
    writers_[{edge, producer, consumer}] = std::move(writer);
    readers_[{edge, producer, consumer}] = std::move(reader);
  }

  std::unique_ptr<ChannelWriter> MakeWriter(uint32_t edge, uint32_t producer, const ChannelPeer& consumer, const TypeInfo& type, SlotTask& task,
                                            Reactor& reactor) override {
    if (consumer.task_manager_id == options_.task_manager_id) {
      std::lock_guard lock(mutex_);
      return std::move(writers_.at({edge, producer, consumer.subtask}));
    }
    return NewRemoteWriter(reactor, consumer.data_address, Handshake(edge, producer, consumer.subtask), type, options_.connect_timeout_ms, task);
  }

  std::unique_ptr<ChannelReader> MakeReader(uint32_t edge, uint32_t consumer, const ChannelPeer& producer, const TypeInfo& type, SlotTask& task,
                                            Reactor& reactor, RemoteReader*& remote) override {
    if (producer.task_manager_id == options_.task_manager_id) {
      std::lock_guard lock(mutex_);
      return std::move(readers_.at({edge, producer.subtask, consumer}));
    }
    std::unique_ptr<RemoteReader> reader = NewRemoteReader(reactor, type, options_.channel_limits, task);
    remote = reader.get();
    return reader;
  }

 private:
  using Key = std::array<uint32_t, 3>;  // edge, producer, consumer

  ChannelHandshake Handshake(uint32_t edge, uint32_t producer, uint32_t consumer) const { return {options_.job, attempt_, edge, producer, consumer}; }

  const WorkerOptions& options_;
  const AttemptId attempt_;
  std::mutex mutex_;
  std::map<Key, std::unique_ptr<ChannelWriter>> writers_;  // Guarded by mutex_; taken once.
  std::map<Key, std::unique_ptr<ChannelReader>> readers_;  // Guarded by mutex_; taken once.
};

WorkerRuntime::WorkerRuntime(WorkerOptions options, const JobPlan& plan, const Clock& clock, TaskEvents& events)
    : options_(std::move(options)),
      plan_(plan),
      clock_(clock),
      events_(events),
      files_(NewPosixFileSystem()),
      layout_(options_.checkpoints_directory, options_.job),
      pool_(std::make_unique<ThreadPool>(ThreadPoolOptions{"snapshot", options_.snapshot_threads, 65'536})),
      storage_(std::make_unique<SnapshotStorage>(SnapshotStorage{*files_, *pool_, clock, layout_, options_.inline_state_bytes_max, options_.incremental})),
      peers_(std::make_unique<PeerWatch>(options_.peer_timeout_ms, [this](AttemptId attempt, const std::string& address, const std::string& why) {
        OnPeerLost(attempt, address, why);
      })),
      watchdog_([this] { WatchTasks(); }) {}

WorkerRuntime::~WorkerRuntime() { CHECK(joined_); }

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

Status WorkerRuntime::Deploy(AttemptId attempt, std::vector<TaskDeployment> deployments) {
  CHECK(!stopped_);
  if (attempt <= attempt_) {
    return FailedPrecondition("deployment of a stale attempt, attempt=" + attempt.ToString() + ", newest=" + attempt_.ToString());
  }
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
  {
    std::lock_guard lock(ended_mutex_);
    if (running_count_ != 0) return FailedPrecondition("deployment while tasks of an older attempt run, attempt=" + attempt.ToString());
    running_count_ = static_cast<uint32_t>(deployments.size());
    cancel_pending_.reset();
  }
  TearDown();
  attempt_ = attempt;
  cancelled_ns_ = 0;
  channels_ = std::make_unique<Channels>(options_, attempt);

  std::vector<std::unique_ptr<Deployed>> made;
  for (uint32_t i = 0; i < deployments.size(); ++i) {
    const bool own_thread = options_.threading == SlotTask::Threading::kTask;
    SlotLoop& loop = LoopFor(own_thread ? kFirstTaskLoop + i : deployments[i].slot.value);
    made.push_back(std::make_unique<Deployed>(loop, options_.threading, WatchLimits(options_)));
  }
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
  std::set<std::string> watched;
  for (uint32_t i = 0; i < deployments.size(); ++i) {
    const JobVertex& vertex = plan_.graph.vertices[deployments[i].subtask.vertex.value];
    Deployed& deployed = *made[i];
    deployed.labels = {{"job_id", options_.job.ToHex()},
                       {"job_name", plan_.graph.name},
                       {"task_id", vertex.id().ToHex()},
                       {"task_name", vertex.name},
                       {"task_attempt_id", attempt.ToString()},
                       {"task_attempt_num", std::to_string(attempt.restart)},
                       {"subtask_index", std::to_string(deployments[i].subtask.subtask)}};
    for (const std::vector<GateDeployment>* const ends : {&deployments[i].gates, &deployments[i].partitions}) {
      for (const GateDeployment& end : *ends) {
        for (const ChannelPeer& peer : end.channels) {
          if (peer.task_manager_id != options_.task_manager_id) deployed.peers.insert(peer.data_address);
        }
      }
    }
    watched.insert(deployed.peers.begin(), deployed.peers.end());
    StreamTask::Options task;
    task.attempt = attempt;
    task.job = options_.job;
    task.plan = &plan_;
    task.deployment = std::move(deployments[i]);
    task.slot_task = &deployed.slot_task;
    task.loop = &deployed.loop;
    task.channels = channels_.get();
    task.storage = storage_.get();
    task.events = &events_;
    task.metrics = &metrics_;
    task.metric_labels = deployed.labels;
    task.limits = options_.limits;
    task.exception_stack = options_.exception_stack;
    task.on_ended = [this] { OnTaskEnded(); };
    auto body = std::make_unique<StreamTask>(std::move(task));
    deployed.task = body.get();
    deployed.slot_task.SetBody(std::move(body));
  }
  {
    std::lock_guard lock(tasks_mutex_);
    tasks_ = std::move(made);
  }
  for (const std::unique_ptr<Deployed>& deployed : tasks_) {
    deployed->loop.Post([task = deployed.get()] { task->loop.AddTask(&task->slot_task); });
  }
  peers_->Watch(options_.job, attempt, watched);
  std::erase_if(pending_connections_, [this](PendingConnection& pending) { return GiveToTask(pending.handshake, pending.socket); });
  DropStaleConnections();
  return Status::Ok();
}

void WorkerRuntime::OnPeerLost(AttemptId attempt, const std::string& address, const std::string& why) {
  LOG_WARN("A worker at the other end of channels is lost, address={}, attempt={}: {}", address, attempt.ToString(), why);
  std::lock_guard lock(tasks_mutex_);
  for (const std::unique_ptr<Deployed>& deployed : tasks_) {
    if (deployed->task->attempt() == attempt && deployed->peers.contains(address)) deployed->task->BreakChannels("worker at " + address + ": " + why);
  }
}

void WorkerRuntime::TearDown() {
  std::vector<std::unique_ptr<Deployed>> ended;
  {
    std::lock_guard lock(tasks_mutex_);
    ended.swap(tasks_);
  }
  // On their own threads: the sockets of a task belong to its slot.
  std::latch gone(static_cast<ptrdiff_t>(ended.size()));
  for (std::unique_ptr<Deployed>& deployed : ended) {
    deployed->loop.Post([task = deployed.get(), &gone] {
      task->loop.RemoveTask(&task->slot_task);
      task->slot_task.SetBody(nullptr);
      gone.count_down();
    });
  }
  gone.wait();
  channels_.reset();
}

void WorkerRuntime::OnTaskEnded() {
  std::optional<AttemptId> cancelled;
  {
    std::lock_guard lock(ended_mutex_);
    CHECK(running_count_ > 0);
    if (--running_count_ == 0) {
      cancelled = std::exchange(cancel_pending_, std::nullopt);
      all_ended_.notify_all();
    }
  }
  if (cancelled.has_value()) events_.OnTasksCancelled(*cancelled);
}

void WorkerRuntime::Cancel(AttemptId attempt) {
  if (attempt < attempt_) return events_.OnTasksCancelled(attempt);
  bool none_left = false;
  {
    std::lock_guard lock(ended_mutex_);
    none_left = running_count_ == 0;
    if (!none_left) cancel_pending_ = attempt;
  }
  if (none_left) return events_.OnTasksCancelled(attempt);
  if (cancelled_ns_ == 0) cancelled_ns_ = clock_.MonotonicNanos();
  for (const std::unique_ptr<Deployed>& deployed : tasks_) {
    if (!deployed->task->ended()) deployed->task->Cancel();
  }
}

void WorkerRuntime::TriggerCheckpoint(AttemptId attempt, const CheckpointBarrier& barrier, const std::vector<SubtaskId>& roots) {
  if (attempt != attempt_) return;
  for (const SubtaskId& root : roots) {
    if (Deployed* const deployed = Find(root)) deployed->task->TriggerCheckpoint(barrier);
  }
}

void WorkerRuntime::DrainSources(AttemptId attempt, const std::vector<SubtaskId>& sources) {
  if (attempt != attempt_) return;
  for (const SubtaskId& source : sources) {
    if (Deployed* const deployed = Find(source)) deployed->task->Drain();
  }
}

void WorkerRuntime::NotifyCheckpoint(AttemptId attempt, CheckpointId id, bool completed) {
  if (attempt != attempt_) return;
  for (const std::unique_ptr<Deployed>& deployed : tasks_) deployed->task->NotifyCheckpoint(id, completed);
}

WorkerRuntime::Deployed* WorkerRuntime::Find(SubtaskId subtask) {
  for (const std::unique_ptr<Deployed>& deployed : tasks_) {
    if (deployed->task->subtask() == subtask) return deployed.get();
  }
  return nullptr;
}

bool WorkerRuntime::GiveToTask(const ChannelHandshake& handshake, FileDescriptor& socket) {
  if (handshake.attempt != attempt_ || handshake.edge >= plan_.graph.edges.size()) return false;
  Deployed* const deployed = Find({plan_.graph.edges[handshake.edge].to, handshake.consumer_subtask});
  if (deployed == nullptr) return false;
  deployed->task->AttachSocket(handshake.edge, handshake.producer_subtask, std::move(socket));
  return true;
}

void WorkerRuntime::AttachConnection(const ChannelHandshake& handshake, FileDescriptor socket) {
  if (handshake.job != options_.job || handshake.attempt < attempt_) return;  // A zombie's (R9).
  if (handshake.edge == PeerWatch::kHeartbeatEdge) return peers_->Adopt(socket.Release());
  if (GiveToTask(handshake, socket)) return;
  DropStaleConnections();
  if (pending_connections_.size() >= kPendingConnectionsMax) {
    LOG_WARN("Too many data connections wait for their tasks, one is closed, limit={}", kPendingConnectionsMax);
    return;
  }
  pending_connections_.push_back({handshake, std::move(socket), clock_.MonotonicNanos()});
}

void WorkerRuntime::DropStaleConnections() {
  const int64_t oldest_ns = clock_.MonotonicNanos() - kPendingConnectionNs;
  std::erase_if(pending_connections_, [&](const PendingConnection& pending) {
    return pending.handshake.attempt < attempt_ || pending.since_ns < oldest_ns;
  });
}

void WorkerRuntime::WatchTasks() {
  pthread_setname_np(pthread_self(), "watchdog");
  const StepWatch::Limits limits = WatchLimits(options_);
  const int64_t period_ms = std::clamp<int64_t>(std::min(limits.interval_ns, limits.cancellation_ns) / 4'000'000, 1, kLookPeriodMaxMs);
  std::unique_lock lock(watchdog_mutex_);
  while (!watchdog_changed_.wait_for(lock, std::chrono::milliseconds(period_ms), [this] { return watchdog_stopped_; })) {
    lock.unlock();
    ReportStuckTasks();
    lock.lock();
  }
}

void WorkerRuntime::ReportStuckTasks() {
  struct Report {
    AttemptId attempt;
    SubtaskId subtask;
    std::string task;
    StuckStep step;
    std::function<std::string()> stack;  // Null: none was taken.
  };
  std::vector<Report> reports;
  int stacks_left = kStacksPerLookMax;
  {
    // The loop deploys and reads metrics under it, so only taking a stack is slow in here: at most kStacksPerLookMax of them.
    std::lock_guard lock(tasks_mutex_);
    const int64_t cancelled_ns = cancelled_ns_;
    const int64_t now_ns = clock_.MonotonicNanos();
    for (const std::unique_ptr<Deployed>& deployed : tasks_) {
      const TaskTimes& times = deployed->slot_task.times();
      const bool waits = times.backpressured.load(std::memory_order_acquire);
      const int64_t started_ns = waits ? 0 : times.step_started_ns.load(std::memory_order_relaxed);
      const std::optional<int64_t> cancelled = cancelled_ns != 0 ? std::optional(cancelled_ns) : std::nullopt;
      const StepWatch::Verdict verdict = deployed->watch.Look(started_ns, cancelled, now_ns);
      if (verdict == StepWatch::Verdict::kFine) continue;
      Report report{deployed->task->attempt(), deployed->task->subtask(), deployed->task->FullName(), {}, nullptr};
      if (verdict == StepWatch::Verdict::kStuck) {
        report.step.running_ms = std::max<int64_t>(1, (now_ns - started_ns) / 1'000'000);
        if (options_.take_stack && stacks_left-- > 0) report.stack = options_.take_stack(deployed->loop.thread());
        // Another step, or another task, by now: then that was not it.
        if (times.step_started_ns.load(std::memory_order_relaxed) != started_ns) continue;
      }
      reports.push_back(std::move(report));
    }
  }
  for (Report& report : reports) {
    if (report.step.running_ms != 0) {
      if (report.stack != nullptr) {
        report.step.stack = report.stack();
      } else {
        report.step.stack = options_.take_stack ? "  (no stack: too many tasks are stuck)\n" : "  (no stack: only weir-worker takes one)\n";
      }
      LOG_WARN("Task is stuck: {} has not finished a step for {} ms\n{}", report.task, report.step.running_ms, report.step.stack);
    }
    events_.OnTaskStuck(report.attempt, report.subtask, report.step);
  }
}

std::vector<MetricSample> WorkerRuntime::Metrics() const {
  std::vector<MetricSample> samples = metrics_.Snapshot();
  const int64_t now_ns = clock_.MonotonicNanos();
  std::lock_guard lock(tasks_mutex_);
  for (const std::unique_ptr<Deployed>& deployed : tasks_) {
    const auto add = [&](const char* name, MetricKind kind, double value) {
      samples.push_back({"taskmanager_job_task_" + std::string(name), deployed->labels, kind, value, {}, 0});
    };
    const TaskCounters& counters = deployed->task->counters();
    const auto count = [&](const char* name, const std::atomic<uint64_t>& value) {
      add(name, MetricKind::kCounter, static_cast<double>(value.load(std::memory_order_relaxed)));
    };
    count("numRecordsIn", counters.records_in);
    count("numRecordsOut", counters.records_out);
    count("numBuffersIn", counters.batches_in);
    count("numBuffersOut", counters.batches_out);
    count("numFlushesFull", counters.flushes_full);
    count("numFlushesControl", counters.flushes_control);
    count("numFlushesIdle", counters.flushes_idle);
    count("numFlushesTime", counters.flushes_time);
    add("currentInputWatermark", MetricKind::kGauge, static_cast<double>(counters.watermark.load(std::memory_order_relaxed)));
    const TaskTimes& times = deployed->slot_task.times();
    const std::array<int64_t, 3> now_times = {times.busy_ns.load(), times.idle_ns.load(), times.backpressured_ns.load()};
    const int64_t span_ns = std::max<int64_t>(1, now_ns - deployed->sampled_ns);
    constexpr std::array<const char*, 3> kTotals = {"accumulateBusyTimeMs", "accumulateIdleTimeMs", "accumulateBackPressuredTimeMs"};
    constexpr std::array<const char*, 3> kRates = {"busyTimeMsPerSecond", "idleTimeMsPerSecond", "backPressuredTimeMsPerSecond"};
    for (size_t i = 0; i < kTotals.size(); ++i) {
      add(kTotals[i], MetricKind::kGauge, static_cast<double>(now_times[i] / 1'000'000));
      const double rate = 1'000.0 * static_cast<double>(now_times[i] - deployed->sampled_times[i]) / static_cast<double>(span_ns);
      if (deployed->sampled_ns != 0) add(kRates[i], MetricKind::kGauge, std::clamp(rate, 0.0, 1'000.0));
    }
    add("isBackPressured", MetricKind::kGauge, times.backpressured.load(std::memory_order_relaxed) ? 1 : 0);
    deployed->sampled_ns = now_ns;
    deployed->sampled_times = now_times;
  }
  return samples;
}

void WorkerRuntime::Stop() {
  stopped_ = true;
  if (cancelled_ns_ == 0) cancelled_ns_ = clock_.MonotonicNanos();
  for (const std::unique_ptr<Deployed>& deployed : tasks_) {
    if (!deployed->task->ended()) deployed->task->Cancel();
  }
}

void WorkerRuntime::Join() {
  CHECK(stopped_);
  peers_->Stop();
  {
    std::unique_lock lock(ended_mutex_);
    all_ended_.wait(lock, [this] { return running_count_ == 0; });
  }
  {
    std::lock_guard lock(watchdog_mutex_);
    watchdog_stopped_ = true;
    watchdog_changed_.notify_all();
  }
  watchdog_.join();
  TearDown();
  for (auto& [index, loop] : loops_) loop->Stop();
  for (auto& [index, loop] : loops_) loop->Join();
  pool_->Stop();
  pool_->Join();
  pending_connections_.clear();
  joined_ = true;
}

}  // namespace weir
