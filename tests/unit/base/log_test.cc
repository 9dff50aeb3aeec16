#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/unit/base/temporary_directory.h"

namespace weir {
namespace {

std::string Content(const std::string& path) {
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { EXPECT_TRUE(InitLog({}).ok()); }
  TemporaryDirectory directory_;
};

TEST_F(LogTest, LineLooksLikeFlinks) {
  const std::string path = directory_.Path("weir.log");
  ASSERT_TRUE(InitLog({.file = path, .to_stderr = false}).ok());
  LOG_INFO("slot taken, job={} count={}", "j1", 3);
  LOG_WARN("no values");
  EXPECT_THAT(Content(path),
              testing::MatchesRegex(
                  "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3} INFO  weir[.a-z_0-9-]*[.]log_test "
                  "\\[\\] - slot taken, job=j1 count=3\n"
                  ".* WARN  weir[.a-z_0-9-]*[.]log_test \\[\\] - no values\n"));
}

TEST_F(LogTest, LinesBelowTheLevelAreNotEvenEvaluated) {
  const std::string path = directory_.Path("weir.log");
  ASSERT_TRUE(InitLog({.level = LogLevel::kError, .file = path, .to_stderr = false}).ok());
  int evaluated = 0;
  LOG_DEBUG("x={}", ++evaluated);
  LOG_INFO("x={}", ++evaluated);
  LOG_WARN("x={}", ++evaluated);
  EXPECT_EQ(evaluated, 0);
  LOG_ERROR("x={}", ++evaluated);
  EXPECT_THAT(Content(path), testing::HasSubstr("ERROR"));
  ASSERT_TRUE(InitLog({.level = LogLevel::kDebug, .file = path, .to_stderr = false}).ok());
  LOG_DEBUG("now");
  EXPECT_THAT(Content(path), testing::HasSubstr("DEBUG"));
}

TEST_F(LogTest, FilesRotateAndOnlySoManyAreKept) {
  const std::string path = directory_.Path("weir.log");
  ASSERT_TRUE(InitLog({.file = path, .file_size_max_bytes = 1000, .file_count_max = 2, .to_stderr = false}).ok());
  for (int i = 0; i < 100; ++i) LOG_INFO("line with some length to it, number={}", i);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    names.push_back(entry.path().filename());
    EXPECT_LE(entry.file_size(), 1000u);
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("weir.log", "weir.1.log", "weir.2.log"));
  EXPECT_THAT(Content(path), testing::HasSubstr("number=99"));
}

TEST_F(LogTest, BadSetUpIsRefusedAndChangesNothing) {
  const std::string path = directory_.Path("weir.log");
  ASSERT_TRUE(InitLog({.file = path, .to_stderr = false}).ok());
  EXPECT_EQ(InitLog({.file = path, .file_size_max_bytes = 0}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(InitLog({.file = path, .file_count_max = 0}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(InitLog({.file = path + "/below"}).code(), StatusCode::kUnavailable);
  LOG_INFO("still here");
  EXPECT_THAT(Content(path), testing::HasSubstr("still here"));
}

TEST_F(LogTest, FullDiskLosesTheLineAndSaysSo) {
  ASSERT_TRUE(InitLog({.file = "/dev/full", .to_stderr = false}).ok());
  testing::internal::CaptureStderr();
  LOG_INFO("{}", std::string(100'000, 'x'));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("log line lost"));
}

TEST_F(LogTest, GoesToStderrUntilToldOtherwise) {
  ASSERT_TRUE(InitLog({}).ok());
  testing::internal::CaptureStderr();
  LOG_INFO("to the console");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("[] - to the console\n"));
}

TEST_F(LogTest, ThreadsMayLogWhileTheSetUpChanges) {
  std::vector<std::thread> threads;
  ASSERT_TRUE(InitLog({.file = directory_.Path("0.log"), .to_stderr = false}).ok());
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 300; ++i) LOG_INFO("number={}", i);
    });
  }
  for (int i = 1; i < 10; ++i) {
    EXPECT_TRUE(InitLog({.file = directory_.Path(std::to_string(i) + ".log"), .to_stderr = false}).ok());
  }
  for (std::thread& thread : threads) thread.join();
  int lines = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    const std::string content = Content(entry.path());
    lines += static_cast<int>(std::count(content.begin(), content.end(), '\n'));
  }
  EXPECT_EQ(lines, 900);
}

}  // namespace
}  // namespace weir
