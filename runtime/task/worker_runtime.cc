#include "runtime/task/worker_runtime.h"

#include "base/check.h"
#include "base/log.h"
#include "runtime/task/deployed_task.h"
#include "runtime/task/worker_channels.h"

namespace weir {
namespace {

constexpr int64_t kPendingConnectionNs = 30'000'000'000;

}  // namespace

WorkerRuntime::WorkerRuntime(WorkerOptions options, const JobPlan& plan, const Clock& clock, TaskEvents& events)
    : options_(std::move(options)),
      plan_(plan),
      clock_(clock),
      events_(events),
      files_(NewPosixFileSystem()),
      layout_(options_.checkpoints_directory, options_.job),
      pool_(std::make_unique<ThreadPool>(ThreadPoolOptions{"snapshot", options_.snapshot_threads, 65'536})),
      storage_(std::make_unique<SnapshotStorage>(SnapshotStorage{*files_, *pool_, clock, layout_, options_.state_placement, options_.incremental})),
      peers_(std::make_unique<PeerWatch>(options_.peer_timeout_ms, [this](AttemptId attempt, const std::string& address, const std::string& why) {
        OnPeerLost(attempt, address, why);
      })),
      watchdog_([this] { WatchTasks(); }) {}

WorkerRuntime::~WorkerRuntime() { CHECK(joined_); }

void WorkerRuntime::OnPeerLost(AttemptId attempt, const std::string& address, const std::string& why) {
  LOG_WARN("A worker at the other end of channels is lost, address={}, attempt={}: {}", address, attempt.ToString(), why);
  std::lock_guard lock(tasks_mutex_);
  for (const std::unique_ptr<DeployedTask>& deployed : tasks_) {
    if (deployed->task->attempt() == attempt && deployed->peers.contains(address)) deployed->task->BreakChannels("worker at " + address + ": " + why);
  }
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
  for (const std::unique_ptr<DeployedTask>& deployed : tasks_) {
    if (!deployed->task->ended()) deployed->task->Cancel();
  }
}

void WorkerRuntime::TriggerCheckpoint(AttemptId attempt, const CheckpointBarrier& barrier, const std::vector<SubtaskId>& roots) {
  if (attempt != attempt_) return;
  for (const SubtaskId& root : roots) {
    if (DeployedTask* const deployed = Find(root)) deployed->task->TriggerCheckpoint(barrier);
  }
}

void WorkerRuntime::DrainSources(AttemptId attempt, const std::vector<SubtaskId>& sources) {
  if (attempt != attempt_) return;
  for (const SubtaskId& source : sources) {
    if (DeployedTask* const deployed = Find(source)) deployed->task->Drain();
  }
}

void WorkerRuntime::NotifyCheckpoint(AttemptId attempt, CheckpointId id, bool completed) {
  if (attempt != attempt_) return;
  for (const std::unique_ptr<DeployedTask>& deployed : tasks_) deployed->task->NotifyCheckpoint(id, completed);
}

DeployedTask* WorkerRuntime::Find(SubtaskId subtask) {
  for (const std::unique_ptr<DeployedTask>& deployed : tasks_) {
    if (deployed->task->subtask() == subtask) return deployed.get();
  }
  return nullptr;
}

bool WorkerRuntime::GiveToTask(const ChannelHandshake& handshake, FileDescriptor& socket) {
  if (handshake.attempt != attempt_ || handshake.edge >= plan_.graph.edges.size()) return false;
  DeployedTask* const deployed = Find({plan_.graph.edges[handshake.edge].to, handshake.consumer_subtask});
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

std::vector<MetricSample> WorkerRuntime::Metrics() const {
  std::vector<MetricSample> samples = metrics_.Snapshot();
  const int64_t now_ns = clock_.MonotonicNanos();
  std::lock_guard lock(tasks_mutex_);
  for (const std::unique_ptr<DeployedTask>& deployed : tasks_) deployed->AddMetrics(now_ns, samples);
  return samples;
}

void WorkerRuntime::Stop() {
  stopped_ = true;
  if (cancelled_ns_ == 0) cancelled_ns_ = clock_.MonotonicNanos();
  for (const std::unique_ptr<DeployedTask>& deployed : tasks_) {
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
