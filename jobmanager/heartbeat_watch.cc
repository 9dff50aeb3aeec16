#include "jobmanager/heartbeat_watch.h"

namespace weir {

HeartbeatWatch::Verdict HeartbeatWatch::OnBeat(int64_t now_ms) {
  Verdict verdict;
  const int64_t since_last_ms = last_beat_ms_.has_value() ? now_ms - *last_beat_ms_ : 0;
  last_beat_ms_ = now_ms;
  if (since_last_ms > options_.interval_ms + options_.timeout_ms / 2) {
    verdict.stalled_ms = since_last_ms;
    for (auto& [name, heard_ms] : last_heard_ms_) heard_ms = now_ms;
  }
  for (const auto& [name, heard_ms] : last_heard_ms_) {
    if (now_ms - heard_ms > options_.timeout_ms) verdict.silent.push_back(name);
  }
  return verdict;
}

}  // namespace weir
