// The throughput of a job over time, from what its tasks noted.
#pragma once

#include <cstdint>
#include <vector>

#include "benchmarks/driver/run_files.h"

namespace weir::bench {

// Records of all tasks in buckets of a common clock. Pure.
class Timeline {
 public:
  // Requires: at least one task, all with the same bucket length.
  explicit Timeline(const std::vector<TaskProgress>& tasks);

  int64_t end_ns() const { return end_ns_; }
  // Records per second in [from, to), by whole buckets; 0 when there is none.
  double MeanRate(int64_t from_ns, int64_t to_ns) const;
  // The least of all windows of a second that touch [from, to) and lie in [least, end of the records).
  double LowestSecond(int64_t from_ns, int64_t to_ns, int64_t least_ns) const;
  // The longest stop of a task that touches [from, to).
  int64_t LongestStopNs(int64_t from_ns, int64_t to_ns) const;

 private:
  double RowsIn(int64_t first_bucket, int64_t last_bucket) const;

  const std::vector<TaskProgress>& tasks_;
  int64_t bucket_ns_;
  int64_t begin_ns_;
  int64_t end_ns_;
  std::vector<double> buckets_;
};

}  // namespace weir::bench
