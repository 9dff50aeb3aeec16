#include "taskmanager/artifact_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <latch>
#include <map>
#include <sstream>

#include "base/content_hash.h"
#include "tests/unit/base/temporary_directory.h"

namespace weir {
namespace {

// Serves contents by hash; may lie, fail, or wait.
class FakeSource final : public ArtifactSource {
 public:
  std::string Add(const std::string& content) {
    const std::string hash = ContentHashHex(content);
    contents[hash] = content;
    return hash;
  }
  Status Download(const std::string& hash, const std::function<Status(std::string_view)>& take) override {
    ++download_count;
    if (gate != nullptr) gate->wait();
    const std::string& content = contents.at(hash);
    for (size_t at = 0; at < content.size(); at += 1'000) {
      const Status taken = take(std::string_view(content).substr(at, 1'000));
      if (!taken.ok()) return taken;
    }
    return failure;
  }

  std::map<std::string, std::string> contents;
  Status failure;
  std::latch* gate = nullptr;
  std::atomic<int> download_count{0};
};

class ArtifactCacheTest : public ::testing::Test {
 protected:
  ~ArtifactCacheTest() override {
    cache_.Stop();
    cache_.Join();
  }
  std::future<StatusOr<std::string>> Fetch(const std::string& hash, uint64_t size) {
    auto promise = std::make_shared<std::promise<StatusOr<std::string>>>();
    cache_.Fetch(hash, size, [promise](StatusOr<std::string> path) { promise->set_value(std::move(path)); });
    return promise->get_future();
  }
  static std::string Read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  size_t FileCount() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory_.path()), std::filesystem::directory_iterator()));
  }

  TemporaryDirectory directory_;
  FakeSource source_;
  ArtifactCache cache_{{.directory = directory_.path(), .artifact_bytes_max = 10'000, .cache_bytes_max = 12'000, .download_count_max = 2}, source_};
};

TEST_F(ArtifactCacheTest, AFileIsFetchedOnceAndVerified) {
  const std::string content(5'000, 'x');
  const std::string hash = source_.Add(content);
  const StatusOr<std::string> first = Fetch(hash, 5'000).get();
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_EQ(Read(*first), content);
  EXPECT_EQ(*Fetch(hash, 5'000).get(), *first);
  EXPECT_EQ(source_.download_count, 1);
}

TEST_F(ArtifactCacheTest, EveryRequestIsAnsweredAlsoAfterStop) {
  const std::string content(5'000, 'x');
  const std::string hash = source_.Add(content);
  ASSERT_TRUE(Fetch(hash, 5'000).get().ok());
  cache_.Stop();
  EXPECT_EQ(Fetch(hash, 5'000).get().status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Fetch(source_.Add("another"), 7).get().status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Fetch("no hash", 7).get().status().code(), StatusCode::kInvalidArgument);
}

TEST_F(ArtifactCacheTest, RequestsAtTheSameTimeShareOneDownload) {
  std::latch gate(1);
  source_.gate = &gate;
  const std::string hash = source_.Add("content");
  std::future<StatusOr<std::string>> first = Fetch(hash, 7);
  std::future<StatusOr<std::string>> second = Fetch(hash, 7);
  gate.count_down();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_EQ(source_.download_count, 1);
}

TEST_F(ArtifactCacheTest, OtherContentIsCorruptionAndLeavesNothing) {
  const std::string hash = source_.Add("the true content");
  source_.contents[hash] = "the fake content";
  EXPECT_EQ(Fetch(hash, 16).get().status().code(), StatusCode::kCorruption);
  EXPECT_EQ(FileCount(), 0u);
  source_.contents[hash] = "the true content";  // A failure is not remembered.
  EXPECT_TRUE(Fetch(hash, 16).get().ok());
}

TEST_F(ArtifactCacheTest, AnotherLengthIsCorruption) {
  const std::string hash = source_.Add(std::string(3'000, 'x'));
  EXPECT_EQ(Fetch(hash, 2'999).get().status().code(), StatusCode::kCorruption);
  EXPECT_EQ(Fetch(hash, 3'001).get().status().code(), StatusCode::kCorruption);
  EXPECT_EQ(FileCount(), 0u);
}

TEST_F(ArtifactCacheTest, TheSourcesFailureComesBack) {
  const std::string hash = source_.Add("content");
  source_.failure = Unavailable("network");
  EXPECT_EQ(Fetch(hash, 7).get().status(), Unavailable("network"));
  EXPECT_EQ(FileCount(), 0u);
}

TEST_F(ArtifactCacheTest, HostileNamesAndSizesAreRefused) {
  EXPECT_EQ(Fetch("../../etc/passwd", 7).get().status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Fetch("", 7).get().status().code(), StatusCode::kInvalidArgument);
  const std::string hash = source_.Add("content");
  EXPECT_EQ(Fetch(hash, 10'001).get().status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Fetch(hash, 0).get().status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(source_.download_count, 0);
}

TEST_F(ArtifactCacheTest, UnusedFilesMakeRoomAndUsedOnesStay) {
  const std::string first = source_.Add(std::string(5'000, '1'));
  const std::string second = source_.Add(std::string(5'000, '2'));
  const std::string third = source_.Add(std::string(5'000, '3'));
  const std::string first_path = *Fetch(first, 5'000).get();
  const std::string second_path = *Fetch(second, 5'000).get();
  EXPECT_EQ(Fetch(third, 5'000).get().status().code(), StatusCode::kResourceExhausted);
  cache_.Release(second);
  EXPECT_TRUE(Fetch(third, 5'000).get().ok());
  EXPECT_TRUE(std::filesystem::exists(first_path));
  EXPECT_FALSE(std::filesystem::exists(second_path));
}

}  // namespace
}  // namespace weir
