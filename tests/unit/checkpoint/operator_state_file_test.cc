#include "state/checkpoint/operator_state_file.h"

#include <gtest/gtest.h>

#include "state/checkpoint/state_bytes.h"
#include "tests/unit/testing/fuzz.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

using testing::MemoryFileSystem;

OperatorStateHandle Write(FileSystem& fs, uint64_t inline_max) {
  OperatorStateWriter writer;
  writer.Declare("splits", RedistributionMode::kEvenSplit, "string");
  writer.Declare("rules", RedistributionMode::kBroadcast, "map<i64,string>");
  writer.Declare("empty", RedistributionMode::kUnion, "i64");
  writer.AddItem("splits", "split-1");
  writer.AddItem("rules", "rule");
  writer.AddItem("splits", "");
  StatusOr<OperatorStateHandle> handle = writer.Finish(fs, "/s/op", {.inline_size_bytes_max = inline_max});
  EXPECT_TRUE(handle.ok());
  return *handle;
}

TEST(OperatorStateFileTest, ItemsComeBackByName) {
  for (const uint64_t inline_max : {0u, 4'096u}) {
    MemoryFileSystem fs;
    const OperatorStateHandle handle = Write(fs, inline_max);
    EXPECT_EQ(handle.bytes.path.empty(), inline_max > 0);
    const StatusOr<std::string> content = ReadStateBytes(fs, handle.bytes);
    ASSERT_TRUE(content.ok());
    const StatusOr<OperatorStateReader> reader = OperatorStateReader::Open(handle, *content);
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    ASSERT_EQ(reader->partitions().size(), 3u);
    const OperatorStatePartition& splits = reader->partitions()[0];
    ASSERT_EQ(splits.items.size(), 2u);
    EXPECT_EQ(reader->Item(splits.items[0]), "split-1");
    EXPECT_EQ(reader->Item(splits.items[1]), "");
    EXPECT_EQ(reader->Item(reader->partitions()[1].items[0]), "rule");
    EXPECT_EQ(reader->partitions()[1].schema, "map<i64,string>");
    EXPECT_EQ(reader->partitions()[2].mode, RedistributionMode::kUnion);
  }
}

TEST(OperatorStateFileTest, WithoutFilesTooMuchIsAnErrorAndNothingIsWritten) {
  MemoryFileSystem fs;
  OperatorStateWriter writer;
  writer.Declare("splits", RedistributionMode::kEvenSplit, "string");
  writer.AddItem("splits", std::string(1'000, 'x'));
  const StatusOr<OperatorStateHandle> handle = writer.Finish(fs, "/s/op", {.inline_size_bytes_max = 1'000, .files = false});
  EXPECT_EQ(handle.status().code(), StatusCode::kResourceExhausted);
  EXPECT_NE(handle.status().message().find("limit=1000"), std::string::npos) << handle.status().ToString();
  EXPECT_TRUE(fs.files().empty());
}

TEST(OperatorStateFileTest, AHandleThatPointsOutsideIsCorruption) {
  MemoryFileSystem fs;
  OperatorStateHandle handle = Write(fs, 4'096);
  handle.partitions[0].items[0].size_bytes = UINT64_MAX;
  EXPECT_EQ(OperatorStateReader::Open(handle, handle.bytes.inline_bytes).status().code(), StatusCode::kCorruption);
}

TEST(OperatorStateFileTest, DamagedBytesNeverOpen) {
  MemoryFileSystem fs;
  const OperatorStateHandle handle = Write(fs, 4'096);
  testing::Fuzz(handle.bytes.inline_bytes, 10'000,
                [&](const std::string& bytes) { EXPECT_FALSE(OperatorStateReader::Open(handle, bytes).ok()); });
}

}  // namespace
}  // namespace weir
