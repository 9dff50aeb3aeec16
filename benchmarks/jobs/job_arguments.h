// Arguments that all benchmark jobs share.
//
//   --events N  --warm-up N  --seed N (1)  --checkpoint-interval-ms MS (1000; 0 = none)  --output DIR
//   --events-per-second R  --schedule-from N     by a schedule instead of as fast as can be
#pragma once

#include <weir/weir.h>

#include "benchmarks/jobs/event_source.h"

namespace weir::bench {

inline uint64_t Unsigned(const Parameters& args, std::string_view name, uint64_t fallback) {
  const int64_t value = args.GetInt(name, static_cast<int64_t>(fallback));
  if (value < 0) throw std::invalid_argument("argument must not be negative: --" + std::string(name) + " " + std::to_string(value));
  return static_cast<uint64_t>(value);
}

inline EventSourceOptions SourceOptions(const Parameters& args) {
  EventSourceOptions options;
  options.events = Unsigned(args, "events", 1'000'000);
  options.warm_up = Unsigned(args, "warm-up", 0);
  options.schedule_from = Unsigned(args, "schedule-from", 0);
  options.events_per_second = args.GetDouble("events-per-second", 0);
  options.output = args.Required("output");
  return options;
}

inline void EnableCheckpoints(StreamExecutionEnvironment& env, const Parameters& args) {
  const uint64_t interval_ms = Unsigned(args, "checkpoint-interval-ms", 1'000);
  if (interval_ms != 0) env.EnableCheckpointing(std::chrono::milliseconds(interval_ms));
}

}  // namespace weir::bench
