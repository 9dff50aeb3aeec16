// What happens when a job fails: the one description of it, from the program to the scheduler.
#pragma once

#include <cstdint>

namespace weir {

struct RestartStrategyConfig {
  enum class Kind : uint8_t { kNone = 0, kFixedDelay = 1, kExponentialDelay = 2 };
  Kind kind = Kind::kExponentialDelay;
  // Fixed delay.
  uint32_t attempts_max = 1;
  int64_t delay_ms = 1'000;
  // Exponential delay (Flink's keys restart-strategy.exponential-delay.*).
  int64_t initial_backoff_ms = 50;
  int64_t max_backoff_ms = 60'000;
  double backoff_multiplier = 1.5;
  int64_t reset_backoff_threshold_ms = 3'600'000;
  double jitter_factor = 0.1;
  uint32_t exponential_attempts_max = UINT32_MAX;  // attempts-before-reset-backoff
  bool operator==(const RestartStrategyConfig&) const = default;
};

// For StreamExecutionEnvironment::SetRestartStrategy.
struct RestartStrategies {
  static RestartStrategyConfig NoRestart() { return {.kind = RestartStrategyConfig::Kind::kNone}; }
  static RestartStrategyConfig FixedDelayRestart(uint32_t attempts, int64_t delay_ms) {
    return {.kind = RestartStrategyConfig::Kind::kFixedDelay, .attempts_max = attempts, .delay_ms = delay_ms};
  }
  static RestartStrategyConfig ExponentialDelayRestart(int64_t initial_backoff_ms, int64_t max_backoff_ms, double multiplier) {
    return {.initial_backoff_ms = initial_backoff_ms, .max_backoff_ms = max_backoff_ms, .backoff_multiplier = multiplier};
  }
};

}  // namespace weir
