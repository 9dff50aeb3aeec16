// Keyed records that carry the time at which they were due.
#pragma once

#include "benchmarks/jobs/keyed_arguments.h"

namespace weir::bench {

class ScheduledGenerator {
 public:
  using Record = KeyedRecord;

  // Records before `measured_from` carry 0.
  ScheduledGenerator(const KeyedOptions& options, uint64_t measured_from) : generator_(options), measured_from_(measured_from) {}

  KeyedRecord Make(uint64_t n) const {
    KeyedRecord record = generator_.Make(n);
    record.timestamp = 0;
    return record;
  }
  KeyedRecord Make(uint64_t n, int64_t due_ns) const {
    KeyedRecord record = generator_.Make(n);
    record.timestamp = n >= measured_from_ ? static_cast<uint64_t>(due_ns) : 0;
    return record;
  }

 private:
  KeyedGenerator generator_;
  uint64_t measured_from_;
};

// A running count on its way to the sink.
struct DueCount {
  uint64_t key;
  uint64_t count;
  uint64_t due_ns;  // 0 = not measured.
};

}  // namespace weir::bench
