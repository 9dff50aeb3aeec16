// The table of docs/evolution.md: each change of a type with the verdict that it must have, and what it must say.
#include "state/schema/schema_change.h"

#include <gtest/gtest.h>

#include "tests/unit/schema/migrated.h"

namespace weir {
namespace {

class MoneyOne {};
class MoneyTwo {};
class MoneyThree {};

}  // namespace

template <>
struct Serde<MoneyOne> {
  static void Encode(const MoneyOne&, ByteWriter&) {}
  static bool Decode(ByteReader&, MoneyOne&) { return true; }
  static void Describe(std::string& name) { name += "money"; }
};
template <>
struct Serde<MoneyTwo> {
  static constexpr uint32_t kVersion = 2;
  static constexpr uint32_t kOldestVersion = 1;
  static void Encode(const MoneyTwo&, ByteWriter&) {}
  static bool Decode(ByteReader&, MoneyTwo&) { return true; }
  static bool DecodeVersion(ByteReader&, uint32_t, MoneyTwo&) { return true; }
  static void Describe(std::string& name) { name += "money"; }
};
template <>
struct Serde<MoneyThree> {
  static constexpr uint32_t kVersion = 3;
  static void Encode(const MoneyThree&, ByteWriter&) {}
  static bool Decode(ByteReader&, MoneyThree&) { return true; }
  static void Describe(std::string& name) { name += "money"; }
};

namespace {

using Verdict = SchemaVerdict;

enum class Small : uint8_t {};
enum class Large : uint32_t {};

struct Point {
  int32_t x;
  int32_t y;
};
struct PointSwapped {
  int32_t y;
  int32_t x;
};
struct PointAdded {
  int32_t x;
  int32_t y;
  std::string note;
};
struct PointRemoved {
  int32_t x;
};
struct PointRenamed {
  int32_t x;
  int32_t height;
};
struct PointWide {
  int64_t x;
  int32_t y;
};
struct PointNarrow {
  int32_t x;
  int16_t y;
};
struct PointText {
  int32_t x;
  std::string y;
};
template <class T>
struct Nested {
  std::string name;
  T inner;
};
struct Plain {
  std::string name;
};

struct Case {
  const char* name;
  std::string saved;
  std::string now;
  Verdict verdict;
  std::string says;  // Part of the reason.
};

template <class Old, class New>
Case Of(const char* name, Verdict verdict, std::string says) {
  return {name, SchemaOf<Old>(), SchemaOf<New>(), verdict, std::move(says)};
}

const std::vector<Case>& Cases() {
  static const std::vector<Case> kCases = {
      Of<Point, Point>("nothing", Verdict::kAsIs, ""),
      Of<Point, PointAdded>("field added", Verdict::kAfterMigration, "field \"note\" is new and starts with its default"),
      Of<Point, PointRemoved>("field removed", Verdict::kAfterMigration, "field \"y\" is dropped"),
      Of<Point, PointSwapped>("fields reordered", Verdict::kAfterMigration, "the fields of the value have another order"),
      Of<Point, PointWide>("field widened", Verdict::kAfterMigration, "field \"x\" grows from i32 to i64"),
      Of<PointWide, Point>("field narrowed", Verdict::kIncompatible, "field \"x\" was i64, now it is i32: a number may only grow"),
      Of<Point, PointNarrow>("field narrowed below what it was", Verdict::kIncompatible, "field \"y\" was i32, now it is i16"),
      Of<Point, PointRenamed>("field renamed", Verdict::kAfterMigration,
                              "field \"y\" is dropped; field \"height\" is new and starts with its default (a renamed field is a new one)"),
      Of<Point, PointText>("type of a field changed", Verdict::kIncompatible, "field \"y\" was i32, now it is string"),
      Of<Nested<Point>, Nested<PointAdded>>("nested struct gets a field", Verdict::kAfterMigration, "field \"inner.note\" is new"),
      Of<Nested<PointWide>, Nested<Point>>("nested struct narrows", Verdict::kIncompatible, "field \"inner.x\" was i64, now it is i32"),
      Of<Nested<std::vector<Point>>, Nested<std::vector<PointText>>>("field of an element changed", Verdict::kIncompatible, "field \"inner[].y\" was i32, now it is string"),
      Of<Nested<Small>, Nested<Large>>("enum changed", Verdict::kIncompatible, "field \"inner\" was enum:u8, now it is enum:u32"),
      Of<Nested<Small>, Nested<uint8_t>>("enum made an integer", Verdict::kIncompatible, "field \"inner\" was enum:u8, now it is u8"),
      Of<Nested<bool>, Nested<int32_t>>("bool made an integer", Verdict::kIncompatible, "field \"inner\" was bool, now it is i32"),
      Of<Nested<std::optional<int32_t>>, Nested<int32_t>>("optional made plain", Verdict::kIncompatible,
                                                          "field \"inner\" was optional<i32>, now it is i32: an empty one would have no value"),
      Of<Nested<int32_t>, Nested<std::optional<int64_t>>>("plain made optional, and wider", Verdict::kAfterMigration,
                                                          "field \"inner\" becomes optional; field \"inner\" grows from i32 to i64"),
      Of<std::vector<int32_t>, std::vector<int64_t>>("element widened", Verdict::kAfterMigration, "each element grows from i32 to i64"),
      Of<std::vector<int32_t>, std::array<int32_t, 2>>("list made an array", Verdict::kIncompatible, "the value was list<i32>, now it is array<i32,2>"),
      Of<std::array<int32_t, 3>, std::array<int32_t, 2>>("length of an array changed", Verdict::kIncompatible, "the length of an array stays"),
      Of<std::array<int32_t, 3>, std::array<int64_t, 3>>("element of an array widened", Verdict::kAfterMigration, "each element grows"),
      Of<std::map<std::string, Point>, std::map<std::string, PointAdded>>("value struct of a map gets a field", Verdict::kAfterMigration, "field \"value.note\" is new"),
      Of<std::map<int32_t, Point>, std::map<int64_t, Point>>("key of a map changed", Verdict::kIncompatible,
                                                             "field \"key\" was i32, now it is i64: keys of a map stay as they are"),
      Of<std::tuple<int32_t, float>, std::tuple<int32_t, double>>("member of a tuple widened", Verdict::kAfterMigration, "field \"1\" grows from f32 to f64"),
      Of<std::tuple<int32_t, float>, std::tuple<int32_t>>("member of a tuple removed", Verdict::kIncompatible, "the number of members of a tuple stays"),
      Of<std::optional<int8_t>, std::optional<int16_t>>("optional widened", Verdict::kAfterMigration, "grows from i8 to i16"),
      Of<uint32_t, int64_t>("unsigned into wider signed", Verdict::kAfterMigration, "the value grows from u32 to i64"),
      Of<uint32_t, int32_t>("unsigned into signed of its width", Verdict::kIncompatible, "the value was u32, now it is i32"),
      Of<int32_t, uint64_t>("signed into unsigned", Verdict::kIncompatible, "the value was i32, now it is u64"),
      Of<int32_t, double>("integer into float", Verdict::kIncompatible, "the value was i32, now it is f64"),
      Of<double, float>("float narrowed", Verdict::kIncompatible, "the value was f64, now it is f32"),
      Of<std::string, std::vector<uint8_t>>("string made bytes", Verdict::kIncompatible, "the value was string, now it is list<u8>"),
      Of<Point, int32_t>("struct made a number", Verdict::kIncompatible, "the value was {x:i32,y:i32}, now it is i32"),
      Of<Nested<MoneyOne>, Nested<MoneyTwo>>("serializer's version up, it reads the old one", Verdict::kAfterMigration,
                                             "field \"inner\" was version 1 of serializer \"money\", now it is version 2, which reads it"),
      Of<Nested<MoneyTwo>, Nested<MoneyThree>>("serializer's version up, it does not", Verdict::kIncompatible,
                                               "field \"inner\" was version 2 of serializer \"money\", now it is version 3, which reads version 3 and later"),
      Of<Nested<MoneyTwo>, Nested<MoneyOne>>("serializer's version down", Verdict::kIncompatible, "an older program cannot read it"),
      Of<Nested<MoneyOne>, Nested<std::string>>("serializer gone", Verdict::kIncompatible, "field \"inner\" was serde<money,1,1>, now it is string"),
      Of<Nested<MoneyOne>, Plain>("field of a serializer removed", Verdict::kIncompatible, "only its serializer knows where it ends"),
      Of<std::map<std::string, int64_t>, std::unordered_map<std::string, int64_t>>("map made unordered", Verdict::kAsIs, ""),
  };
  return kCases;
}

TEST(SchemaChangeTest, EveryChangeHasItsVerdict) {
  for (const Case& one : Cases()) {
    const StatusOr<Schema> saved = ParseSchema(one.saved);
    const StatusOr<Schema> now = ParseSchema(one.now);
    ASSERT_TRUE(saved.ok() && now.ok()) << one.name;
    const SchemaChange change = CompareSchemas(*saved, *now);
    EXPECT_EQ(SchemaVerdictName(change.verdict), SchemaVerdictName(one.verdict)) << one.name << ": " << change.Reason();
    EXPECT_NE(change.Reason().find(one.says), std::string::npos) << one.name << " says: " << change.Reason();
    EXPECT_EQ(change.reasons.empty(), one.verdict == Verdict::kAsIs) << one.name;
  }
}

TEST(SchemaChangeTest, SeveralChangesAreAllSaid) {
  struct Before {
    int32_t a;
    int32_t b;
    std::string c;
  };
  struct After {
    int64_t d;
    int16_t b;
    int32_t c;
  };
  const SchemaChange change = CompareSchemas(*ParseSchema(SchemaOf<Before>()), *ParseSchema(SchemaOf<After>()));
  EXPECT_EQ(change.Reason(),
            "field \"b\" was i32, now it is i16: a number may only grow to a wider one that has all its values; field \"c\" was string, now it is i32");
}

TEST(SchemaChangeTest, AReasonIsBounded) {
  std::string saved = "{";
  for (int i = 0; i < 1'000; ++i) saved += (i == 0 ? "f" : ",f") + std::to_string(i) + ":i32";
  const SchemaChange change = CompareSchemas(*ParseSchema(saved + "}"), *ParseSchema("{}"));
  EXPECT_EQ(change.reasons.size(), 1'000u);
  EXPECT_LT(change.Reason().size(), 1'200u);
  EXPECT_TRUE(change.Reason().ends_with(" more")) << change.Reason();
}

TEST(SchemaChangeTest, KeysMustHaveTheSameBytes) {
  const auto same = [](const std::string& a, const std::string& b) { return HaveSameBytes(*ParseSchema(a), *ParseSchema(b)); };
  EXPECT_TRUE(same("{a:i32,b:string}", "{a:i32,b:string}"));
  EXPECT_TRUE(same("serde<id,2,1>", "serde<id,2,2>"));
  EXPECT_FALSE(same("serde<id,2,1>", "serde<id,3,1>"));
  EXPECT_FALSE(same("{a:i32,b:string}", "{b:string,a:i32}"));
  EXPECT_FALSE(same("{a:i32}", "{c:i32}"));
  EXPECT_FALSE(same("i32", "i64"));
  EXPECT_FALSE(same("i32", "u32"));
  EXPECT_FALSE(same("array<i32,2>", "array<i32,3>"));
}

}  // namespace
}  // namespace weir
