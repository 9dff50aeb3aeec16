#include "base/config_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <random>

namespace weir {
namespace {

using testing::HasSubstr;

std::string ErrorOf(const std::string& yaml) {
  const auto settings = FlattenYaml(yaml, "f");
  EXPECT_EQ(settings.status().code(), StatusCode::kInvalidArgument) << yaml.substr(0, 100);
  return settings.status().message();
}

std::string Repeat(std::string_view text, size_t count) {
  std::string repeated;
  for (size_t i = 0; i < count; ++i) repeated += text;
  return repeated;
}

TEST(FlattenYamlTest, FlattensMapsAndJoinsLists) {
  const auto settings = FlattenYaml("a:\n  b: 1\n  c.d: {e: x, f: 'y z'}\ng: [1, 2]\nh:\n- p\n- q\ni:\nj: \"null\"\n", "f");
  ASSERT_TRUE(settings.ok()) << settings.status().ToString();
  std::string all;
  for (const ConfigSetting& setting : *settings) {
    all += setting.key + "=" + setting.text + "@" + setting.source + "/" + std::to_string(static_cast<int>(setting.shape)) + " ";
  }
  EXPECT_EQ(all, "a.b=1@f:2/0 a.c.d.e=x@f:3/0 a.c.d.f=y z@f:3/0 g=1,2@f:4/1 h=p,q@f:5/1 i=@f:8/2 j=null@f:9/0 ");
}

TEST(FlattenYamlTest, EmptyFilesHoldNothing) {
  for (const char* yaml : {"", "\n\n", "# only\n# comments\n", "---\n", "~", "--- # x\n...\n", "\xef\xbb\xbf"}) {
    const auto settings = FlattenYaml(yaml, "f");
    ASSERT_TRUE(settings.ok()) << yaml << settings.status().ToString();
    EXPECT_TRUE(settings->empty());
  }
}

TEST(FlattenYamlTest, QuotesMayHoldQuotes) {
  const auto settings = FlattenYaml("\xef\xbb\xbf" "a: 'it''s'\n\"b\": \"x\\\"y\" # it's\nc: don't\n", "f");
  ASSERT_TRUE(settings.ok()) << settings.status().ToString();
  EXPECT_EQ((*settings)[0].text, "it's");
  EXPECT_EQ((*settings)[1].text, "x\"y");
  EXPECT_EQ((*settings)[2].text, "don't");
}

TEST(FlattenYamlTest, ErrorsNameTheLine) {
  EXPECT_EQ(ErrorOf("a: 1\n\tb: 2\n"), "bad configuration file, at f:2: tab as indentation, use blanks");
  EXPECT_EQ(ErrorOf("a: 1\nb: 2\na: 3\n"), "bad configuration file, at f:3: key set before, key=a before=f:1");
  EXPECT_THAT(ErrorOf("a.b: 1\na:\n  b: 2\n"), HasSubstr("key set before, key=a.b before=f:1"));
  EXPECT_THAT(ErrorOf("a: b: c\n"), HasSubstr("at f:1: "));
  EXPECT_THAT(ErrorOf("x: 1\na: 'open\n"), HasSubstr("at f:2: quote is not closed"));
  EXPECT_THAT(ErrorOf("a: \"it\\\"\nb: 2\n"), HasSubstr("at f:1: quote is not closed"));
  EXPECT_THAT(ErrorOf("a: 'it''\nb: 2\n"), HasSubstr("at f:1: quote is not closed"));
  EXPECT_THAT(ErrorOf("a: [1, 2\n"), HasSubstr("at f:"));
  EXPECT_THAT(ErrorOf("key:value\n"), HasSubstr("a blank after the colon"));
  EXPECT_THAT(ErrorOf("- a\n- b\n"), HasSubstr("got a list"));
  EXPECT_THAT(ErrorOf("a:\n- [1]\n"), HasSubstr("at f:2: list inside a list"));
  EXPECT_THAT(ErrorOf("a:\n- b: 1\n"), HasSubstr("map inside a list"));
  EXPECT_THAT(ErrorOf("[a]: 1\n"), HasSubstr("list as a key"));
  EXPECT_THAT(ErrorOf("{a: 1}: 1\n"), HasSubstr("map as a key"));
  EXPECT_THAT(ErrorOf("'': 1\n"), HasSubstr("empty key"));
  EXPECT_THAT(ErrorOf("a: 1\n---\nb: 1\n"), HasSubstr("several documents"));
  EXPECT_THAT(ErrorOf(Repeat("k", 300).append(": 1\n")), HasSubstr("key is too long"));
}

TEST(FlattenYamlTest, AliasesAreRefusedSoThatNoBombGoesOff) {
  EXPECT_THAT(ErrorOf("a: &x 1\nb: *x\n"), HasSubstr("at f:2: aliases are not supported"));
  std::string bomb = "a0: &a0 {x: 1}\n";
  for (int i = 1; i < 50; ++i) {
    const std::string last = std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " {l: *a" + last + ", r: *a" + last + "}\n";
  }
  EXPECT_THAT(ErrorOf(bomb), HasSubstr("aliases are not supported"));
}

TEST(FlattenYamlTest, BytesThatAreNoTextAreRefused) {
  EXPECT_EQ(ErrorOf("a: 1\nb: \xff\xfe\n"), "bad configuration file, at f:2: not a text in UTF-8");
  EXPECT_THAT(ErrorOf("\xc2"), HasSubstr("not a text"));
  EXPECT_THAT(ErrorOf("a: \xe2\x82"), HasSubstr("not a text"));
  EXPECT_THAT(ErrorOf(std::string("a: \0b\n", 6)), HasSubstr("control character"));
  EXPECT_THAT(ErrorOf("\x7f" "ELF\x02\x01\x01"), HasSubstr("control character"));
  const auto micro = FlattenYaml("a: 5 \u00b5s \u20ac \U0001F600\n", "f");
  EXPECT_TRUE(micro.ok());
}

TEST(FlattenYamlTest, SizeAndNestingAreBounded) {
  EXPECT_THAT(ErrorOf(std::string((1 << 20) + 1, '#')), HasSubstr("larger than 1 MiB"));
  EXPECT_TRUE(FlattenYaml(std::string(1 << 20, '#'), "f").ok());
  for (const char* opener : {"[", "{", "- ", "? ", "[\n", "{a:\n", "-\n ", "{? ", "!x [\n", "&x [\n"}) {
    ErrorOf("a: " + Repeat(opener, 100'000));
    ErrorOf(Repeat(opener, 100'000));
  }
  std::string nested;
  for (int i = 0; i < 700; ++i) nested += std::string(i, ' ') + "a:\n";
  EXPECT_FALSE(FlattenYaml(nested, "f").ok());
}

TEST(FlattenYamlFuzzTest, NoInputCrashesOrHangs) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  const std::string sample =
      "# comment\na:\n  b: 1\n  c.d: {e: x, f: 'y z'}\ng: [1, 2]\nh:\n- p\n- \"q\\n\"\ni: &x |\n  text\nj: *x\nk: >-\n folded\n? l\n: m\n";
  constexpr std::string_view kAlphabet = "ab:-[]{},&*!|>'\"%@`#? \n\n\t~0.\\\xc3";
  for (int i = 0; i < 20'000; ++i) {
    std::string yaml;
    switch (random() % 3) {
      case 0:  // Random.
        for (uint64_t length = random() % 60; length > 0; --length) yaml += kAlphabet[random() % kAlphabet.size()];
        break;
      case 1:  // Truncated.
        yaml = sample.substr(0, random() % sample.size());
        break;
      default:  // Changed in a few places.
        yaml = sample;
        for (uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
          yaml[random() % yaml.size()] = kAlphabet[random() % kAlphabet.size()];
        }
    }
    static_cast<void>(FlattenYaml(yaml, "f").ok());
  }
}

}  // namespace
}  // namespace weir
