// Which TaskManagers have been silent for too long. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir {

// Thread: the JobManager's loop. Times are of one monotonic clock and do not decrease.
class HeartbeatWatch {
 public:
  struct Options {
    int64_t interval_ms = 1'000;  // heartbeat.interval: OnBeat is called so often.
    int64_t timeout_ms = 10'000;  // heartbeat.timeout
  };
  struct Verdict {
    // Set: nothing ran here for so long, so that what was sent meanwhile has not been read. Nobody is silent then, and everybody
    // gets a new time-out (R30).
    std::optional<int64_t> stalled_ms;
    std::vector<std::string> silent;  // By name; whoever is still watched at the next beat is judged again.
  };

  explicit HeartbeatWatch(Options options) : options_(options) {}

  // The TaskManager registered or sent a heartbeat.
  void OnHeard(const std::string& name, int64_t now_ms) { last_heard_ms_[name] = now_ms; }
  void Forget(const std::string& name) { last_heard_ms_.erase(name); }
  Verdict OnBeat(int64_t now_ms);

  // Requires: it is watched.
  int64_t LastHeardMs(const std::string& name) const { return last_heard_ms_.at(name); }

 private:
  const Options options_;
  std::optional<int64_t> last_beat_ms_;
  std::map<std::string, int64_t> last_heard_ms_;  // Those that are registered; as many as the slot pool knows.
};

}  // namespace weir
