#include "state/schema/schema_text.h"

#include <gtest/gtest.h>

#include "tests/unit/schema/migrated.h"
#include "tests/unit/testing/fuzz.h"

namespace weir {
namespace {

class Named {};
class Versioned {};

}  // namespace

template <>
struct Serde<Named> {
  static void Encode(const Named&, ByteWriter&) {}
  static bool Decode(ByteReader&, Named&) { return true; }
  static void Describe(std::string& name) { name += "my type{a:i32},%"; }
};

template <>
struct Serde<Versioned> {
  static constexpr uint32_t kVersion = 7;
  static constexpr uint32_t kOldestVersion = 3;
  static void Encode(const Versioned&, ByteWriter&) {}
  static bool Decode(ByteReader&, Versioned&) { return true; }
  static bool DecodeVersion(ByteReader&, uint32_t, Versioned&) { return true; }
  static void Describe(std::string& name) { name += "versioned"; }
};

namespace {

enum class Color : int16_t {};
enum class Flag : bool {};

struct Inner {
  float real;
  std::optional<std::string> text;
};

struct Everything {
  bool flag;
  Color color;
  Flag is_on;
  std::array<std::array<uint8_t, 3>, 2> grid;
  std::vector<Inner> list;
  std::map<std::string, std::tuple<int8_t, uint16_t, int64_t>> map;
  std::tuple<> nothing;
  Versioned versioned;
  Named named;
};

TEST(SchemaTextTest, EveryKindOfTypeComesBackAsTheTextThatItWas) {
  const std::string text = SchemaOf<Everything>();
  EXPECT_EQ(text,
            "{flag:bool,color:enum:i16,is_on:enum:bool,grid:array<array<u8,3>,2>,list:list<{real:f32,text:optional<string>}>,"
            "map:map<string,tuple<i8,u16,i64>>,nothing:tuple<>,versioned:serde<versioned,7,3>,named:serde<my%20type%7ba:i32%7d%2c%25,1,1>}");
  const StatusOr<Schema> schema = ParseSchema(text);
  ASSERT_TRUE(schema.ok()) << schema.status().ToString();
  EXPECT_EQ(SchemaText(*schema), text);
  EXPECT_EQ(schema->parts.back().name, "my type{a:i32},%");
  EXPECT_EQ(schema->parts[7].version, 7u);
  EXPECT_EQ(schema->parts[7].oldest, 3u);
}

TEST(SchemaTextTest, ALoneWordIsTheNameOfASerializer) {
  const StatusOr<Schema> schema = ParseSchema("list<money>");
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ(SchemaText(*schema), "list<serde<money,1,1>>");
}

TEST(SchemaTextTest, WhatIsNoSchemaIsRefusedWithItsOffset) {
  for (const char* const text : {"", "i32,", "list<i32", "list<>", "list", "map<i32>", "{a}", "{a:i32", "{:i32}", "array<i32>", "array<i32,x>", "array<i32,99999999999>", "enum:f32", "enum",
                                 "serde<a>", "serde<a,1>", "serde<a,1,2>", "serde<a,0,0>", "serde<a%4,1,1>", "serde<a%zz,1,1>", "optional<i32,i32>"}) {
    const StatusOr<Schema> schema = ParseSchema(text);
    EXPECT_EQ(schema.status().code(), StatusCode::kInvalidArgument) << text;
    EXPECT_NE(schema.status().message().find("offset="), std::string::npos) << text;
  }
}

TEST(SchemaTextTest, DepthIsBounded) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "list<";
  EXPECT_EQ(ParseSchema(text).status().code(), StatusCode::kInvalidArgument);
}

TEST(SchemaTextTest, DamagedTextNeverCrashes) {
  testing::Fuzz(SchemaOf<Everything>(), 20'000, [](const std::string& text) {
    const StatusOr<Schema> schema = ParseSchema(text);
    if (!schema.ok()) return;
    const StatusOr<Schema> again = ParseSchema(SchemaText(*schema));
    ASSERT_TRUE(again.ok()) << SchemaText(*schema);
    EXPECT_TRUE(HaveSameBytes(*schema, *again)) << text;
  });
}

TEST(SchemaTextTest, DefaultsAreThoseOfAValueInitializedStruct) {
  struct Defaults {
    int32_t zero;
    int64_t seven = 7;
    std::string text = "x";
  };
  const Schema schema = testing::CompletedSchema<std::vector<Defaults>>();
  const Schema& fields = schema.parts[0];
  EXPECT_EQ(fields.defaults, (std::vector<std::string>{std::string(4, '\0'), testing::EncodedBytes(int64_t{7}), testing::EncodedBytes(std::string("x"))}));
}

}  // namespace
}  // namespace weir
