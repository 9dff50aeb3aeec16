#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/file_system.h"
#include "tests/unit/base/temporary_directory.h"

namespace weir {
namespace {

class PosixFileSystemTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }
  uint64_t HiddenCount(const std::string& directory) {
    const auto names = fs_->List(directory);
    return std::count_if(names->begin(), names->end(), [](const std::string& name) { return name.front() == '.'; });
  }
  // Puts `replacement` behind the descriptor of the one open temporary file below directory_.
  void ReplaceOpenFile(int replacement) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      const std::string target = std::filesystem::read_symlink(entry.path(), error);
      if (!error && target.starts_with(directory_.path() + "/.")) {
        ASSERT_GE(::dup2(replacement, std::stoi(entry.path().filename())), 0);
        return;
      }
    }
    FAIL() << "no temporary file is open";
  }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
};

TEST_F(PosixFileSystemTest, PublishedFileIsThereWholeAndTheTemporaryOneIsGone) {
  const std::string path = directory_.Path("a/b/c");
  auto file = fs_->Create(path);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_TRUE((*file)->Append("hello ").ok());
  EXPECT_TRUE((*file)->Append("").ok());
  EXPECT_TRUE((*file)->Append("world").ok());
  EXPECT_FALSE(*fs_->Exists(path));
  EXPECT_EQ(HiddenCount(directory_.Path("a/b")), 1u);
  EXPECT_TRUE((*file)->Publish().ok());
  EXPECT_EQ(*fs_->ReadFile(path), "hello world");
  EXPECT_EQ(*fs_->FileSize(path), 11u);
  EXPECT_EQ(*fs_->List(directory_.Path("a/b")), std::vector<std::string>{"c"});
  EXPECT_EQ((*file)->Append("x").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ((*file)->Publish().code(), StatusCode::kFailedPrecondition);
}

// Long enough that pieces are sent to the disk, and waited for, while others are written.
TEST_F(PosixFileSystemTest, LargeFilesHoldWhatWasAppended) {
  StatusOr<std::unique_ptr<DurableFile>> file = fs_->Create(directory_.Path("large"));
  ASSERT_TRUE(file.ok());
  std::string expected;
  for (char c = 'a'; expected.size() < 50'000'000; c = static_cast<char>(c == 'z' ? 'a' : c + 1)) {
    const std::string piece(777'777, c);
    ASSERT_TRUE((*file)->Append(piece).ok());
    expected += piece;
  }
  ASSERT_TRUE((*file)->Publish().ok());
  EXPECT_TRUE(*fs_->ReadFile(directory_.Path("large")) == expected);
}

TEST_F(PosixFileSystemTest, DestroyedUnpublishedFileLeavesNothing) {
  ASSERT_TRUE((*fs_->Create(directory_.Path("f")))->Append("x").ok());
  EXPECT_TRUE(fs_->List(directory_.path())->empty());
}

TEST_F(PosixFileSystemTest, TwoWritersOfOneNameTheSecondIsToldAndReplacesNothing) {
  auto first = fs_->Create(directory_.Path("f"));
  auto second = fs_->Create(directory_.Path("f"));
  ASSERT_TRUE((*first)->Append("first").ok());
  ASSERT_TRUE((*second)->Append("second").ok());
  EXPECT_TRUE((*first)->Publish().ok());
  EXPECT_EQ((*second)->Publish().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(*fs_->ReadFile(directory_.Path("f")), "first");
  EXPECT_EQ(HiddenCount(directory_.path()), 0u);
}

TEST_F(PosixFileSystemTest, CreateExclusiveHasOneWinnerAmongThreads) {
  std::atomic<int> won = 0;
  std::atomic<int> lost = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const Status status = fs_->CreateExclusive(directory_.Path("new/slot"), std::to_string(t));
      if (status.ok()) ++won;
      if (status.code() == StatusCode::kAlreadyExists) ++lost;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 7);
  EXPECT_EQ(fs_->ReadFile(directory_.Path("new/slot"))->size(), 1u);
}

TEST_F(PosixFileSystemTest, FailedWriteDeletesTheFileAndIsNotRetried) {  // R33
  auto file = fs_->Create(directory_.Path("f"));
  const int full = ::open("/dev/full", O_WRONLY);
  ReplaceOpenFile(full);
  ::close(full);
  EXPECT_EQ((*file)->Append("x").code(), StatusCode::kUnavailable);
  EXPECT_TRUE(fs_->List(directory_.path())->empty());
  EXPECT_EQ((*file)->Publish().code(), StatusCode::kFailedPrecondition);
  EXPECT_FALSE(*fs_->Exists(directory_.Path("f")));
}

TEST_F(PosixFileSystemTest, FailedFsyncDeletesTheFileAndPublishesNothing) {  // R33
  auto file = fs_->Create(directory_.Path("f"));
  ASSERT_TRUE((*file)->Append("x").ok());
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ReplaceOpenFile(ends[1]);  // fsync of a pipe is EINVAL.
  const Status status = (*file)->Publish();
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("fsync failed"), std::string::npos) << status.message();
  EXPECT_TRUE(fs_->List(directory_.path())->empty());
  EXPECT_EQ((*file)->Publish().code(), StatusCode::kFailedPrecondition);
}

TEST_F(PosixFileSystemTest, PublishIntoADirectoryThatWentAwayFails) {
  auto file = fs_->Create(directory_.Path("d/f"));
  ASSERT_TRUE((*file)->Append("x").ok());
  ASSERT_TRUE(fs_->RemoveDirectory(directory_.Path("d")).ok());
  EXPECT_EQ((*file)->Publish().code(), StatusCode::kUnavailable);
}

TEST_F(PosixFileSystemTest, AFileMayGetAnotherNameThanItBeganWith) {
  auto file = fs_->Create(directory_.Path("a/first"));
  ASSERT_TRUE((*file)->Append("content").ok());
  EXPECT_TRUE((*file)->PublishAs(directory_.Path("b/second")).ok());
  EXPECT_EQ(*fs_->ReadFile(directory_.Path("b/second")), "content");
  EXPECT_TRUE(fs_->List(directory_.Path("a"))->empty());
  auto late = fs_->Create(directory_.Path("a/third"));
  EXPECT_EQ((*late)->PublishAs(directory_.Path("b/second")).code(), StatusCode::kAlreadyExists);
  auto wrong = fs_->Create(directory_.Path("a/third"));
  EXPECT_EQ((*wrong)->PublishAs("relative").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ((*wrong)->PublishAs(directory_.Path("b/third")).code(), StatusCode::kFailedPrecondition);  // R33
  EXPECT_TRUE(fs_->List(directory_.Path("a"))->empty());
}

TEST_F(PosixFileSystemTest, TheNameBehindATemporaryOneIsKnown) {
  auto file = fs_->Create(directory_.Path("1.2-v0-s0-o0-0"));
  const std::vector<std::string> names = *fs_->List(directory_.path());
  ASSERT_EQ(names.size(), 1u);
  EXPECT_EQ(NameBehindTemporary(names[0]), "1.2-v0-s0-o0-0");
  for (const char* other : {"", ".", "..", "f", "f.0123456789abcdef", ".0123456789abcdef", "..0123456789abcdef", ".f0123456789abcdef",
                            ".f.0123456789abcde", ".f.0123456789abcdeg", ".f.0123456789ABCDEF"}) {
    EXPECT_EQ(NameBehindTemporary(other), "") << other;
  }
}

TEST_F(PosixFileSystemTest, ReadsPiecesOfAFile) {
  Write(directory_.Path("file"), "0123456789");
  auto file = fs_->OpenForReading(directory_.Path("file"));
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_EQ((*file)->size_bytes(), 10u);
  ASSERT_TRUE(fs_->Remove(directory_.Path("file")).ok());
  std::string piece(4, 'x');
  EXPECT_TRUE((*file)->ReadAt(6, piece.data(), piece.size()).ok());
  EXPECT_EQ(piece, "6789");
  EXPECT_EQ((*file)->ReadAt(7, piece.data(), piece.size()).code(), StatusCode::kCorruption);
  EXPECT_EQ((*file)->ReadAt(100, piece.data(), 1).code(), StatusCode::kCorruption);
  EXPECT_TRUE((*file)->ReadAt(10, piece.data(), 0).ok());
}

TEST_F(PosixFileSystemTest, LongNamesStillGetATemporaryName) {
  const std::string path = directory_.Path(std::string(255, 'n'));
  EXPECT_TRUE(fs_->CreateExclusive(path, "x").ok());
  EXPECT_TRUE(*fs_->Exists(path));
  EXPECT_EQ(fs_->CreateExclusive(directory_.Path(std::string(256, 'n')), "x").code(), StatusCode::kUnavailable);
}

TEST_F(PosixFileSystemTest, PathsMustBeAbsoluteAndNameAFile) {
  EXPECT_EQ(fs_->Create("relative").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->Create("").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->Create(directory_.Path("")).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->CreateExclusive("/tmp/..", "").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->ReadFile("relative").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->FileSize("relative").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->Exists(std::string("/a\0b", 4)).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->List("relative").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->CreateDirectories("relative").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->MoveExclusive("relative", "/x").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->MoveExclusive("/x", "relative").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->Remove("relative").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->RemoveDirectory("/").code(), StatusCode::kInvalidArgument);
}

TEST_F(PosixFileSystemTest, LinksGiveAFileASecondNameAndReplaceNothing) {
  Write(directory_.Path("from"), "x");
  ASSERT_TRUE(fs_->LinkExclusive(directory_.Path("from"), directory_.Path("deep/er/to")).ok());
  EXPECT_TRUE(fs_->LinkExclusive(directory_.Path("from"), directory_.Path("deep/er/to")).ok());  // Repeated after the end.
  ASSERT_TRUE(fs_->Remove(directory_.Path("from")).ok());
  EXPECT_EQ(*fs_->ReadFile(directory_.Path("deep/er/to")), "x");
  Write(directory_.Path("other"), "y");
  EXPECT_EQ(fs_->LinkExclusive(directory_.Path("other"), directory_.Path("deep/er/to")).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(*fs_->ReadFile(directory_.Path("deep/er/to")), "x");
  EXPECT_EQ(fs_->LinkExclusive(directory_.Path("missing"), directory_.Path("new")).code(), StatusCode::kNotFound);
  EXPECT_EQ(fs_->LinkExclusive("relative", "/x").code(), StatusCode::kInvalidArgument);
  // What the file system cannot do is told apart: a copy serves then.
  EXPECT_EQ(fs_->LinkExclusive("/proc/self/status", directory_.Path("status")).code(), StatusCode::kFailedPrecondition);
}

TEST_F(PosixFileSystemTest, ReadTellsMissingFromUnreachable) {  // R7
  Write(directory_.Path("file"), "x");
  EXPECT_EQ(fs_->ReadFile(directory_.Path("missing")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(fs_->ReadFile(directory_.Path("file/below")).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(fs_->OpenForReading(directory_.Path("missing")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(fs_->OpenForReading(directory_.Path("file/below")).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(fs_->OpenForReading("relative").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->ReadFile(directory_.path()).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(fs_->FileSize(directory_.Path("missing")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(fs_->FileSize(directory_.Path("file/below")).status().code(), StatusCode::kUnavailable);
  EXPECT_FALSE(*fs_->Exists(directory_.Path("missing")));
  EXPECT_EQ(fs_->Exists(directory_.Path("file/below")).status().code(), StatusCode::kUnavailable);
}

TEST_F(PosixFileSystemTest, ReadsEmptyLargeAndUnsizedFiles) {
  Write(directory_.Path("empty"), "");
  EXPECT_EQ(*fs_->ReadFile(directory_.Path("empty")), "");
  const std::string large(1'000'003, 'z');
  Write(directory_.Path("large"), large);
  EXPECT_EQ(*fs_->ReadFile(directory_.Path("large")), large);
  EXPECT_FALSE(fs_->ReadFile("/proc/self/stat")->empty());
}

TEST_F(PosixFileSystemTest, ListIsSortedAndMissingIsEmpty) {
  for (const char* name : {"b", "c", "a"}) Write(directory_.Path(name), "");
  EXPECT_EQ(*fs_->List(directory_.path()), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(fs_->List(directory_.Path("missing"))->empty());
  EXPECT_EQ(fs_->List(directory_.Path("a")).status().code(), StatusCode::kUnavailable);
}

TEST_F(PosixFileSystemTest, DirectoriesAreMadeOnceAndAFileInTheWayIsAnError) {
  EXPECT_TRUE(fs_->CreateDirectories(directory_.Path("x/y//z/")).ok());
  EXPECT_TRUE(fs_->CreateDirectories(directory_.Path("x/y/z")).ok());
  EXPECT_TRUE(fs_->CreateDirectories("/").ok());
  EXPECT_TRUE(std::filesystem::is_directory(directory_.Path("x/y/z")));
  Write(directory_.Path("file"), "");
  EXPECT_EQ(fs_->CreateDirectories(directory_.Path("file")).code(), StatusCode::kUnavailable);
  EXPECT_EQ(fs_->CreateDirectories(directory_.Path("file/below")).code(), StatusCode::kUnavailable);
  EXPECT_EQ(fs_->Create(directory_.Path("file/below")).status().code(), StatusCode::kUnavailable);
}

TEST_F(PosixFileSystemTest, MoveNeverReplacesAndCanBeRepeated) {
  Write(directory_.Path("from"), "content");
  Write(directory_.Path("taken"), "other");
  EXPECT_EQ(fs_->MoveExclusive(directory_.Path("from"), directory_.Path("taken")).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(*fs_->ReadFile(directory_.Path("taken")), "other");
  EXPECT_TRUE(fs_->MoveExclusive(directory_.Path("from"), directory_.Path("to")).ok());
  EXPECT_FALSE(*fs_->Exists(directory_.Path("from")));
  EXPECT_EQ(*fs_->ReadFile(directory_.Path("to")), "content");
  EXPECT_TRUE(fs_->MoveExclusive(directory_.Path("from"), directory_.Path("to")).ok());  // Repeated after the end.

  ASSERT_EQ(::link(directory_.Path("to").c_str(), directory_.Path("from").c_str()), 0);  // Broken off half-way.
  EXPECT_TRUE(fs_->MoveExclusive(directory_.Path("from"), directory_.Path("to")).ok());
  EXPECT_FALSE(*fs_->Exists(directory_.Path("from")));
}

TEST_F(PosixFileSystemTest, MoveNamesWhatIsMissing) {
  Write(directory_.Path("from"), "x");
  EXPECT_EQ(fs_->MoveExclusive(directory_.Path("no"), directory_.Path("neither")).code(), StatusCode::kNotFound);
  EXPECT_EQ(fs_->MoveExclusive(directory_.Path("from"), directory_.Path("no/to")).code(), StatusCode::kNotFound);
  EXPECT_EQ(fs_->MoveExclusive(directory_.Path("from"), directory_.Path("from")).code(), StatusCode::kInvalidArgument);
  ASSERT_TRUE(fs_->CreateDirectories(directory_.Path("dir")).ok());
  EXPECT_EQ(fs_->MoveExclusive(directory_.Path("dir"), directory_.Path("dir2")).code(),
            StatusCode::kFailedPrecondition);  // Directories cannot be linked.
  EXPECT_TRUE(*fs_->Exists(directory_.Path("from")));
}

TEST_F(PosixFileSystemTest, RemoveToleratesMissingAndRefusesTheWrongKind) {
  Write(directory_.Path("file"), "x");
  ASSERT_TRUE(fs_->CreateDirectories(directory_.Path("dir/sub")).ok());
  Write(directory_.Path("dir/sub/file"), "x");
  EXPECT_EQ(fs_->Remove(directory_.Path("dir")).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->Remove(directory_.Path("file/below")).code(), StatusCode::kUnavailable);
  EXPECT_EQ(fs_->RemoveDirectory(directory_.Path("file")).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_->RemoveDirectory(directory_.Path("file/below")).code(), StatusCode::kUnavailable);
  EXPECT_TRUE(fs_->Remove(directory_.Path("file")).ok());
  EXPECT_TRUE(fs_->Remove(directory_.Path("file")).ok());
  EXPECT_TRUE(fs_->RemoveDirectory(directory_.Path("dir")).ok());
  EXPECT_TRUE(fs_->RemoveDirectory(directory_.Path("dir")).ok());
  EXPECT_TRUE(fs_->List(directory_.path())->empty());
}

TEST_F(PosixFileSystemTest, RemovingADirectoryDoesNotFollowLinks) {
  ASSERT_TRUE(fs_->CreateDirectories(directory_.Path("victim")).ok());
  Write(directory_.Path("victim/keep"), "x");
  ASSERT_TRUE(fs_->CreateDirectories(directory_.Path("dir")).ok());
  ASSERT_EQ(::symlink(directory_.Path("victim").c_str(), directory_.Path("dir/link").c_str()), 0);
  EXPECT_TRUE(fs_->RemoveDirectory(directory_.Path("dir")).ok());
  EXPECT_TRUE(*fs_->Exists(directory_.Path("victim/keep")));
}

}  // namespace
}  // namespace weir
