#include "state/schema/value_migration.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "tests/unit/schema/migrated.h"
#include "tests/unit/testing/fuzz.h"

namespace weir {
namespace {

using testing::CompletedSchema;
using testing::EncodedBytes;
using testing::Migrated;

struct OldMoney {
  int32_t euros = 0;
  bool operator==(const OldMoney&) const = default;
};
struct Money {
  int64_t cents = 0;
  bool operator==(const Money&) const = default;
};

}  // namespace

template <>
struct Serde<OldMoney> {
  static void Encode(const OldMoney& value, ByteWriter& out) { out.PutString(std::to_string(value.euros)); }
  static bool Decode(ByteReader& in, OldMoney& value) { return value.euros = std::atoi(std::string(in.GetString()).c_str()), in.ok(); }
  static void Describe(std::string& name) { name += "money"; }
};
template <>
struct Serde<Money> {
  static constexpr uint32_t kVersion = 2;
  static constexpr uint32_t kOldestVersion = 1;
  static void Encode(const Money& value, ByteWriter& out) { out.Put(value.cents); }
  static bool Decode(ByteReader& in, Money& value) { return value.cents = in.Get<int64_t>(), in.ok(); }
  static bool DecodeVersion(ByteReader& in, uint32_t, Money& value) {
    OldMoney old;
    if (!Serde<OldMoney>::Decode(in, old)) return false;
    value.cents = int64_t{old.euros} * 100;
    return true;
  }
  static void Describe(std::string& name) { name += "money"; }
};

namespace {

enum class Color : uint8_t { kRed = 1, kBlue = 2 };

struct OldItem {
  std::string name;
  int32_t count;
  float price;
  Color color;
  std::vector<int8_t> gone;
  bool flag;
};
struct Item {
  bool flag;
  int64_t count;
  std::string note = "none";
  std::string name;
  double price;
  std::optional<Color> color;
  std::array<int16_t, 2> added = {4, 5};
  bool operator==(const Item&) const = default;
};

struct OldOrder {
  std::vector<OldItem> items;
  std::map<std::string, OldItem> by_name;
  std::tuple<uint8_t, std::optional<OldItem>> pair;
  std::array<uint16_t, 2> fixed;
  OldMoney sum;
};
struct Order {
  Money sum;
  std::vector<Item> items;
  std::map<std::string, Item> by_name;
  std::tuple<int16_t, std::optional<Item>> pair;
  std::array<int32_t, 2> fixed;
  bool operator==(const Order&) const = default;
};

const OldItem kOldItem{"a", -7, 1.5f, Color::kBlue, {1, 2, 3}, true};
const Item kItem{true, -7, "none", "a", 1.5, Color::kBlue, {4, 5}};
OldOrder OldExample() { return {{kOldItem, kOldItem}, {{"x", kOldItem}, {"", kOldItem}}, {200, kOldItem}, {65'535, 1}, {12}}; }
Order Example() { return {{1'200}, {kItem, kItem}, {{"x", kItem}, {"", kItem}}, {200, kItem}, {65'535, 1}}; }

TEST(ValueMigrationTest, FieldsAreMatchedByNameAtEveryDepth) {
  EXPECT_EQ((Migrated<OldItem, Item>(kOldItem)), kItem);
  EXPECT_EQ((Migrated<OldOrder, Order>(OldExample())), Example());
}

TEST(ValueMigrationTest, WhatHasNotChangedComesBackAsItWas) {
  EXPECT_EQ((Migrated<Order, Order>(Example())), Example());
  EXPECT_EQ(EncodedBytes(*Migrated<Order, Order>(Example())), EncodedBytes(Example()));
}

template <class Old, class New>
void ExpectKept(const std::vector<Old>& values) {
  for (const Old value : values) EXPECT_EQ((Migrated<Old, New>(value)), static_cast<New>(value)) << value;
}

TEST(ValueMigrationTest, WideningKeepsTheLeastAndTheGreatest) {
  const auto ends = []<class T>(T) { return std::vector<T>{std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), T{0}, T{1}}; };
  ExpectKept<int8_t, int16_t>(ends(int8_t{}));
  ExpectKept<int16_t, int64_t>(ends(int16_t{}));
  ExpectKept<int32_t, int64_t>(ends(int32_t{}));
  ExpectKept<uint8_t, uint32_t>(ends(uint8_t{}));
  ExpectKept<uint32_t, uint64_t>(ends(uint32_t{}));
  ExpectKept<uint8_t, int16_t>(ends(uint8_t{}));
  ExpectKept<uint32_t, int64_t>(ends(uint32_t{}));
  ExpectKept<float, double>({-1.5f, 0.1f, std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min()});
}

TEST(ValueMigrationTest, AnIncompatibleSchemaHasNone) {
  const auto made = ValueMigration::Make(*ParseSchema("{a:i64}"), *ParseSchema("{a:i32}"));
  EXPECT_EQ(made.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(made.status().message().find("field \"a\" was i64, now it is i32"), std::string::npos);
}

TEST(ValueMigrationTest, WhatOnlyTheProgramKnowsIsAskedFor) {
  EXPECT_NE(ValueMigration::Make(*ParseSchema("{}"), *ParseSchema("{a:i32}")).status().message().find("default is not known"), std::string::npos);
  EXPECT_NE(ValueMigration::Make(*ParseSchema("serde<money,1,1>"), *ParseSchema("serde<money,2,1>")).status().message().find("is not known here"), std::string::npos);
}

TEST(ValueMigrationTest, DamagedBytesNeverCrash) {
  const StatusOr<ValueMigration> migration = ValueMigration::Make(*ParseSchema(SchemaOf<OldOrder>()), CompletedSchema<Order>());
  ASSERT_TRUE(migration.ok());
  uint32_t refused = 0;
  testing::Fuzz(EncodedBytes(OldExample()), 20'000, [&](const std::string& bytes) {
    ByteReader in(bytes);
    ByteWriter out;
    if (!migration->Apply(in, out)) {
      ++refused;
      return;
    }
    ByteReader migrated(out.view());
    Order value{};
    EXPECT_TRUE(Serde<Order>::Decode(migrated, value));
  });
  EXPECT_GT(refused, 5'000u);
}

TEST(UnitMigrationTest, ValuesAndElementsKeepTheirTimeOfLastAccess) {
  const StatusOr<Schema> saved = ParseSchema("i32");
  const auto value = UnitMigration::Make({"value", true, *saved}, *ParseSchema("i64"));
  ASSERT_TRUE(value.ok());
  ByteWriter out;
  ASSERT_TRUE(value->Apply(EncodedBytes(std::tuple(int64_t{1'000}, int32_t{-5})), out));
  EXPECT_EQ(out.view(), EncodedBytes(std::tuple(int64_t{1'000}, int64_t{-5})));
  EXPECT_FALSE(value->Apply(EncodedBytes(std::tuple(int64_t{1'000}, int64_t{-5})), out)) << "longer than what it holds";

  const StatusOr<Schema> list = ParseSchema("list<i32>");
  const auto chunk = UnitMigration::Make({"list", true, *list}, *ParseSchema("list<i64>"));
  ASSERT_TRUE(chunk.ok());
  out.Clear();
  ASSERT_TRUE(chunk->Apply(EncodedBytes(std::vector<std::tuple<int64_t, int32_t>>{{1, 2}, {3, 4}}), out));
  EXPECT_EQ(out.view(), EncodedBytes(std::vector<std::tuple<int64_t, int64_t>>{{1, 2}, {3, 4}}));
}

TEST(UnitMigrationTest, OfAMapOnlyTheValueChanges) {
  const StatusOr<Schema> saved = ParseSchema("map<string,u8>");
  const auto entry = UnitMigration::Make({"map", false, *saved}, *ParseSchema("map<string,i32>"));
  ASSERT_TRUE(entry.ok());
  ByteWriter out;
  ASSERT_TRUE(entry->Apply(EncodedBytes(uint8_t{255}), out));
  EXPECT_EQ(out.view(), EncodedBytes(int32_t{255}));
}

TEST(UnitMigrationTest, AnUnknownKindAndASchemaOfAnotherKindAreRefused) {
  const StatusOr<Schema> saved = ParseSchema("i32");
  EXPECT_FALSE(UnitMigration::Make({"timer", false, *saved}, *saved).ok());
  EXPECT_FALSE(UnitMigration::Make({"list", false, *saved}, *saved).ok());
}

TEST(UnitMigrationTest, ElementsWithoutBytesAreBounded) {
  const StatusOr<Schema> saved = ParseSchema("list<{}>");
  const auto chunk = UnitMigration::Make({"list", false, *saved}, *saved);
  ASSERT_TRUE(chunk.ok());
  ByteWriter out;
  ByteWriter hostile;
  hostile.PutVarint(uint64_t{1} << 62);
  EXPECT_FALSE(chunk->Apply(hostile.view(), out));
}

}  // namespace
}  // namespace weir
