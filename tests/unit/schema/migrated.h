// Values of one type as a program with another type would restore them.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "state/schema/schema_change.h"
#include "state/schema/schema_text.h"
#include "state/schema/value_migration.h"

namespace weir::testing {

template <class T>
Schema CompletedSchema() {
  StatusOr<Schema> schema = ParseSchema(SchemaOf<T>());
  EXPECT_TRUE(schema.ok()) << schema.status().ToString();
  CompleteSchema<T>(*schema);
  return *schema;
}

template <class T>
std::string EncodedBytes(const T& value) {
  ByteWriter out;
  Serde<T>::Encode(value, out);
  return out.Take();
}

// `saved`, written by a program that calls it Old, as a New. Nothing, and the test has failed, when that cannot be.
template <class Old, class New>
std::optional<New> Migrated(const Old& saved) {
  const StatusOr<Schema> from = ParseSchema(SchemaOf<Old>());
  const StatusOr<ValueMigration> migration = ValueMigration::Make(*from, CompletedSchema<New>());
  EXPECT_TRUE(migration.ok()) << migration.status().ToString();
  if (!migration.ok()) return std::nullopt;
  const std::string bytes = EncodedBytes(saved);
  ByteReader in(bytes);
  ByteWriter out;
  EXPECT_TRUE(migration->Apply(in, out));
  EXPECT_TRUE(in.AtEnd());
  ByteReader migrated(out.view());
  New value{};
  EXPECT_TRUE(Serde<New>::Decode(migrated, value));
  EXPECT_TRUE(migrated.AtEnd());
  return value;
}

}  // namespace weir::testing
