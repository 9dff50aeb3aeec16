// Whether values of one schema can become values of another. The rules: docs/evolution.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <weir/core/schema.h>

namespace weir {

enum class SchemaVerdict : uint8_t { kAsIs, kAfterMigration, kIncompatible };

std::string_view SchemaVerdictName(SchemaVerdict verdict);  // "as is", "after migration", "incompatible".

struct SchemaChange {
  SchemaVerdict verdict = SchemaVerdict::kAsIs;
  // Of kAfterMigration: each change. Of kIncompatible: what cannot be. They name the field, as in `price.amount`, and both types.
  std::vector<std::string> reasons;

  std::string Reason() const;  // Joined with "; ", at most about 1000 bytes.
};

// Of values. Pure. Needs nothing but what the texts say.
SchemaChange CompareSchemas(const Schema& saved, const Schema& now);

// Of keys, and of keys of maps: they must have the same bytes, by which they are found.
bool HaveSameBytes(const Schema& a, const Schema& b);

// Whether where such a value ends can be told from the schema alone: not with a serializer of the job's own in it.
bool IsSelfContained(const Schema& schema);

}  // namespace weir
