// Schema texts, as they stand in snapshots and job graphs. Grammar: docs/formats.md, "Schema".
#pragma once

#include <string>
#include <string_view>

#include <weir/core/schema.h>
#include <weir/core/status.h>

namespace weir {

// What SchemaOf<T>() wrote, as a tree. kInvalidArgument, with the offset, for anything else. Pure; takes hostile text.
StatusOr<Schema> ParseSchema(std::string_view text);

// The inverse.
std::string SchemaText(const Schema& schema);

}  // namespace weir
