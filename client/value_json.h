// Values of snapshots as JSON, by their schema alone: no job's code is needed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include <weir/core/bytes.h>
#include <weir/core/schema.h>
#include <weir/core/status.h>

namespace weir {

// One value, read from `in`. Structs are objects with their fields in order, maps with string keys objects, other maps arrays of
// {"key", "value"}; floats that are no numbers are "NaN", "Infinity", "-Infinity"; strings that are no UTF-8, and what contains a
// serializer of the job's own, are {"hex": "..."}: then all that is left of `in` is taken. kCorruption when it does not decode.
StatusOr<nlohmann::ordered_json> ValueJson(const Schema& schema, ByteReader& in);

// All of `bytes`. kCorruption when more or less is there.
StatusOr<nlohmann::ordered_json> WholeValueJson(const Schema& schema, std::string_view bytes);

// The bytes of a key, from the text of a command line: of a string the text itself, of what contains a serializer of the job's own
// hex digits, else JSON as above. kInvalidArgument when it is none of the schema.
StatusOr<std::string> KeyBytes(const Schema& schema, std::string_view text);

nlohmann::ordered_json HexJson(std::string_view bytes);  // {"hex": "0aff"}

}  // namespace weir
