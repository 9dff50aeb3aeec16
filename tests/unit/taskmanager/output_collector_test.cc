#include "taskmanager/output_collector.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "tests/unit/base/temporary_directory.h"

namespace weir {
namespace {

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void Write(const FileDescriptor& pipe, std::string_view text) { ASSERT_EQ(::write(pipe.get(), text.data(), text.size()), static_cast<ssize_t>(text.size())); }

// What arrives at the end of a pipe once its writers are gone.
std::string ReadAll(const FileDescriptor& pipe) {
  std::string text;
  char piece[4'096];
  for (ssize_t count = 0; (count = ::read(pipe.get(), piece, sizeof(piece))) > 0;) text.append(piece, static_cast<size_t>(count));
  return text;
}

TEST(RotatingFileTest, AFullFileIsRenamedAndTheOldestOnesGo) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x.log";
  RotatingFile file(path, {.size_bytes_max = 10, .old_file_count_max = 2});
  for (const char* piece : {"aaaaaa", "bbbbbb", "cccccc", "dddddd"}) file.Append(piece);
  EXPECT_EQ(Read(path), "dddddd");
  EXPECT_EQ(Read(path + ".1"), "cccccc");
  EXPECT_EQ(Read(path + ".2"), "bbbbbb");
  EXPECT_FALSE(std::filesystem::exists(path + ".3"));
  file.Append("a piece longer than a file may be");
  EXPECT_EQ(Read(path), "a piece longer than a file may be");
}

TEST(RotatingFileTest, AnEarlierFileIsContinued) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x.log";
  std::ofstream(path) << "before ";
  RotatingFile(path, {}).Append("after");
  EXPECT_EQ(Read(path), "before after");
}

TEST(RotatingFileTest, ItsDirectoryIsMadeWithTheFirstWrite) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/a/b/x.log";
  RotatingFile file(path, {});
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/a"));
  file.Append("text");
  EXPECT_EQ(Read(path), "text");
}

TEST(RotatingFileTest, ADirectoryThatCannotBeMadeIsNoProblem) {
  RotatingFile file("/dev/null/directory/x.log", {});
  file.Append("lost");
  file.Append("lost too");
}

class OutputCollectorTest : public ::testing::Test {
 protected:
  OutputCollectorTest() {
    StatusOr<DescriptorPair> own = NewPipe();
    own_ = std::move(*own);
    collector_ = std::make_unique<OutputCollector>(OutputCollector::Options{.output = own_.second.get(), .error = own_.second.get()});
  }
  ~OutputCollectorTest() override {
    collector_->Stop();
    collector_->Join();
  }
  // The writing ends of a new worker.
  std::pair<FileDescriptor, FileDescriptor> Add(WorkerSerial serial, OutputFiles files) {
    DescriptorPair output = std::move(*NewPipe());
    DescriptorPair error = std::move(*NewPipe());
    collector_->Add(serial, std::move(output.first), std::move(error.first), std::move(files));
    return {std::move(output.second), std::move(error.second)};
  }
  std::string Finish(WorkerSerial serial) {
    auto tail = std::make_shared<std::promise<std::string>>();
    collector_->Finish(serial, [tail](std::string text) { tail->set_value(std::move(text)); });
    return tail->get_future().get();
  }

  DescriptorPair own_;
  std::unique_ptr<OutputCollector> collector_;
};

TEST_F(OutputCollectorTest, OutputGoesToFilesAndThrough) {
  const TemporaryDirectory directory;
  const OutputFiles files{.output = directory.path() + "/w.out", .error = directory.path() + "/w.log", .limits = {}};
  auto [output, error] = Add(WorkerSerial{1}, files);
  Write(output, "one\ntwo\nthr");
  Write(output, "ee");
  Write(error, "log line\n");
  output.Close();
  error.Close();
  EXPECT_EQ(Finish(WorkerSerial{1}), "log line\n");
  own_.second.Close();
  EXPECT_EQ(ReadAll(own_.first), "one\ntwo\nthree\n");
  EXPECT_EQ(Read(files.output), "one\ntwo\nthree");
  EXPECT_EQ(Read(files.error), "log line\n");
}

TEST_F(OutputCollectorTest, LinesOfTwoWorkersDoNotMix) {
  auto [output1, error1] = Add(WorkerSerial{1}, {});
  auto [output2, error2] = Add(WorkerSerial{2}, {});
  Write(output1, "first ");
  Write(output2, "second line\n");
  output2.Close();
  error2.Close();
  EXPECT_EQ(Finish(WorkerSerial{2}), "");
  Write(output1, "line\n");
  output1.Close();
  error1.Close();
  EXPECT_EQ(Finish(WorkerSerial{1}), "");
  own_.second.Close();
  EXPECT_EQ(ReadAll(own_.first), "second line\nfirst line\n");
}

TEST_F(OutputCollectorTest, TheTailOfStderrIsBounded) {
  const TemporaryDirectory directory;
  auto [output, error] = Add(WorkerSerial{1}, {.output = "", .error = directory.path() + "/w.log", .limits = {}});
  for (int i = 0; i < 100; ++i) Write(error, std::string(999, 'x') + "\n");
  Write(error, "the end");
  output.Close();
  error.Close();
  const std::string tail = Finish(WorkerSerial{1});
  EXPECT_EQ(tail.size(), OutputCollector::kErrorTailBytes);
  EXPECT_TRUE(tail.ends_with("the end"));
}

TEST_F(OutputCollectorTest, AGrandchildThatHoldsThePipesDoesNotHoldUpTheEnd) {
  auto [output, error] = Add(WorkerSerial{1}, {});
  Write(error, "last words\n");
  EXPECT_EQ(Finish(WorkerSerial{1}), "last words\n");  // The writing ends are still open.
}

TEST_F(OutputCollectorTest, AnUnknownWorkerHasNoTail) { EXPECT_EQ(Finish(WorkerSerial{9}), ""); }

}  // namespace
}  // namespace weir
