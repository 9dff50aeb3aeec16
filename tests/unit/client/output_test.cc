#include "client/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

proto::JobDetails Job() {
  proto::JobDetails job;
  job.mutable_overview()->set_job_id(std::string(16, '\x11'));
  job.mutable_overview()->set_name("Counts");
  job.mutable_overview()->set_state("RUNNING");
  job.mutable_checkpoints()->set_latest_duration_ms(-1);
  proto::VertexDetails& vertex = *job.add_vertices();
  vertex.set_name("count");
  vertex.set_parallelism(2);
  vertex.add_subtasks()->set_state("RUNNING");
  return job;
}

proto::ListJobsReply ListOf(const proto::JobDetails& job) {
  proto::ListJobsReply jobs;
  *jobs.add_jobs() = job.overview();
  return jobs;
}

TEST(OutputTest, AJobThatWaitsSaysWhy) {
  proto::JobDetails job = Job();
  job.mutable_overview()->set_state("CREATED");
  job.mutable_overview()->set_state_reason("needs 4 slots, 2 free");
  EXPECT_THAT(JobText(job), HasSubstr("Counts (CREATED) needs 4 slots, 2 free\n"));
  EXPECT_THAT(JobTable(ListOf(job), false, true, false), HasSubstr("Counts (CREATED) needs 4 slots, 2 free\n"));
  EXPECT_EQ(nlohmann::json::parse(JobJson(job)).at("state-reason"), "needs 4 slots, 2 free");
  EXPECT_EQ(nlohmann::json::parse(JobListJson(ListOf(job), false, false, false)).at("jobs").at(0).at("state-reason"), "needs 4 slots, 2 free");
}

TEST(OutputTest, AJobThatRunsGivesNoReason) {
  EXPECT_THAT(JobText(Job()), HasSubstr("Counts (RUNNING)\n"));
  EXPECT_THAT(JobTable(ListOf(Job()), true, false, false), HasSubstr("Counts (RUNNING)\n"));
  EXPECT_TRUE(nlohmann::json::parse(JobJson(Job())).at("state-reason").is_null());
}

TEST(OutputTest, BeforeTheFirstCheckpointThereIsNoLatestOne) {
  EXPECT_THAT(JobText(Job()), HasSubstr("checkpoints completed 0, failed 0, latest none yet\n"));
  const nlohmann::json shown = nlohmann::json::parse(JobJson(Job())).at("checkpoints");
  EXPECT_EQ(shown.at("completed"), 0);
  for (const char* key : {"latest-id", "latest-path", "latest-size", "latest-duration", "restored-id"}) EXPECT_TRUE(shown.at(key).is_null()) << key;
}

TEST(OutputTest, TheLatestCheckpointIsShown) {
  proto::JobDetails job = Job();
  proto::CheckpointDetails& checkpoints = *job.mutable_checkpoints();
  checkpoints.set_completed(3);
  checkpoints.set_latest_completed_id(7);
  checkpoints.set_latest_path("/c/chk-7");
  checkpoints.set_latest_duration_ms(12);
  checkpoints.set_restored_id(4);
  EXPECT_THAT(JobText(job), HasSubstr("checkpoints completed 3, failed 0, latest 7 (0 bytes in 12 ms)\n"));
  const nlohmann::json shown = nlohmann::json::parse(JobJson(job)).at("checkpoints");
  EXPECT_EQ(shown.at("latest-id"), 7);
  EXPECT_EQ(shown.at("latest-path"), "/c/chk-7");
  EXPECT_EQ(shown.at("latest-size"), 0);
  EXPECT_EQ(shown.at("latest-duration"), 12);
  EXPECT_EQ(shown.at("restored-id"), 4);
}

TEST(OutputTest, AFailureIsShownWithItsStack) {
  proto::JobDetails job = Job();
  job.mutable_failure()->set_message("map (1/1) failed: boom");
  EXPECT_THAT(JobText(job), HasSubstr("last failure: map (1/1) failed: boom\n"));
  job.mutable_failure()->set_stack("  #0 Throw\n  #1 main\n");
  EXPECT_THAT(JobText(job), HasSubstr("last failure: map (1/1) failed: boom\n  #0 Throw\n  #1 main\n"));
  const nlohmann::json shown = nlohmann::json::parse(JobJson(job)).at("root-exception");
  EXPECT_EQ(shown.at("message"), "map (1/1) failed: boom");
  EXPECT_EQ(shown.at("stack"), "  #0 Throw\n  #1 main\n");
}

TEST(OutputTest, TasksAreShownWithTheirPlace) {
  proto::JobDetails job = Job();
  job.mutable_vertices(0)->mutable_subtasks(0)->set_task_manager_id("tm1");
  EXPECT_THAT(JobText(job), HasSubstr("  count\n    1/2 RUNNING      tm1\n"));
  EXPECT_THAT(JobText(job), Not(HasSubstr("last failure")));
}

}  // namespace
}  // namespace weir
