#include "benchmarks/driver/timeline.h"

#include <algorithm>

namespace weir::bench {

Timeline::Timeline(const std::vector<TaskProgress>& tasks)
    : tasks_(tasks), bucket_ns_(tasks.front().bucket_ns), begin_ns_(tasks.front().begin_ns), end_ns_(tasks.front().last_ns) {
  for (const TaskProgress& task : tasks) {
    begin_ns_ = std::min(begin_ns_, task.begin_ns);
    end_ns_ = std::min(end_ns_, task.last_ns);  // From then on one of them has no records left.
  }
  for (const TaskProgress& task : tasks) {
    const size_t first = static_cast<size_t>((task.begin_ns - begin_ns_) / bucket_ns_);
    if (buckets_.size() < first + task.buckets.size()) buckets_.resize(first + task.buckets.size());
    for (size_t i = 0; i < task.buckets.size(); ++i) buckets_[first + i] += static_cast<double>(task.buckets[i]);
  }
}

double Timeline::RowsIn(int64_t first_bucket, int64_t last_bucket) const {
  double rows = 0;
  for (int64_t i = std::max<int64_t>(first_bucket, 0); i < last_bucket && i < static_cast<int64_t>(buckets_.size()); ++i)
    rows += buckets_[static_cast<size_t>(i)];
  return rows;
}

double Timeline::MeanRate(int64_t from_ns, int64_t to_ns) const {
  const int64_t first = (from_ns - begin_ns_) / bucket_ns_;
  const int64_t last = std::max(first + 1, (to_ns - begin_ns_) / bucket_ns_);
  return RowsIn(first, last) * 1e9 / static_cast<double>((last - first) * bucket_ns_);
}

double Timeline::LowestSecond(int64_t from_ns, int64_t to_ns, int64_t least_ns) const {
  const int64_t second = std::max<int64_t>(1, 1'000'000'000 / bucket_ns_);
  const int64_t least = (least_ns - begin_ns_) / bucket_ns_ + 1;
  const int64_t end = (end_ns_ - begin_ns_) / bucket_ns_;
  double lowest = -1;
  for (int64_t first = std::max(least, (from_ns - begin_ns_) / bucket_ns_ - second + 1); first <= (to_ns - begin_ns_) / bucket_ns_ && first + second <= end;
       ++first) {
    const double rows = RowsIn(first, first + second);
    if (lowest < 0 || rows < lowest) lowest = rows;
  }
  return std::max(lowest, 0.0);
}

int64_t Timeline::LongestStopNs(int64_t from_ns, int64_t to_ns) const {
  int64_t longest = 0;
  for (const TaskProgress& task : tasks_) {
    for (const Stop& stop : task.stops) {
      if (stop.from_ns < to_ns && stop.from_ns + stop.length_ns > from_ns) longest = std::max(longest, stop.length_ns);
    }
  }
  return longest;
}

}  // namespace weir::bench
