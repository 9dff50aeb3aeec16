// Memory, descriptors and files of a cluster over time: whether any of them grows without end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/scenarios/cluster.h"

namespace weir::bench {

// Thread: the main one.
class ResourceWatch final {
 public:
  explicit ResourceWatch(const scenarios::Cluster& cluster) : cluster_(cluster) {}

  // Takes a sample now. One that meets a process between death and rebirth shows less, which does no harm.
  void Sample();

  struct Growth {
    std::string what;    // "workers_rss_mb", ...
    double early = 0;    // Median of the first third of the samples.
    double late = 0;     // Of the last third.
    double greatest = 0;
  };
  // Nothing before there are three samples.
  std::vector<Growth> Growths() const;
  // kFailedPrecondition, naming the first that has grown by half and by more than it may vary.
  Status CheckBounded() const;

 private:
  const scenarios::Cluster& cluster_;
  std::map<std::string, std::vector<double>> samples_;
};

}  // namespace weir::bench
