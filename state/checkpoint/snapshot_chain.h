// What the incremental snapshots of one keyed operator in one subtask stand on: a base and the deltas since it.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include <weir/core/status.h>

#include "state/checkpoint/state_handle.h"

namespace weir {

// Snapshots are numbered from 1 in the order of their barriers, whether their checkpoints complete or not: a delta of an
// aborted checkpoint is part of every later one until the next base (R19). Thread-safe: the task begins snapshots, the
// snapshot pool reports them durable, in their order, and asks for handles.
class SnapshotChain {
 public:
  struct Limits {
    bool incremental = true;  // False: every snapshot is a base.
    // A new base is due when the deltas weigh more than this and more than half of the base.
    uint64_t delta_bytes_max = uint64_t{32} << 20;
    uint32_t merge_deltas_min = 8;  // So many neighbours of one generation are merged into one of the next. At least 2.
  };
  explicit SnapshotChain(Limits limits);

  struct Begun {
    uint64_t number = 0;
    bool is_base = false;
  };
  // At a barrier. The first is a base, and so is the one after a failure.
  Begun Begin();
  // Requires: begun, and every earlier one was reported.
  void OnDurable(uint64_t number, KeyedStateHandle handle);
  void OnFailed(uint64_t number);

  // What restores the state at barrier `number`: base first, newest delta last. An error when a part of it failed.
  StatusOr<std::vector<KeyedStateHandle>> HandlesOf(uint64_t number) const;

  // Consecutive deltas that one file could replace.
  struct Merge {
    uint64_t first = 0;  // Numbers, inclusive.
    uint64_t last = 0;
    std::vector<KeyedStateHandle> parts;  // Oldest first.
  };
  // One at a time: none while another is out. The oldest run of the youngest generation that is long enough.
  std::optional<Merge> PlanMerge();
  // Ends the merge that is out: `merged` is durable and stands for its parts from now on; nothing: it failed.
  void EndMerge(const Merge& merge, std::optional<KeyedStateHandle> merged);

 private:
  struct Part {
    uint64_t first = 0;
    uint64_t last = 0;
    uint32_t generation = 0;  // Of merges; the base has none.
    bool is_base = false;
    bool failed = false;
    std::optional<KeyedStateHandle> handle;  // Set once durable.
  };
  bool NeedsBase() const;

  const Limits limits_;
  mutable std::mutex mutex_;  // Guards everything below.
  std::vector<Part> parts_;   // By number, without gaps; begins with the newest durable base, or what precedes the first.
  uint64_t next_number_ = 1;
  bool merging_ = false;
};

}  // namespace weir
