// What a snapshot walk over keyed state hands over.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/status.h>
#include <weir/state/packed_run.h>

namespace weir {

// A cleared unit, or all units of a key in one state, to be written into a delta.
struct StateTombstone {
  uint32_t key_group = 0;
  uint16_t column = 0;
  bool range = false;  // Every unit of the key.
  uint32_t key_size = 0;
  uint32_t name_space_size = 0;
  uint64_t begin = 0;  // Of the key, with the name space behind it, in StateTombstones::bytes.
};

// What was cleared between two barriers, oldest first; keys and name spaces are encoded.
struct StateTombstones {
  std::vector<StateTombstone> entries;
  std::string bytes;

  void Add(uint32_t key_group, uint32_t column, bool range, std::string_view key, std::string_view name_space) {
    entries.push_back({key_group, static_cast<uint16_t>(column), range, static_cast<uint32_t>(key.size()),
                       static_cast<uint32_t>(name_space.size()), bytes.size()});
    bytes.append(key).append(name_space);
  }
  std::string_view KeyOf(const StateTombstone& entry) const { return std::string_view(bytes).substr(entry.begin, entry.key_size); }
  std::string_view NameSpaceOf(const StateTombstone& entry) const {
    return std::string_view(bytes).substr(entry.begin + entry.key_size, entry.name_space_size);
  }
};

class ColdCut;

// Receives what a snapshot walk serializes. Thread: task.
class SnapshotRecordSink {
 public:
  virtual ~SnapshotRecordSink() = default;
  // Of a delta, once, before any value: a value that comes later for the same unit is newer.
  virtual void Cleared(StateTombstones tombstones) = 0;
  // One unit: a value (no name space), a map entry (its encoded key), a list chunk (its number, 4 bytes, big-endian).
  virtual void Value(uint32_t key_group, uint32_t column, std::string_view key, std::string_view name_space, std::string_view value) = 0;
  // Of a store with rows beyond memory, once, before any value and behind what was cleared. With `all` the snapshot holds the
  // values of `cut`, else its changes; they stand before all values, which are newer. An error fails the snapshot.
  virtual void Cold(StatusOr<std::shared_ptr<const ColdCut>> cut, bool all) {
    (void)cut;
    (void)all;
    std::abort();  // A sink that would lose them.
  }
  // Of a layout with `packed_bytes`, instead of Value: room for at least one record of the group, until the next call.
  // Null: this sink takes all records as values.
  virtual PackedRun* Packed(uint32_t key_group) {
    (void)key_group;
    return nullptr;
  }
};

}  // namespace weir
