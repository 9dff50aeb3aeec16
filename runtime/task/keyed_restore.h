// Fills a keyed state store from snapshot files.
#pragma once

#include <string>
#include <vector>

#include <weir/state/keyed_state_store.h>
#include "base/file_system.h"
#include "state/checkpoint/state_handle.h"

namespace weir {

// What a snapshot must fit to be restored.
struct KeyedRestoreTarget {
  std::string operator_name;
  std::string key_schema;
  uint32_t max_parallelism = 0;
  KeyGroupRange key_groups;  // Of the store: nothing else is read.
};

// `handles`: for each key group its base first, then its deltas, oldest first. Values whose schema has changed are migrated, once per
// record; states that the store does not declare are left out. Memory: one block of one file, besides the
// store. Thread: the store's; blocks on reads. kCorruption, kFailedPrecondition (incompatible state), kNotFound,
// kUnavailable: the store is of no use then.
Status RestoreKeyedState(FileSystem& file_system, const std::vector<KeyedStateHandle>& handles, const KeyedRestoreTarget& target, KeyedStateStore& store);

}  // namespace weir
