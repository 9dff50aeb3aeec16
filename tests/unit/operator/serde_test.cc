#include <weir/core/serde.h>

#include <gtest/gtest.h>

#include <random>

#include <weir/core/type_info.h>

namespace weir {
namespace {

enum class Color : uint8_t { kRed = 1, kBlue = 2 };

struct Inner {
  int32_t number;
  std::string text;
  bool operator==(const Inner&) const = default;
};

struct Everything {
  bool flag;
  Color color;
  double real;
  std::array<int16_t, 3> fixed;
  std::vector<Inner> list;
  std::map<std::string, int64_t> map;
  std::pair<int, std::string> pair;
  std::optional<Inner> maybe;
  bool operator==(const Everything&) const = default;
};

struct Padded {
  uint8_t small;
  uint64_t large;
};

struct FlatNested {
  int64_t a;
  std::array<float, 2> b;
};

template <class T>
std::string Encode(const T& value) {
  ByteWriter out;
  Serde<T>::Encode(value, out);
  return out.Take();
}

Everything Example() { return {true, Color::kBlue, -0.5, {1, -2, 3}, {{7, "seven"}, {8, ""}}, {{"a", 1}, {"b", -1}}, {4, "four"}, Inner{9, "nine"}}; }

TEST(SerdeTest, DecodesWhatItEncoded) {
  const std::string bytes = Encode(Example());
  ByteReader in(bytes);
  Everything decoded{};
  ASSERT_TRUE(Serde<Everything>::Decode(in, decoded));
  EXPECT_TRUE(in.AtEnd());
  EXPECT_EQ(decoded, Example());
}

TEST(SerdeTest, SchemaNamesEveryField) {
  EXPECT_EQ(SchemaOf<Inner>(), "{number:i32,text:string}");
  EXPECT_EQ(SchemaOf<Everything>(),
            "{flag:bool,color:enum:u8,real:f64,fixed:array<i16,3>,list:list<{number:i32,text:string}>,map:map<string,i64>,"
            "pair:tuple<i32,string>,maybe:optional<{number:i32,text:string}>}");
}

TEST(SerdeTest, TruncatedAndFlippedBytesNeverCrash) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const std::string good = Encode(Example());
  for (size_t length = 0; length < good.size(); ++length) {
    ByteReader in(std::string_view(good).substr(0, length));
    Everything decoded{};
    EXPECT_FALSE(Serde<Everything>::Decode(in, decoded)) << length;
  }
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (uint32_t flips = 1 + random() % 4; flips > 0; --flips) bytes[random() % bytes.size()] = static_cast<char>(random());
    ByteReader in(bytes);
    Everything decoded{};
    (void)Serde<Everything>::Decode(in, decoded);
  }
}

TEST(SerdeTest, AHostileCountFailsBeforeAnythingIsAllocated) {
  ByteWriter out;
  out.PutVarint(UINT64_MAX);
  const std::string bytes = out.Take();
  ByteReader in(bytes);
  std::vector<Inner> decoded;
  EXPECT_FALSE(Serde<std::vector<Inner>>::Decode(in, decoded));
  EXPECT_TRUE(decoded.empty());
}

TEST(TypeInfoTest, KnowsWhatIsFlat) {
  EXPECT_TRUE(TypeOf<FlatNested>().flat);
  EXPECT_EQ(TypeOf<FlatNested>().zero_padding, nullptr);
  EXPECT_TRUE(TypeOf<Padded>().flat);
  EXPECT_NE(TypeOf<Padded>().zero_padding, nullptr);
  EXPECT_FALSE(TypeOf<Inner>().flat);
}

TEST(TypeInfoTest, ZeroesPadding) {
  Padded rows[2];
  std::memset(static_cast<void*>(rows), 0xff, sizeof(rows));
  TypeOf<Padded>().zero_padding(rows, 2);
  for (const Padded& row : rows) {
    EXPECT_EQ(row.small, 0xff);
    const auto* const bytes = reinterpret_cast<const uint8_t*>(&row);
    for (size_t i = 1; i < 8; ++i) EXPECT_EQ(bytes[i], 0) << i;
  }
}

// The routing hash is part of the savepoint format: these values never change.
TEST(KeyHashTest, IsXxh3OfTheEncoding) {
  EXPECT_EQ(HashKey<int64_t>(0), HashBytes("\0\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(HashKey<int32_t>(-1), HashBytes("\xff\xff\xff\xff", 4));
  EXPECT_EQ(HashKey<std::string>("weir"), HashBytes("weir", 4));
  EXPECT_EQ(HashKey<std::string>(""), HashBytes("", 0));
}

}  // namespace
}  // namespace weir
