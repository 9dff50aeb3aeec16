// Arguments of the jobs over keyed records.
//
//   --keys K (1000000)  --skewed  --fill N (0)  --dirty-keys D (0 = all)
#pragma once

#include "benchmarks/jobs/job_arguments.h"
#include "benchmarks/workload/keyed_record.h"

namespace weir::bench {

inline KeyedOptions KeyedArguments(const Parameters& args) {
  KeyedOptions options;
  options.keys = Unsigned(args, "keys", options.keys);
  options.seed = Unsigned(args, "seed", options.seed);
  options.skewed = args.GetBool("skewed", false);
  options.fill_until = Unsigned(args, "fill", 0);
  options.dirty_keys = Unsigned(args, "dirty-keys", 0);
  return options;
}

}  // namespace weir::bench
