#include "state/checkpoint/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RetentionTest : public ::testing::Test {
 protected:
  std::string File(uint64_t checkpoint, uint32_t restart) const {
    return layout_.StateFilePath({.checkpoint = {checkpoint}, .attempt = {.epoch = {1}, .restart = restart}, .subtask = {}, .operator_index = 0, .sequence = 0});
  }
  // One retained checkpoint 5 that names a delta of checkpoint 3; attempt 1.2 runs.
  RetentionFacts Facts(std::vector<std::string> present) const {
    RetentionFacts facts;
    facts.retained = {{.id = {5}, .metadata_path = layout_.MetadataPath({5}), .files = {File(3, 2), File(5, 2)}}};
    for (std::string& path : present) facts.present.push_back({std::move(path), 0});
    facts.running = {.epoch = {1}, .restart = 2};
    facts.now_ms = 1'000;
    facts.grace_ms = 1'000;
    return facts;
  }
  CheckpointLayout layout_{"/c", JobId{}};
};

TEST_F(RetentionTest, R18WhatARetainedRecordNamesStays) {
  EXPECT_THAT(DeletableFiles(layout_, Facts({File(3, 2), File(5, 2), layout_.MetadataPath({5})})), IsEmpty());
}

TEST_F(RetentionTest, R18WhatNoLaterSnapshotCanNameGoes) {
  EXPECT_THAT(DeletableFiles(layout_, Facts({File(4, 2), File(2, 1), layout_.MetadataPath({4})})),
              ElementsAre(File(4, 2), File(2, 1), layout_.MetadataPath({4})));
}

TEST_F(RetentionTest, R18ADeltaOfAnAbortedCheckpointStaysWhileItsAttemptRuns) {
  EXPECT_THAT(DeletableFiles(layout_, Facts({File(6, 2)})), IsEmpty());
  EXPECT_THAT(DeletableFiles(layout_, Facts({File(6, 1)})), ElementsAre(File(6, 1)));
}

TEST_F(RetentionTest, R18WhatAKilledAttemptLeftUnpublishedGoes) {
  const auto unpublished = [](const std::string& path) {
    const size_t slash = path.rfind('/');
    return path.substr(0, slash + 1) + "." + path.substr(slash + 1) + ".0123456789abcdef";
  };
  const std::string metadata = layout_.MetadataPath({5});
  const std::string later_metadata = layout_.MetadataPath({6});
  EXPECT_THAT(DeletableFiles(layout_, Facts({unpublished(File(6, 1)), unpublished(File(3, 1)), unpublished(metadata)})),
              ElementsAre(unpublished(File(6, 1)), unpublished(File(3, 1)), unpublished(metadata)));
  // A merge that began with checkpoint 3 may still be writing, and a later checkpoint may be about to be published.
  EXPECT_THAT(DeletableFiles(layout_, Facts({unpublished(File(3, 2)), unpublished(File(6, 3)), unpublished(later_metadata)})), IsEmpty());
  EXPECT_THAT(DeletableFiles(layout_, Facts({layout_.job_directory() + "/chk-3/.notes.0123456789abcdef", layout_.job_directory() + "/chk-3/.notes"})), IsEmpty());
}

TEST_F(RetentionTest, R18OfAJobThatHasEndedExactlyTheFilesOfItsRetainedCheckpointsStay) {
  RetentionFacts facts = Facts({File(3, 2), File(5, 2), layout_.MetadataPath({5}), File(4, 2), File(6, 2), File(6, 1), layout_.MetadataPath({6}),
                                layout_.job_directory() + "/chk-6/.1.2-v0-s0-o0-0.0123456789abcdef", layout_.job_directory() + "/notes", File(6, 3)});
  facts.ended = true;
  EXPECT_THAT(DeletableFiles(layout_, facts), ElementsAre(File(4, 2), File(6, 2), File(6, 1), layout_.MetadataPath({6}),
                                                          layout_.job_directory() + "/chk-6/.1.2-v0-s0-o0-0.0123456789abcdef"));
}

TEST_F(RetentionTest, R18FilesOfAPendingCheckpointStay) {
  RetentionFacts facts = Facts({File(4, 1)});
  facts.pending = {{4}};
  EXPECT_THAT(DeletableFiles(layout_, facts), IsEmpty());
}

TEST_F(RetentionTest, R18TheGracePeriodHolds) {
  RetentionFacts facts = Facts({File(4, 2)});
  facts.now_ms = 999;
  EXPECT_THAT(DeletableFiles(layout_, facts), IsEmpty());
}

TEST_F(RetentionTest, R18OtherLineagesAndUnknownFilesAreNotOurs) {
  EXPECT_THAT(DeletableFiles(layout_, Facts({"/c/other/chk-1/1.1-v0-s0-o0-0", layout_.ChainRecordPath({1}),
                                             layout_.job_directory() + "/notes"})),
              IsEmpty());
}

TEST_F(RetentionTest, R18FilesOfANewerAttemptBelongToANewerLeader) {
  EXPECT_THAT(DeletableFiles(layout_, Facts({File(2, 3)})), IsEmpty());
}

}  // namespace
}  // namespace weir
