// Each option reaches the place that it is for.
#include "taskmanager/task_manager_options.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "messages.pb.h"

namespace weir {
namespace {

Configuration Parsed(const std::vector<std::string>& properties) {
  const StatusOr<Configuration> configuration = Configuration::Parse("", "", properties);
  EXPECT_TRUE(configuration.ok()) << configuration.status().ToString();
  return *configuration;
}

TEST(TaskManagerOptionsTest, ComeFromTheConfiguration) {
  const TaskManagerOptions options = TaskManagerOptions::From(Parsed({"taskmanager.network.handshake-timeout=1ms",
                                                                      "taskmanager.network.handshakes-max=2",
                                                                      "taskmanager.artifact.cache-size-max=3b",
                                                                      "taskmanager.artifact.download-timeout=4ms",
                                                                      "cluster.registration.initial-timeout=5ms",
                                                                      "cluster.registration.max-timeout=6ms",
                                                                      "worker.start-timeout=7ms",
                                                                      "worker.shutdown-timeout=8ms",
                                                                      "task.cancellation.timeout=9ms",
                                                                      "jobmanager.artifact.size-max=10b",
                                                                      "heartbeat.interval=11ms",
                                                                      "heartbeat.timeout=12ms"}));
  EXPECT_EQ(options.handshake_timeout_ms, 1);
  EXPECT_EQ(options.handshake_count_max, 2u);
  EXPECT_EQ(options.artifact_cache_bytes_max, 3u);
  EXPECT_EQ(options.artifact_download_timeout_ms, 4);
  EXPECT_EQ(options.leader.backoff_initial_ms, 5);
  EXPECT_EQ(options.leader.backoff_max_ms, 6);
  EXPECT_EQ(options.workers.start_timeout_ms, 7);
  EXPECT_EQ(options.workers.shutdown_timeout_ms, 8);
  EXPECT_EQ(options.workers.cancellation_timeout_ms, 9);
  EXPECT_EQ(options.artifact_bytes_max, 10u);
  EXPECT_EQ(options.leader.heartbeat_interval_ms, 11);
  EXPECT_EQ(options.leader.heartbeat_timeout_ms, 12);
}

TEST(TaskManagerOptionsTest, TheLongestPauseIsNoShorterThanTheFirst) {
  const TaskManagerOptions options = TaskManagerOptions::From(Parsed({"cluster.registration.initial-timeout=10s"}));
  EXPECT_EQ(options.leader.backoff_max_ms, 10'000);
}

TEST(TaskManagerOptionsTest, FlinksOlderSpellingsOfThePausesCount) {
  const TaskManagerOptions options =
      TaskManagerOptions::From(Parsed({"taskmanager.registration.initial-backoff=5ms", "taskmanager.registration.max-backoff=6ms"}));
  EXPECT_EQ(options.leader.backoff_initial_ms, 5);
  EXPECT_EQ(options.leader.backoff_max_ms, 6);
}

// A job may shorten what concerns itself, not how its TaskManager looks after workers.
TEST(TaskManagerOptionsTest, WorkersGetTheTimeoutsOfTheirTaskManager) {
  const Configuration own = Parsed({"heartbeat.timeout=3s", "task.cancellation.timeout=4s", "task.watchdog-interval=5s"});
  const StatusOr<proto::WorkerSettings> settings =
      ResolveWorkerSettings(own, {{"heartbeat.timeout", "30s"}, {"task.cancellation.timeout", "40s"}, {"task.watchdog-interval", "50s"}});
  ASSERT_TRUE(settings.ok()) << settings.status().ToString();
  EXPECT_EQ(settings->heartbeat_timeout_ms(), 3'000);
  EXPECT_EQ(settings->cancellation_timeout_ms(), 4'000);
  EXPECT_EQ(settings->watchdog_interval_ms(), 50'000);
}

TEST(TaskManagerOptionsTest, WorkersLogAtTheLevelOfTheirTaskManagerOrOfTheirJob) {
  EXPECT_EQ(ResolveWorkerSettings(Parsed({"env.log.level=WARN"}), {})->log_level(), static_cast<uint32_t>(LogLevel::kWarn));
  EXPECT_EQ(ResolveWorkerSettings(Parsed({"env.log.level=WARN"}), {{"env.log.level", "DEBUG"}})->log_level(), static_cast<uint32_t>(LogLevel::kDebug));
}

}  // namespace
}  // namespace weir
