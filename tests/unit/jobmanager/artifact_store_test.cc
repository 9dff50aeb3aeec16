#include "jobmanager/artifact_store.h"

#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "tests/unit/base/temporary_directory.h"

namespace weir {
namespace {

class ArtifactStoreTest : public ::testing::Test {
 protected:
  ArtifactStoreTest() { Open(); }
  void Open(uint64_t artifact_bytes_max = 100, uint64_t store_bytes_max = 300) {
    store_.reset();
    store_ = std::make_unique<ArtifactStore>(*files_, ArtifactStoreOptions{directory_.path(), artifact_bytes_max, store_bytes_max});
  }
  // 100 bytes that only `letter` has.
  static std::string Content(char letter) { return std::string(100, letter); }
  static std::string Hash(char letter) { return ContentHashHex(Content(letter)); }
  Status Upload(char letter) {
    StatusOr<std::unique_ptr<ArtifactStore::Upload>> upload = store_->Begin(Hash(letter), 100);
    if (!upload.ok()) return upload.status();
    const Status appended = (*upload)->Append(Content(letter));
    return appended.ok() ? (*upload)->Finish() : appended;
  }
  std::string Present() {
    std::string letters;
    for (char letter = 'a'; letter <= 'f'; ++letter) {
      if (std::filesystem::exists(directory_.Path(Hash(letter)))) letters += letter;
    }
    return letters;
  }

  const TemporaryDirectory directory_;
  const std::unique_ptr<FileSystem> files_ = NewPosixFileSystem();
  std::unique_ptr<ArtifactStore> store_;
};

TEST_F(ArtifactStoreTest, TheLeastRecentlyUsedMakesRoom) {
  for (const char letter : {'a', 'b', 'c'}) ASSERT_TRUE(Upload(letter).ok());
  EXPECT_TRUE(store_->Has(Hash('b')) && store_->Has(Hash('a')));
  ASSERT_TRUE(Upload('d').ok());  // Nobody asked for c.
  EXPECT_EQ(Present(), "abd");
  EXPECT_TRUE(store_->Has(Hash('d')));
  ASSERT_TRUE(Upload('e').ok());
  EXPECT_EQ(Present(), "ade");
}

TEST_F(ArtifactStoreTest, WhatAJobUsesStaysWhateverIsUploaded) {
  ASSERT_TRUE(Upload('a').ok());
  EXPECT_TRUE(store_->Pin(Hash('a')));
  EXPECT_TRUE(store_->Pin(Hash('a')));
  for (const char letter : {'b', 'c', 'd'}) ASSERT_TRUE(Upload(letter).ok());
  EXPECT_EQ(Present().front(), 'a');
  EXPECT_EQ(Present().size(), 3u);
  store_->Unpin(Hash('a'));
  for (const char letter : Present()) EXPECT_TRUE(store_->Pin(Hash(letter)));
  const Status full = Upload('e');
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted);
  EXPECT_NE(full.message().find("jobmanager.artifact.store-size-max=300"), std::string::npos) << full.ToString();
  store_->Unpin(Hash('a'));
  EXPECT_TRUE(Upload('e').code() == StatusCode::kResourceExhausted);
  store_->Unpin(Hash('a'));
  EXPECT_TRUE(Upload('e').ok());
  EXPECT_EQ(Present().find('a'), std::string::npos);
}

TEST_F(ArtifactStoreTest, WhatIsNotThereCannotBePinned) {
  EXPECT_FALSE(store_->Pin(Hash('a')));
  EXPECT_FALSE(store_->Pin("../../etc/passwd"));
  EXPECT_FALSE(store_->Has(""));
}

TEST_F(ArtifactStoreTest, AStartRemovesRestsOfUploadsAndNothingElse) {
  ASSERT_TRUE(Upload('a').ok());
  const std::string rest = directory_.Path("." + Hash('b') + ".0123456789abcdef");
  for (const std::string& path : {rest, directory_.Path(".notes.0123456789abcdef"), directory_.Path("notes")}) std::ofstream(path) << "half";
  Open();
  EXPECT_FALSE(std::filesystem::exists(rest));
  EXPECT_TRUE(std::filesystem::exists(directory_.Path("notes")));
  EXPECT_TRUE(std::filesystem::exists(directory_.Path(".notes.0123456789abcdef")));
  EXPECT_EQ(Present(), "a");
}

TEST_F(ArtifactStoreTest, TheBoundHoldsForWhatWasThereAtTheStart) {
  for (const char letter : {'a', 'b', 'c'}) ASSERT_TRUE(Upload(letter).ok());
  Open();
  EXPECT_TRUE(store_->Has(Hash('b')));
  ASSERT_TRUE(Upload('d').ok());
  ASSERT_TRUE(Upload('e').ok());
  EXPECT_EQ(Present(), "bde");
}

TEST_F(ArtifactStoreTest, OfTwoStoresInOneDirectoryTheSecondRemovesNothing) {
  for (const char letter : {'a', 'b', 'c'}) ASSERT_TRUE(Upload(letter).ok());
  const std::string under_way = directory_.Path("." + Hash('d') + ".0123456789abcdef");
  std::ofstream(under_way) << "half";
  ArtifactStore second(*files_, {directory_.path(), 100, 300});
  EXPECT_TRUE(std::filesystem::exists(under_way));
  EXPECT_EQ(second.Begin(Hash('e'), 100).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Present(), "abc");
}

TEST_F(ArtifactStoreTest, ADamagedArtifactGoesAndCanBeUploadedAgain) {
  ASSERT_TRUE(Upload('a').ok());
  store_->RemoveIfDamaged(Hash('a'));
  EXPECT_TRUE(store_->Has(Hash('a')));
  for (const std::string& content : {std::string("short"), Content('b')}) {
    std::filesystem::permissions(directory_.Path(Hash('a')), std::filesystem::perms::owner_all);
    std::ofstream(directory_.Path(Hash('a'))) << content;
    store_->RemoveIfDamaged(Hash('a'));
    EXPECT_FALSE(store_->Has(Hash('a')));
    EXPECT_TRUE(Upload('a').ok());
    EXPECT_TRUE(store_->Has(Hash('a')));
  }
}

TEST_F(ArtifactStoreTest, LongerShorterAndOtherContentIsRefused) {
  EXPECT_EQ(store_->Begin(Hash('a'), 101).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(store_->Begin("a/../b", 1).status().code(), StatusCode::kInvalidArgument);
  StatusOr<std::unique_ptr<ArtifactStore::Upload>> upload = store_->Begin(Hash('a'), 100);
  ASSERT_TRUE((*upload)->Append(Content('b')).ok());
  EXPECT_EQ((*upload)->Finish().code(), StatusCode::kInvalidArgument);
  upload = store_->Begin(Hash('a'), 100);
  ASSERT_TRUE((*upload)->Append("x").ok());
  EXPECT_EQ((*upload)->Finish().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ((*upload)->Append(Content('a')).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Present(), "");
}

}  // namespace
}  // namespace weir
