// How much a snapshot holds: what `weir state ls` shows.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/snapshot_contents.h"

namespace weir {

struct StateSize {
  uint64_t keys = 0;
  uint64_t entries = 0;  // Values, entries of maps, elements of lists; items of operator states.
  uint64_t bytes = 0;    // Of their encodings, keys included.
};

struct StateSummary {
  std::string name;
  std::string kind;
  std::string schema;  // Of an item of a list; empty when the snapshot does not tell.
  bool keyed = false;  // Else an operator state: it has no keys.
  bool timed = false;
  StateSize size;
  std::map<uint32_t, StateSize> key_groups;  // Those that hold something.
};

struct OperatorSummary {
  std::string uid;
  std::string name;
  std::string key_schema;  // Empty: it has no keyed state.
  uint32_t max_parallelism = 0;
  std::vector<StateSummary> states;
};

// Reads all of it. Memory: besides that of the reading 8 bytes for each entry of one key group. Errors as of SnapshotContents.
StatusOr<std::vector<OperatorSummary>> Summarize(FileSystem& files, const SnapshotContents& snapshot);

std::string SummaryText(const std::string& title, const std::vector<OperatorSummary>& operators, bool by_key_group);
std::string SummaryJson(const SnapshotContents& snapshot, const std::vector<OperatorSummary>& operators, bool by_key_group);

}  // namespace weir
