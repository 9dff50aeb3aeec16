// When to dial the JobManager, whom to believe, when to stop for want of a leader. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"

namespace weir {

// Thread: the TaskManager's loop. No I/O, no clock, no random source.
//
//   kWaiting -> kConnecting -> kRegistered
//       ^           |               |
//       +-----------+---------------+   refused, broken, silent
//
// Leases (R28): a TaskManager that has not heard of its leader for heartbeat.timeout stops its workers and comes back as a new
// incarnation, since by then the leader may have given its work to others.
class LeaderLink {
 public:
  struct Options {
    int64_t heartbeat_interval_ms = 1'000;
    int64_t heartbeat_timeout_ms = 10'000;
    int64_t backoff_initial_ms = 100;
    int64_t backoff_max_ms = 2'000;
  };
  enum class State : uint8_t { kWaiting, kConnecting, kRegistered };
  enum class Verdict : uint8_t {
    kAccept,
    kStaleLeader,   // Of a deposed leader (R3): ignore it and drop the session.
    kNotRegistered,
  };
  // What a tick asks for; at most one.
  enum class Action : uint8_t {
    kNone,
    kConnect,       // Answered by OnRegistered or OnDisconnected.
    kDrop,          // The session is silent: close it. Already counted as disconnected.
    kLeaderLost,    // Stop the workers, take a new incarnation; close the session.
    kStalled,       // The same because of this process's own pause (R30).
  };

  LeaderLink(Options options, int64_t now_ms);

  // Called at least every heartbeat interval; `jitter` in [0, 1). Requires: `now_ms` does not decrease.
  Action Tick(int64_t now_ms, double jitter);
  // May be called while workers of the last incarnation end: no connection until Resume.
  void Pause() { paused_ = true; }
  void Resume() { paused_ = false; }

  // The leader's answer to the registration; the intervals are its own, 0 = keep.
  Verdict OnRegistered(LeaderEpoch epoch, int64_t heartbeat_interval_ms, int64_t heartbeat_timeout_ms, int64_t now_ms);
  void OnDisconnected(int64_t now_ms, double jitter);  // Broken, or the registration was refused.
  Verdict OnCommand(LeaderEpoch epoch, int64_t now_ms);

  State state() const { return state_; }
  LeaderEpoch epoch() const { return epoch_; }  // Highest heard of (R3).
  int64_t heartbeat_interval_ms() const { return options_.heartbeat_interval_ms; }
  int64_t heartbeat_timeout_ms() const { return options_.heartbeat_timeout_ms; }

 private:
  void Wait(int64_t now_ms, double jitter);

  Options options_;
  State state_ = State::kWaiting;
  LeaderEpoch epoch_;
  bool paused_ = false;
  bool holds_lease_ = false;   // Was registered since the last loss: workers may run.
  int64_t last_tick_ms_;
  int64_t last_heard_ms_;      // Of a leader, or when connecting began.
  int64_t connect_at_ms_;      // Of kWaiting.
  int64_t backoff_ms_;         // Grows until a registration succeeds.
};

}  // namespace weir
