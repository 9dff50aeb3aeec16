#include "client/value_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "state/schema/schema_text.h"
#include "tests/unit/testing/fuzz.h"

namespace weir {
namespace {

class Opaque {};

}  // namespace

template <>
struct Serde<Opaque> {
  static void Encode(const Opaque&, ByteWriter& out) { out.Put(uint16_t{0xff0a}); }
  static bool Decode(ByteReader& in, Opaque&) { return in.Get<uint16_t>() == 0xff0a && in.ok(); }
  static void Describe(std::string& name) { name += "opaque"; }
};

namespace {

enum class Color : int8_t { kRed = -1 };

struct Inner {
  int16_t number;
  std::optional<std::string> text;
};

struct Everything {
  bool flag;
  Color color;
  uint64_t large;
  int64_t small;
  double real;
  float nan;
  std::array<uint8_t, 2> fixed;
  std::vector<Inner> list;
  std::map<std::string, int32_t> by_name;
  std::map<int32_t, std::string> by_number;
  std::tuple<int8_t, std::string> pair;
};

Everything Example() {
  return {true, Color::kRed, UINT64_MAX, INT64_MIN, -0.5, NAN, {1, 2}, {{7, "seven"}, {8, std::nullopt}}, {{"a", 1}, {"", -1}}, {{3, "c"}}, {-4, "\xff"}};
}

template <class T>
std::string Encoded(const T& value) {
  ByteWriter out;
  Serde<T>::Encode(value, out);
  return out.Take();
}

template <class T>
std::string Shown(const T& value) {
  const auto shown = WholeValueJson(*ParseSchema(SchemaOf<T>()), Encoded(value));
  return shown.ok() ? shown->dump() : shown.status().ToString();
}

TEST(ValueJsonTest, EveryKindIsShownByItsSchemaAlone) {
  EXPECT_EQ(Shown(Example()),
            "{\"flag\":true,\"color\":-1,\"large\":18446744073709551615,\"small\":-9223372036854775808,\"real\":-0.5,\"nan\":\"NaN\",\"fixed\":[1,2],"
            "\"list\":[{\"number\":7,\"text\":\"seven\"},{\"number\":8,\"text\":null}],\"by_name\":{\"\":-1,\"a\":1},"
            "\"by_number\":[{\"key\":3,\"value\":\"c\"}],\"pair\":[-4,{\"hex\":\"ff\"}]}");
  EXPECT_EQ(Shown(std::map<std::string, int32_t>()), "{}");
  EXPECT_EQ(Shown(std::map<int32_t, int32_t>()), "[]");
  EXPECT_EQ(Shown(-INFINITY), "\"-Infinity\"");
}

TEST(ValueJsonTest, TextThatIsNoUtf8IsShownAsBytes) {
  for (const char* const good : {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf"}) {
    EXPECT_EQ(Shown(std::string(good)), "\"" + std::string(good) + "\"");
  }
  for (const char* const bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff"}) {
    EXPECT_EQ(Shown(std::string(bad)).find("{\"hex\":\""), 0u) << bad;
  }
  EXPECT_EQ((Shown(std::map<std::string, int32_t>{{"a", 1}, {"\xff", 2}})),
            "[{\"key\":\"a\",\"value\":1},{\"key\":{\"hex\":\"ff\"},\"value\":2}]");
}

TEST(ValueJsonTest, WhatOnlyTheJobCanReadIsShownAsBytes) {
  EXPECT_EQ(Shown(Opaque()), "{\"hex\":\"0aff\"}");
  EXPECT_EQ((Shown(std::tuple<int8_t, Opaque, int8_t>(1, {}, 2))), "{\"hex\":\"010aff02\"}");
}

TEST(ValueJsonTest, TooFewAndTooManyBytesAreCorruption) {
  const StatusOr<Schema> schema = ParseSchema("i32");
  EXPECT_EQ(WholeValueJson(*schema, "abc").status().code(), StatusCode::kCorruption);
  EXPECT_EQ(WholeValueJson(*schema, "abcde").status().code(), StatusCode::kCorruption);
}

TEST(ValueJsonTest, DamagedBytesNeverCrash) {
  const StatusOr<Schema> schema = ParseSchema(SchemaOf<Everything>());
  testing::Fuzz(Encoded(Example()), 20'000, [&](const std::string& bytes) {
    const auto shown = WholeValueJson(*schema, bytes);
    if (shown.ok()) static_cast<void>(shown->dump());
  });
}

struct Key {
  std::string city;
  int16_t number;
  std::optional<Color> color;
  std::vector<float> weights;
};

template <class T>
void ExpectKey(const std::string& text, const T& key) {
  const StatusOr<std::string> bytes = KeyBytes(*ParseSchema(SchemaOf<T>()), text);
  ASSERT_TRUE(bytes.ok()) << text << ": " << bytes.status().ToString();
  EXPECT_EQ(*bytes, Encoded(key)) << text;
}

TEST(KeyBytesTest, AreThoseThatTheJobWrites) {
  ExpectKey<std::string>("plain text", "plain text");
  ExpectKey<std::string>("\"quoted\"", "\"quoted\"");
  ExpectKey<int64_t>("-7", -7);
  ExpectKey<int8_t>("-128", -128);
  ExpectKey<uint64_t>("18446744073709551615", UINT64_MAX);
  ExpectKey<bool>("true", true);
  ExpectKey<Color>("-1", Color::kRed);
  ExpectKey<Key>("{\"number\": 5, \"city\": \"Bonn\", \"color\": null, \"weights\": [0.5, \"Infinity\"]}", {"Bonn", 5, std::nullopt, {0.5f, INFINITY}});
  ExpectKey<std::tuple<int32_t, std::string>>("[1, \"x\"]", {1, "x"});
  ExpectKey<Opaque>("0aff", {});
}

TEST(KeyBytesTest, WhatIsNoKeyOfTheSchemaIsRefused) {
  for (const auto& [schema, text] : std::vector<std::pair<std::string, std::string>>{{"i8", "128"},
                                                                                       {"i8", "-129"},
                                                                                       {"u8", "256"},
                                                                                       {"u8", "-1"},
                                                                                       {"i64", "9223372036854775808"},
                                                                                       {"i32", "1.5"},
                                                                                       {"i32", "\"1\""},
                                                                                       {"i32", "x"},
                                                                                       {"i32", ""},
                                                                                       {"bool", "1"},
                                                                                       {"f64", "\"x\""},
                                                                                       {"{a:i32}", "{\"b\":1}"},
                                                                                       {"{a:i32}", "{\"a\":1,\"b\":1}"},
                                                                                       {"array<i32,2>", "[1]"},
                                                                                       {"tuple<i32,i32>", "[1]"},
                                                                                       {"serde<x,1,1>", "0g"},
                                                                                       {"serde<x,1,1>", "0"}}) {
    EXPECT_EQ(KeyBytes(*ParseSchema(schema), text).status().code(), StatusCode::kInvalidArgument) << schema << " " << text;
  }
}

}  // namespace
}  // namespace weir
