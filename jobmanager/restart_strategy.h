// Decides whether and when a failed job starts again. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/graph/job_graph.h"

namespace weir {

class RestartStrategy {
 public:
  explicit RestartStrategy(RestartStrategyConfig config);

  // The job failed at `now_ms`. How long to wait before it starts again; unset: give up. `random` in [0, 1) is the jitter.
  std::optional<int64_t> OnFailure(int64_t now_ms, double random);

  uint32_t attempts() const { return attempts_; }  // Since the last reset.

 private:
  std::optional<int64_t> ExponentialDelay(int64_t now_ms, double random);

  const RestartStrategyConfig config_;
  uint32_t attempts_ = 0;
  int64_t last_restart_ms_ = 0;  // When the last wait ended.
};

}  // namespace weir
