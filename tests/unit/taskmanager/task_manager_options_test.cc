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

// ---- rocksdb ----

TEST(RocksDbSettingsTest, OnlyAJobOnRocksDbHasThem) {
  EXPECT_FALSE(ResolveWorkerSettings(Parsed({}), {})->has_rocksdb());
  EXPECT_FALSE(ResolveWorkerSettings(Parsed({"state.backend.type=rocksdb"}), {{"state.backend.type", "hashmap"}})->has_rocksdb());
  EXPECT_TRUE(ResolveWorkerSettings(Parsed({}), {{"state.backend", "rocksdb"}})->has_rocksdb());
}

TEST(RocksDbSettingsTest, EachOptionReachesThem) {
  const Configuration own = Parsed({"taskmanager.memory.process.size=100m", "taskmanager.numberOfTaskSlots=5", "taskmanager.memory.managed.fraction=0.5",
                                    "state.backend.rocksdb.thread.num=7", "state.backend.rocksdb.files.open=8"});
  const std::string prefix = "state.backend.rocksdb.";
  const StatusOr<proto::WorkerSettings> settings = ResolveWorkerSettings(own, {{"state.backend.type", "rocksdb"},
                                                                               {prefix + "memory.object-cache-ratio", "0.1"},
                                                                               {prefix + "memory.write-buffer-ratio", "0.2"},
                                                                               {prefix + "memory.high-prio-pool-ratio", "0.3"},
                                                                               {prefix + "memory.partitioned-index-filters", "true"},
                                                                               {prefix + "writebuffer.size", "1mb"},
                                                                               {prefix + "writebuffer.count", "4"},
                                                                               {prefix + "writebuffer.number-to-merge", "3"},
                                                                               {prefix + "block.blocksize", "2kb"},
                                                                               {prefix + "bloom-filter.bits-per-key", "12"},
                                                                               {prefix + "compaction.level.target-file-size-base", "3mb"},
                                                                               {prefix + "compaction.level.max-size-level-base", "5mb"},
                                                                               {prefix + "compaction.level.use-dynamic-size", "true"},
                                                                               {prefix + "compression.per.level", "NO_COMPRESSION,ZSTD_COMPRESSION"},
                                                                               {prefix + "write-batch-size", "6kb"}});
  ASSERT_TRUE(settings.ok()) << settings.status().ToString();
  const proto::RocksDbSettings& rocksdb = settings->rocksdb();
  EXPECT_EQ(rocksdb.slot_bytes(), 10u << 20);
  EXPECT_EQ(rocksdb.object_cache_ratio(), 0.1);
  EXPECT_EQ(rocksdb.write_buffer_ratio(), 0.2);
  EXPECT_EQ(rocksdb.high_prio_pool_ratio(), 0.3);
  EXPECT_TRUE(rocksdb.partitioned_index_filters());
  EXPECT_EQ(rocksdb.thread_num(), 7u);
  EXPECT_EQ(rocksdb.files_open(), 8);
  EXPECT_EQ(rocksdb.write_buffer_bytes(), 1u << 20);
  EXPECT_EQ(rocksdb.write_buffer_count(), 4u);
  EXPECT_EQ(rocksdb.write_buffers_to_merge(), 3u);
  EXPECT_EQ(rocksdb.block_bytes(), 2'048u);
  EXPECT_EQ(rocksdb.bloom_bits_per_key(), 12);
  EXPECT_EQ(rocksdb.file_bytes_base(), 3u << 20);
  EXPECT_EQ(rocksdb.level_bytes_base(), 5u << 20);
  EXPECT_TRUE(rocksdb.dynamic_level_bytes());
  EXPECT_EQ(std::vector<uint32_t>(rocksdb.compression_per_level().begin(), rocksdb.compression_per_level().end()), (std::vector<uint32_t>{0, 3}));
  EXPECT_EQ(rocksdb.write_batch_bytes(), 6u << 10);
  EXPECT_EQ(ResolveWorkerSettings(own, {{"state.backend.type", "rocksdb"}, {prefix + "use-bloom-filter", "false"}})->rocksdb().bloom_bits_per_key(), 0);
}

TEST(RocksDbSettingsTest, WhatCannotBeIsRefusedByName) {
  const std::pair<const char*, const char*> wrong[] = {{"state.backend.rocksdb.compression.per.level", "GZIP"},
                                                       {"state.backend.rocksdb.memory.object-cache-ratio", "1"},
                                                       {"state.backend.rocksdb.memory.write-buffer-ratio", "0.95"},
                                                       {"state.backend.rocksdb.writebuffer.number-to-merge", "2"}};
  for (const auto& [key, value] : wrong) {
    const Status status = ResolveWorkerSettings(Parsed({"state.backend.type=rocksdb"}), {{key, value}}).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << key;
    EXPECT_NE(status.message().find(key), std::string::npos) << status.ToString();
  }
  EXPECT_FALSE(ResolveWorkerSettings(Parsed({"state.backend.type=rocksdb", "taskmanager.memory.managed.fraction=0"}), {}).ok());
}

}  // namespace
}  // namespace weir
