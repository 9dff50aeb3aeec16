// What an access to keyed state costs, without an exchange around it.
#pragma once

#include <cstdint>
#include <string>

namespace weir::bench {

struct AccessOptions {
  std::string kind = "value";  // value, list, map-put, map-get.
  uint64_t keys = 1'000'000;
  uint64_t accesses = 8'000'000;  // Of each round.
  uint32_t rounds = 3;
  uint64_t seed = 1;
};

struct AccessResult {
  double ns = 0;       // Per access: the median of the rounds.
  double bare_ns = 0;  // The same of the bare structure.
  bool right = false;  // Both came to the same sums.
};

// One thread. Keys are uniform and come in batches with their hashes, as they come from an exchange. Every key is there before
// the first access that counts.
AccessResult MeasureAccess(const AccessOptions& options);

}  // namespace weir::bench
