// Units of snapshots as JSON: what `weir state export` and `weir state get` show.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "client/snapshot_contents.h"

namespace weir {

// {"operator", "state", "key_group", "key"} and what the kind of the state has: "value"; "entry" {"key", "value"} of a map; "chunk" and
// "value", the elements of the chunk, of a list. Beside a value that expires stands "last_access" in ms. kCorruption when it
// does not decode.
StatusOr<nlohmann::ordered_json> UnitJson(const OperatorContents& op, const KeyedUnit& unit);

// {"operator", "state", "mode", "subtask"} and "item", or of broadcast state "entry" {"key", "value"}. Where the snapshot does not tell the
// schema, or it is not self-contained, they are {"hex"}. kCorruption when it does not decode.
StatusOr<nlohmann::ordered_json> ItemJson(const OperatorContents& op, const UnkeyedItem& item);

// The units of one key in one state, in any order, as one document: "value" is that of the value, or all elements of a list;
// "entries" are those of a map. Requires: there is a unit.
nlohmann::ordered_json KeyJson(std::vector<nlohmann::ordered_json> units);

}  // namespace weir
