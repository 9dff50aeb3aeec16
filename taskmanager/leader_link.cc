#include "taskmanager/leader_link.h"

#include <algorithm>

#include "base/check.h"

namespace weir {

LeaderLink::LeaderLink(Options options, int64_t now_ms)
    : options_(options), last_tick_ms_(now_ms), last_heard_ms_(now_ms), connect_at_ms_(now_ms), backoff_ms_(options.backoff_initial_ms) {}

void LeaderLink::Wait(int64_t now_ms, double jitter) {
  state_ = State::kWaiting;
  // Between half of it and all of it: many TaskManagers lose the same JobManager at the same time.
  connect_at_ms_ = now_ms + backoff_ms_ / 2 + static_cast<int64_t>(jitter * static_cast<double>(backoff_ms_) / 2);
  backoff_ms_ = std::min(backoff_ms_ * 2, options_.backoff_max_ms);
}

LeaderLink::Action LeaderLink::Tick(int64_t now_ms, double jitter) {
  CHECK(now_ms >= last_tick_ms_);
  const bool stalled = now_ms - last_tick_ms_ >= options_.heartbeat_timeout_ms;
  last_tick_ms_ = now_ms;
  const bool silent = now_ms - last_heard_ms_ >= options_.heartbeat_timeout_ms;
  if (holds_lease_ && (stalled || silent)) {
    holds_lease_ = false;
    Wait(now_ms, jitter);
    return stalled ? Action::kStalled : Action::kLeaderLost;
  }
  if (state_ == State::kConnecting && silent) {
    Wait(now_ms, jitter);
    return Action::kDrop;
  }
  if (state_ == State::kWaiting && !paused_ && now_ms >= connect_at_ms_) {
    state_ = State::kConnecting;
    if (!holds_lease_) last_heard_ms_ = now_ms;
    return Action::kConnect;
  }
  return Action::kNone;
}

LeaderLink::Verdict LeaderLink::OnRegistered(LeaderEpoch epoch, int64_t heartbeat_interval_ms, int64_t heartbeat_timeout_ms, int64_t now_ms) {
  if (epoch < epoch_) return Verdict::kStaleLeader;
  if (state_ != State::kConnecting) return Verdict::kNotRegistered;
  epoch_ = epoch;
  state_ = State::kRegistered;
  holds_lease_ = true;
  last_heard_ms_ = now_ms;
  backoff_ms_ = options_.backoff_initial_ms;
  if (heartbeat_interval_ms > 0) options_.heartbeat_interval_ms = heartbeat_interval_ms;
  if (heartbeat_timeout_ms > 0) options_.heartbeat_timeout_ms = std::max(heartbeat_timeout_ms, options_.heartbeat_interval_ms + 1);
  return Verdict::kAccept;
}

void LeaderLink::OnDisconnected(int64_t now_ms, double jitter) {
  if (state_ != State::kWaiting) Wait(now_ms, jitter);
}

LeaderLink::Verdict LeaderLink::OnCommand(LeaderEpoch epoch, int64_t now_ms) {
  if (epoch < epoch_) return Verdict::kStaleLeader;
  if (state_ != State::kRegistered) return Verdict::kNotRegistered;
  epoch_ = epoch;
  last_heard_ms_ = now_ms;
  return Verdict::kAccept;
}

}  // namespace weir
