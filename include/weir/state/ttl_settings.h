// When the units of a state expire, as the engine knows it. For jobs: StateTtlConfig.
#pragma once

#include <cstdint>

namespace weir {

struct TtlSettings {
  int64_t ttl_ms = 0;  // 0 = they live for ever, and their bytes hold no time.
  bool update_on_read = false;
  bool return_expired = false;
  uint32_t cleanup_units = 5;  // Looked at in the background with each access to the state.
  bool cleanup_every_record = false;

  bool on() const { return ttl_ms != 0; }
  // The latest time of last access that has expired. `now_ms` >= 0: never overflows.
  int64_t ExpiredUntil(int64_t now_ms) const { return now_ms - ttl_ms; }
};

}  // namespace weir
