// What is in a savepoint or checkpoint, read without the job's code.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/schema.h>
#include <weir/core/status.h>

#include "base/file_system.h"
#include "state/checkpoint/checkpoint_storage.h"
#include "state/checkpoint/snapshot_reader.h"

namespace weir {

// A keyed state as a snapshot describes it.
struct StateContents {
  SnapshotState description;
  Schema schema;
  bool timed() const { return description.options == kTtlOption; }
};

// An operator in a snapshot, with what its subtasks saved.
struct OperatorContents {
  std::string uid;   // In hex digits of its id where it had none.
  std::string name;  // Empty in older snapshots.
  OperatorId id;
  uint32_t max_parallelism = 0;
  std::string key_schema_text;
  Schema key_schema;                 // Of keyed operators.
  std::vector<StateContents> states;  // By index, as in the records; empty when it saved no keyed state.
  struct Keyed {
    uint32_t subtask = 0;
    std::vector<KeyedStateHandle> handles;  // Base first, newest delta last.
  };
  std::vector<Keyed> keyed;
  struct Unkeyed {
    uint32_t subtask = 0;
    OperatorStateHandle handle;
  };
  std::vector<Unkeyed> unkeyed;
};

// Immutable. Opening reads the metadata and the header of one file of each operator. Blocks.
class SnapshotContents {
 public:
  // `path`: its directory, or its _metadata. kNotFound, kUnavailable, kCorruption, kFailedPrecondition (another version).
  static StatusOr<SnapshotContents> Open(FileSystem& files, const std::string& path);

  const LoadedCheckpoint& loaded() const { return loaded_; }
  // "canonical savepoint of job 0123..., checkpoint 7".
  std::string Title() const;
  const std::vector<OperatorContents>& operators() const { return operators_; }
  // By uid, else by id in hex digits, else by a name that only one has. kNotFound says which there are.
  StatusOr<const OperatorContents*> Find(const std::string& name) const;

 private:
  LoadedCheckpoint loaded_;
  std::vector<OperatorContents> operators_;
};

// A unit of keyed state (docs/formats.md, "Keyed snapshot"); valid during the call that gets it.
struct KeyedUnit {
  const StateContents& state;
  uint32_t state_index;
  uint32_t key_group;
  const SnapshotRecord& record;
};
// Base and deltas merged. Memory: a block, and the deltas of one key group. Ends with the first error, also of `visit`.
using KeyedUnitVisitor = std::function<Status(const KeyedUnit& unit)>;
Status ForEachKeyedUnit(FileSystem& files, const OperatorContents& op, std::optional<uint32_t> key_group, const KeyedUnitVisitor& visit);

// The items of its operator states, subtask by subtask, as they were saved.
struct UnkeyedItem {
  uint32_t subtask;
  const OperatorStatePartition& state;
  std::string_view item;
};
using UnkeyedItemVisitor = std::function<Status(const UnkeyedItem& item)>;
Status ForEachUnkeyedItem(FileSystem& files, const OperatorContents& op, const UnkeyedItemVisitor& visit);

std::string_view RedistributionModeName(RedistributionMode mode);  // "list", "union list", "broadcast".

}  // namespace weir
