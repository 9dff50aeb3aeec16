// What the scenario jobs share: their arguments.
//
//   --from 0 --rows 10000        the numbers of the source, or
//   --stop-file PATH             ... without an end until that file names one
//   --rows-per-second 0          0: as fast as can be
//   --go-file PATH               the last rows wait until it exists; only with a speed
//   --checkpoint-interval-ms 100
//   --output /dir
#pragma once

#include <weir/weir.h>

#include "tests/scenarios/jobs/paced_source.h"

namespace weir::scenarios {

inline DataStream<int64_t> Numbers(StreamExecutionEnvironment& env, const Parameters& args, const std::string& uid) {
  PacedSource::Options options;
  options.from = args.GetInt("from", 0);
  options.to = options.from + args.GetInt("rows", 10'000) - 1;
  options.rows_per_second = args.GetInt("rows-per-second", 0);
  options.go_file = std::string(args.Get("go-file", ""));
  options.stop_file = std::string(args.Get("stop-file", ""));
  if (!options.stop_file.empty()) options.to = PacedSource::UnboundedLast(env.Parallelism());
  return env.FromSource(PacedSource(options), "Numbers").Uid(uid);
}

inline void EnableCheckpoints(StreamExecutionEnvironment& env, const Parameters& args) {
  env.EnableCheckpointing(std::chrono::milliseconds(args.GetInt("checkpoint-interval-ms", 100)));
}

struct KeyValue {
  int64_t key;
  int64_t value;
};

}  // namespace weir::scenarios
