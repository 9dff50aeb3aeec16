#include "jobmanager/restart_strategy.h"

#include <cmath>

#include "base/check.h"

namespace weir {

RestartStrategy::RestartStrategy(RestartStrategyConfig config) : config_(config) {}

std::optional<int64_t> RestartStrategy::OnFailure(int64_t now_ms, double random) {
  CHECK(random >= 0 && random < 1);
  switch (config_.kind) {
    case RestartStrategyConfig::Kind::kNone: return std::nullopt;
    case RestartStrategyConfig::Kind::kFixedDelay:
      if (attempts_ >= config_.attempts_max) return std::nullopt;
      ++attempts_;
      return config_.delay_ms;
    case RestartStrategyConfig::Kind::kExponentialDelay: return ExponentialDelay(now_ms, random);
  }
  return std::nullopt;
}

std::optional<int64_t> RestartStrategy::ExponentialDelay(int64_t now_ms, double random) {
  if (attempts_ > 0 && now_ms - last_restart_ms_ >= config_.reset_backoff_threshold_ms) attempts_ = 0;
  if (attempts_ >= config_.exponential_attempts_max) return std::nullopt;
  const double initial = static_cast<double>(config_.initial_backoff_ms);
  const double max = static_cast<double>(config_.max_backoff_ms);
  const double pause = std::min(initial * std::pow(config_.backoff_multiplier, attempts_), max);
  const double jittered = pause * (1 + config_.jitter_factor * (2 * random - 1));
  const int64_t delay_ms = static_cast<int64_t>(std::clamp(jittered, initial, max));
  ++attempts_;
  last_restart_ms_ = now_ms + delay_ms;
  return delay_ms;
}

}  // namespace weir
