#include "base/config_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "base/options.h"

namespace weir {
namespace {

TEST(ParseDurationTest, KnowsAllUnitsOfFlink) {
  const std::pair<const char*, int64_t> cases[] = {
      {"0", 0},          {"7", 7'000'000},           {"1d", 86'400'000'000'000}, {"2 days", 172'800'000'000'000},
      {"1 day", 86'400'000'000'000}, {"3h", 10'800'000'000'000}, {"1 hour", 3'600'000'000'000}, {"2hours", 7'200'000'000'000},
      {"5 m", 300'000'000'000}, {"5min", 300'000'000'000}, {"1 minute", 60'000'000'000}, {"2 minutes", 120'000'000'000},
      {"9 s", 9'000'000'000}, {"9sec", 9'000'000'000}, {"9 secs", 9'000'000'000}, {"1 second", 1'000'000'000}, {"2 seconds", 2'000'000'000},
      {"4ms", 4'000'000}, {"4 milli", 4'000'000}, {"4 millis", 4'000'000}, {"1 millisecond", 1'000'000}, {"4 milliseconds", 4'000'000},
      {"6\u00b5s", 6'000}, {"6 micro", 6'000}, {"6 micros", 6'000}, {"1 microsecond", 1'000}, {"6 microseconds", 6'000},
      {"8ns", 8}, {"8 nano", 8}, {"8 nanos", 8}, {"1 nanosecond", 1}, {"8 nanoseconds", 8}, {"  5  MIN  ", 300'000'000'000},
  };
  for (const auto& [text, nanos] : cases) {
    const auto duration = ParseDuration(text);
    ASSERT_TRUE(duration.ok()) << text;
    EXPECT_EQ(duration->count(), nanos) << text;
  }
}

TEST(ParseDurationTest, RefusesEverythingElse) {
  for (const char* text : {"", " ", "s", "-1 s", "1.5 s", "1 parsec", "1 s s", "1e3", "+1s", "99999999999999999999", "200000 y",
                           "106752 d", "us", "1us", "1 hs"}) {
    EXPECT_EQ(ParseDuration(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  EXPECT_THAT(ParseDuration("9223372036854775807 d").status().message(), testing::HasSubstr("too large"));
}

TEST(ParseMemorySizeTest, KnowsAllUnitsOfFlinkAndRefusesTheRest) {
  const std::pair<const char*, int64_t> cases[] = {
      {"0", 0}, {"12", 12}, {"12b", 12}, {"12 bytes", 12}, {"2k", 2048}, {"2 KB", 2048}, {"1 kibibytes", 1024},
      {"1728m", 1728ll << 20}, {"1mb", 1 << 20}, {"1 mebibytes", 1 << 20}, {"3g", 3ll << 30}, {"3gb", 3ll << 30},
      {"1 gibibytes", 1ll << 30}, {"2t", 2ll << 40}, {"2tb", 2ll << 40}, {"1 tebibytes", 1ll << 40},
  };
  for (const auto& [text, bytes] : cases) {
    const auto size = ParseMemorySize(text);
    ASSERT_TRUE(size.ok()) << text;
    EXPECT_EQ(size->bytes, bytes) << text;
  }
  for (const char* text : {"", "mb", "-1", "1.5g", "1 kib", "1 mbs", "0x10", "8388608t", "1p"}) {
    EXPECT_EQ(ParseMemorySize(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

OptionInfo Option(OptionKind kind) { return {.key = "k", .kind = kind}; }

TEST(ParseIntegralTest, IntsBoolsAndRounding) {
  EXPECT_EQ(*ParseIntegral(Option(OptionKind::kInt), " -12 "), -12);
  EXPECT_EQ(*ParseIntegral(Option(OptionKind::kInt), "+12"), 12);
  EXPECT_EQ(*ParseIntegral(Option(OptionKind::kBool), "TRUE"), 1);
  EXPECT_EQ(*ParseIntegral(Option(OptionKind::kBool), "false"), 0);
  EXPECT_EQ(*ParseIntegral(Option(OptionKind::kDuration), "1 ns"), 1);  // Never 0 by rounding.
  for (const char* text : {"", "+", "+-1", "1_000", "0x1", "1 2", "9223372036854775808"}) {
    EXPECT_FALSE(ParseIntegral(Option(OptionKind::kInt), text).ok()) << text;
  }
  for (const char* text : {"", "yes", "1", "on"}) EXPECT_FALSE(ParseIntegral(Option(OptionKind::kBool), text).ok()) << text;
}

TEST(ParseIntegralTest, BoundsAreInclusive) {
  const OptionInfo info{.key = "k", .kind = OptionKind::kInt, .min = 2, .max = 4};
  EXPECT_FALSE(ParseIntegral(info, "1").ok());
  EXPECT_TRUE(ParseIntegral(info, "2").ok());
  EXPECT_TRUE(ParseIntegral(info, "4").ok());
  EXPECT_FALSE(ParseIntegral(info, "5").ok());
}

TEST(SplitStringListTest, DropsEmptyParts) {
  EXPECT_THAT(SplitStringList(" a, ,b|c:d,"), testing::ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(SplitStringList(""), testing::IsEmpty());
}

TEST(ConfigValuesFuzzTest, NoTextCrashesAnyParser) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  constexpr std::string_view kAlphabet = "0123456789 .,-+:|{}$dhmsunkgtb\xc2\xb5\x00\xff\t\neE";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (uint64_t length = random() % 24; length > 0; --length) text += kAlphabet[random() % kAlphabet.size()];
    for (const OptionInfo* info : options::All()) static_cast<void>(CheckValue(*info, text).ok());
    static_cast<void>(PortRange::Parse(text).ok());
  }
}

}  // namespace
}  // namespace weir
