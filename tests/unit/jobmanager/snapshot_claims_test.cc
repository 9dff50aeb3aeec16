#include "jobmanager/snapshot_claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using ::testing::HasSubstr;

class SnapshotClaimsTest : public ::testing::Test {
 protected:
  SnapshotClaimsTest() {
    job_.bytes[0] = 7;
    use_.job = job_;
    use_.job_directory = "/checkpoints/" + job_.ToHex();
  }
  // Of `job`, with one state file in `file`.
  static CheckpointMetadata Metadata(JobId job, const std::string& file) {
    CheckpointMetadata metadata;
    metadata.job_id = job;
    metadata.id = {3};
    VertexCheckpoint& vertex = metadata.vertices.emplace_back();
    OperatorSubtaskState& state = vertex.subtasks.emplace_back().snapshot.operators.emplace_back();
    state.keyed.push_back({.key_groups = {}, .bytes = {.path = file, .inline_bytes = {}, .size_bytes = 1, .checksum = 1}});
    return metadata;
  }
  Status Claim(const std::string& path, const CheckpointMetadata* metadata = nullptr) const { return CheckSnapshotStart({path, true, metadata}, use_); }
  Status Restore(const std::string& path, const CheckpointMetadata* metadata = nullptr) const { return CheckSnapshotStart({path, false, metadata}, use_); }
  void ExpectRefused(const Status& status, const std::string& path) const {
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
    EXPECT_THAT(status.message(), HasSubstr(job_.ToHex()));
    EXPECT_THAT(status.message(), HasSubstr(path));
  }

  JobId job_;
  SnapshotUse use_;
};

TEST_F(SnapshotClaimsTest, OneDirectoryHasManySpellings) {
  for (const char* path : {"/a/s", "/a/s/", "/a//s", "/a/./s/_metadata", "/a/b/../s/_metadata"}) EXPECT_EQ(SnapshotDirectoryOf(path), "/a/s") << path;
  EXPECT_EQ(SnapshotDirectoryOf("/"), "/");
}

TEST_F(SnapshotClaimsTest, R18ACheckpointOfALivingJobIsNotClaimed) {
  const std::string path = use_.job_directory + "/chk-3";
  ExpectRefused(Claim(path), path);
  EXPECT_TRUE(Restore(path).ok());
  EXPECT_TRUE(Claim("/checkpoints/other/chk-3").ok());
  // Under another path it is still the job's: what it names lies where it lay.
  const CheckpointMetadata metadata = Metadata(job_, "/elsewhere/file");
  ExpectRefused(Claim("/moved/chk-3", &metadata), "/moved/chk-3");
  EXPECT_TRUE(Restore("/moved/chk-3", &metadata).ok());
}

TEST_F(SnapshotClaimsTest, ASavepointOfALivingJobMayBeClaimedUnlessItWouldRecoverFromIt) {
  CheckpointMetadata metadata = Metadata(job_, "/savepoints/s/file");
  metadata.savepoint = SavepointFormat::kCanonical;
  EXPECT_TRUE(Claim("/savepoints/s").ok());
  EXPECT_TRUE(Claim("/savepoints/s", &metadata).ok());
  use_.recovery_path = "/savepoints/s/_metadata";
  ExpectRefused(Claim("/savepoints/s/"), "/savepoints/s/");
  ExpectRefused(Claim("/savepoints/s/", &metadata), "/savepoints/s/");
  EXPECT_TRUE(Restore("/savepoints/s", &metadata).ok());
}

TEST_F(SnapshotClaimsTest, R18FilesThatAnotherJobWouldRecoverFromAreNotClaimed) {
  const CheckpointMetadata metadata = Metadata(JobId{}, "/shared/base");
  use_.recovery_files = {"/shared/base"};
  ExpectRefused(Claim("/checkpoints/ended/chk-3", &metadata), "/checkpoints/ended/chk-3");
  EXPECT_TRUE(Restore("/checkpoints/ended/chk-3", &metadata).ok());
  use_.recovery_files = {"/shared/other"};
  EXPECT_TRUE(Claim("/checkpoints/ended/chk-3", &metadata).ok());
}

TEST_F(SnapshotClaimsTest, R18WhatAnotherJobHasClaimedIsNoStartAtAll) {
  use_.restore_path = "/savepoints/s";
  EXPECT_TRUE(Restore("/savepoints/s").ok());
  use_.claims = true;
  ExpectRefused(Restore("/savepoints/s/_metadata"), "/savepoints/s");
  ExpectRefused(Claim("/savepoints/s"), "/savepoints/s");
  EXPECT_TRUE(Claim("/savepoints/s2").ok());
  const CheckpointMetadata metadata = Metadata(JobId{}, "/shared/base");
  EXPECT_TRUE(Restore("/checkpoints/ended/chk-2", &metadata).ok());
  use_.claimed_files = {"/shared/base"};
  ExpectRefused(Restore("/checkpoints/ended/chk-2", &metadata), "/checkpoints/ended/chk-2");
}

}  // namespace
}  // namespace weir
