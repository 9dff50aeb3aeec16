// WC: records of 32 bytes with uniform or skewed keys, for keyed counts.
#pragma once

#include <cstdint>

#include "benchmarks/workload/digest.h"

namespace weir::bench {

struct KeyedRecord {
  uint64_t key;
  uint64_t timestamp;
  uint64_t value;
  uint64_t padding;
};
static_assert(sizeof(KeyedRecord) == 32);

struct KeyedOptions {
  uint64_t keys = 1'000'000;
  uint64_t seed = 1;
  bool skewed = false;      // 80 % of the records on 10 % of the keys.
  uint64_t fill_until = 0;  // Records before this number have it as their key: after `keys` of them each key exists.
  uint64_t dirty_keys = 0;  // Behind the fill, keys are below this; 0 = any.
};

class KeyedGenerator {
 public:
  using Record = KeyedRecord;

  explicit KeyedGenerator(const KeyedOptions& options)
      : keys_(options.dirty_keys != 0 ? options.dirty_keys : options.keys),
        offset_((options.seed - 1) << 40),
        fill_until_(options.fill_until),
        skewed_(options.skewed) {}

  KeyedRecord Make(uint64_t n) const { return {Key(n), n, 1, 0}; }

 private:
  uint64_t Key(uint64_t n) const {
    if (n < fill_until_) [[unlikely]]
      return n;
    const uint64_t random = Mix64(n + offset_);
    if (!skewed_) return random % keys_;
    return random % 10 < 8 ? (random >> 8) % (keys_ / 10) : (random >> 8) % keys_;
  }

  uint64_t keys_;
  uint64_t offset_;
  uint64_t fill_until_;
  bool skewed_;
};

// ---- Two keyed stages in a row: a running count per key, then the sum of those counts per group of keys ----

struct StageRecord {
  uint64_t group;
  uint64_t count;
};
inline constexpr uint64_t kStageGroups = 10'000;
constexpr uint64_t GroupOf(uint64_t key) { return Mix64(key) % kStageGroups; }

// ---- A chain of maps, each cheap and none removable ----

template <uint64_t kStep>
constexpr KeyedRecord ChainStep(const KeyedRecord& in) {
  return {in.key + kStep, in.timestamp, (in.value ^ in.key) * 0x9E3779B97F4A7C15ULL, in.padding + in.value};
}
constexpr uint64_t ChainHash(const KeyedRecord& record) { return Mix64(record.key ^ record.timestamp ^ record.value ^ record.padding); }

}  // namespace weir::bench
