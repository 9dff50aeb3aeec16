#include "base/content_hash.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/base/temporary_directory.h"

namespace weir {
namespace {

constexpr char kHashOfNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kHashOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // FIPS 180-2.

TEST(ContentHashTest, MatchesThePublishedExamples) {
  EXPECT_EQ(ContentHashHex(""), kHashOfNothing);
  EXPECT_EQ(ContentHashHex("abc"), kHashOfAbc);
}

TEST(ContentHashTest, PiecesMakeTheWholeAndFinishStartsOver) {
  ContentHasher hasher;
  hasher.Update("a");
  hasher.Update("");
  hasher.Update("bc");
  EXPECT_EQ(hasher.FinishHex(), kHashOfAbc);
  EXPECT_EQ(hasher.FinishHex(), kHashOfNothing);
}

TEST(ContentHashTest, FilesAreReadToTheEnd) {
  TemporaryDirectory directory;
  const std::string content(1'000'001, 'x');
  std::ofstream(directory.Path("f"), std::ios::binary) << content;
  EXPECT_EQ(*ContentHashOfFile(directory.Path("f")), ContentHashHex(content));
  EXPECT_EQ(ContentHashOfFile(directory.Path("missing")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ContentHashOfFile(directory.Path("f/below")).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(ContentHashOfFile(directory.path()).status().code(), StatusCode::kUnavailable);
}

TEST(ContentHashTest, OnlySixtyFourLowerCaseHexDigitsAreAHash) {
  const std::string hash = kHashOfAbc;
  EXPECT_TRUE(IsContentHash(hash));
  EXPECT_FALSE(IsContentHash(""));
  EXPECT_FALSE(IsContentHash(hash.substr(1)));
  EXPECT_FALSE(IsContentHash(hash + "0"));
  EXPECT_FALSE(IsContentHash("B" + hash.substr(1)));
  EXPECT_FALSE(IsContentHash("../" + hash.substr(3)));
}

}  // namespace
}  // namespace weir
