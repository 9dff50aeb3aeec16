#include "benchmarks/loops/loop.h"

#include <cstdio>
#include <cstdlib>
#include <map>

namespace weir::bench {

LoopResult RunLoop(const LoopOptions& options) {
  static const std::map<std::string, LoopResult (*)(const LoopOptions&)> kLoops = {
      {"wc", RunKeyedLoop},    {"text", RunTextLoop},       {"q0", RunNexmarkLoop},  {"q1", RunNexmarkLoop},           {"q2", RunNexmarkLoop},
      {"gen", RunNexmarkLoop}, {"two-stage", RunStageLoop}, {"chain", RunChainLoop}, {"running", RunRunningCountLoop}, {"jitter", RunJitterLoop},
  };
  const auto found = kLoops.find(options.workload);
  if (found == kLoops.end()) {
    std::fprintf(stderr, "no such loop: %s\n", options.workload.c_str());
    std::exit(1);
  }
  return found->second(options);
}

}  // namespace weir::bench
