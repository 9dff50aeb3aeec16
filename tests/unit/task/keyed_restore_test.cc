// Restores of keyed state from files: what is read, what is refused, what it costs.
#include "runtime/task/keyed_restore.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "base/checksum.h"
#include "state/checkpoint/snapshot_writer.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir {
namespace {

using testing::FileFault;
using testing::FileOperation;
using testing::MemoryFileSystem;

constexpr uint32_t kMaxParallelism = 8;
using Model = std::map<uint64_t, uint64_t>;

std::string_view Bytes(const uint64_t& value) { return {reinterpret_cast<const char*>(&value), sizeof(value)}; }

class KeyedRestoreTest : public ::testing::Test {
 protected:
  static SnapshotHeader Header(KeyGroupRange key_groups) {
    SnapshotHeader header;
    header.max_parallelism = kMaxParallelism;
    header.key_groups = key_groups;
    header.key_schema = TypeOf<uint64_t>().schema();
    header.states = {{"count", "value", TypeOf<uint64_t>().schema(), ""}};
    return header;
  }

  // The entries of a range, in one block for each key group; a value of nothing is a tombstone.
  KeyedStateHandle File(KeyGroupRange key_groups, const std::map<uint64_t, std::optional<uint64_t>>& entries) {
    std::map<uint32_t, BlockBuilder> builders;
    for (const auto& [key, value] : entries) {
      const uint32_t group = static_cast<uint32_t>(HashKey(key) % kMaxParallelism);
      if (!key_groups.Contains(group)) continue;
      BlockBuilder& builder = builders[group];
      if (!builder.started()) builder.Start(group);
      const std::string_view bytes = value.has_value() ? Bytes(*value) : std::string_view();
      builder.Append({0, value.has_value() ? SnapshotRecordKind::kValue : SnapshotRecordKind::kTombstone, Bytes(key), {}, bytes});
    }
    SnapshotFileWriter writer(files_, {"/file-" + std::to_string(file_count_++), 0}, Header(key_groups));
    for (auto& [group, builder] : builders) EXPECT_TRUE(writer.AddBlock(builder.Finish()).ok());
    return {key_groups, *writer.Finish()};
  }

  Status Restore(const std::vector<KeyedStateHandle>& handles, KeyGroupRange key_groups) {
    store_ = std::make_unique<KeyedStateStore>(key_groups.start, key_groups.end, kMaxParallelism);
    store_->SetLayout(KeyOpsOf<uint64_t>(), {{"count", &TypeOf<uint64_t>()}});
    return RestoreKeyedState(files_, handles, {"counter", TypeOf<uint64_t>().schema(), kMaxParallelism, key_groups}, *store_);
  }

  Model Content() {
    Model content;
    store_->ForEachKey([&](const void* key) {
      content[*static_cast<const uint64_t*>(key)] = *reinterpret_cast<const uint64_t*>(store_->CurrentRow() + store_->layout().columns[0].offset);
    });
    return content;
  }

  static std::map<uint64_t, std::optional<uint64_t>> Base(uint64_t count) {
    std::map<uint64_t, std::optional<uint64_t>> entries;
    for (uint64_t key = 0; key < count; ++key) entries[key] = key * 3;
    return entries;
  }

  MemoryFileSystem files_;
  int file_count_ = 0;
  std::unique_ptr<KeyedStateStore> store_;
};

TEST_F(KeyedRestoreTest, DeltasOfEachBaseAreAppliedInTheirOrder) {
  const auto base = Base(1'000);
  const std::vector<KeyedStateHandle> handles = {
      File({0, 3}, base), File({0, 3}, {{1, 100}, {2, std::nullopt}, {5'000, 1}}),        File({0, 3}, {{2, 7}, {5'000, std::nullopt}}),
      File({4, 7}, base), File({4, 7}, {{1, 100}, {2, std::nullopt}, {3, std::nullopt}}), File({4, 7}, {{2, 7}}),
  };
  const Status status = Restore(handles, {2, 5});
  ASSERT_TRUE(status.ok()) << status.ToString();
  Model expected;
  for (const auto& [key, value] : base) expected[key] = *value;
  expected[1] = 100;
  expected[2] = 7;
  if (HashKey(uint64_t{3}) % kMaxParallelism >= 4) expected.erase(3);
  std::erase_if(expected, [](const auto& entry) {
    const uint64_t group = HashKey(entry.first) % kMaxParallelism;
    return group < 2 || group > 5;
  });
  EXPECT_EQ(Content(), expected);
}

TEST_F(KeyedRestoreTest, OnlyBlocksOfOwnKeyGroupsAreRead) {
  const std::vector<KeyedStateHandle> handles = {File({0, 7}, Base(1'000))};
  const auto reads_of = [&](KeyGroupRange key_groups) {
    uint32_t reads = 0;
    files_.SetFaultHook([&reads](FileOperation op, const std::string&) {
      reads += op == FileOperation::kRead ? 1 : 0;
      return FileFault::kNone;
    });
    EXPECT_TRUE(Restore(handles, key_groups).ok());
    return reads;
  };
  const uint32_t of_one = reads_of({3, 3});
  EXPECT_EQ(reads_of({3, 4}), of_one + 1);
  EXPECT_EQ(reads_of({0, 7}), of_one + 7);
}

TEST_F(KeyedRestoreTest, ABaseNeitherGrowsNorSplitsATable) {
  constexpr uint64_t kRows = 200'000;
  ASSERT_TRUE(Restore({File({0, 7}, Base(kRows))}, {0, 7}).ok());
  EXPECT_EQ(store_->row_count(), kRows);
  EXPECT_EQ(store_->moves(), kMaxParallelism) << "once for each key group";
  EXPECT_LT(static_cast<double>(store_->memory_bytes()), 2.0 * kRows * 16);
}

TEST_F(KeyedRestoreTest, TombstonesInADeltaTakeNoMemory) {
  std::map<uint64_t, std::optional<uint64_t>> cleared;
  for (uint64_t key = 0; key < 100'000; ++key) cleared[key] = std::nullopt;
  ASSERT_TRUE(Restore({File({0, 7}, {}), File({0, 7}, cleared)}, {0, 7}).ok());
  EXPECT_LT(store_->memory_bytes(), 10'000u);
}

TEST_F(KeyedRestoreTest, DamageEndsTheRestore) {
  const std::vector<KeyedStateHandle> handles = {File({0, 7}, Base(1'000))};
  std::string& content = files_.files()[handles[0].bytes.path];
  content[content.size() / 2] ^= 1;
  EXPECT_EQ(Restore(handles, {0, 7}).code(), StatusCode::kCorruption);
  files_.SetFaultHook([&](FileOperation, const std::string&) { return FileFault::kFail; });
  EXPECT_EQ(Restore(handles, {0, 7}).code(), StatusCode::kUnavailable);
}

// A block that claims as many records as could be in it at all, every checksum right.
TEST_F(KeyedRestoreTest, HostileCountsTakeNoMoreMemoryThanHonestOnes) {
  const std::vector<KeyedStateHandle> handles = {File({0, 0}, Base(300'000))};
  std::string& content = files_.files()[handles[0].bytes.path];
  const auto seal = [&content](size_t begin, size_t end) {
    const uint64_t checksum = Checksum64(std::string_view(content).substr(begin, end - begin));
    std::memcpy(content.data() + end, &checksum, sizeof(checksum));
  };
  const size_t footer = content.size() - kSnapshotFooterBytes;
  const size_t index = ByteReader(std::string_view(content).substr(footer)).Get<uint64_t>();
  const size_t block = Header({0, 0}).Encode().size();
  const uint32_t records_bytes = ByteReader(std::string_view(content).substr(block + 12)).Get<uint32_t>();
  const uint32_t hostile = records_bytes / kSnapshotRecordBytesMin;
  std::memcpy(content.data() + block + 8, &hostile, sizeof(hostile));
  seal(block, block + kSnapshotBlockHeaderBytes + records_bytes);
  std::memcpy(content.data() + index + 4 + 16, &hostile, sizeof(hostile));
  seal(index, footer - 8);
  EXPECT_EQ(Restore(handles, {0, 0}).code(), StatusCode::kCorruption);
  EXPECT_LT(store_->memory_bytes(), 2 * content.size());
}

TEST_F(KeyedRestoreTest, WhatDoesNotFitIsRefused) {
  const std::vector<KeyedStateHandle> handles = {File({0, 7}, Base(10))};
  store_ = std::make_unique<KeyedStateStore>(0, 7, kMaxParallelism);
  store_->SetLayout(KeyOpsOf<uint64_t>(), {{"count", &TypeOf<int64_t>()}});
  KeyedRestoreTarget target{"counter", TypeOf<uint64_t>().schema(), kMaxParallelism, {0, 7}};
  EXPECT_EQ(RestoreKeyedState(files_, handles, target, *store_).code(), StatusCode::kFailedPrecondition) << "the type of the value";
  target.key_schema = "string";
  EXPECT_EQ(RestoreKeyedState(files_, handles, target, *store_).code(), StatusCode::kFailedPrecondition) << "the type of the key";
  target.max_parallelism = 16;
  EXPECT_EQ(RestoreKeyedState(files_, handles, target, *store_).code(), StatusCode::kFailedPrecondition) << "max parallelism";
}

}  // namespace
}  // namespace weir
