#include "taskmanager/task_manager_options.h"

#include <algorithm>

#include "base/options.h"
#include "base/status_macros.h"
#include "proto/messages.pb.h"
#include "taskmanager/rocksdb_settings.h"

namespace weir {

TaskManagerOptions TaskManagerOptions::From(const Configuration& configuration) {
  TaskManagerOptions made;
  made.id = configuration.Get(options::kTaskManagerResourceId);
  made.host = configuration.Get(options::kTaskManagerHost).value_or("");
  made.bind_host = configuration.Get(options::kTaskManagerBindHost);
  made.data_port = static_cast<uint16_t>(configuration.Get(options::kTaskManagerDataPort));
  made.handshake_timeout_ms = configuration.Get(options::kTaskManagerNetworkHandshakeTimeout).count();
  made.handshake_count_max = static_cast<uint32_t>(configuration.Get(options::kTaskManagerNetworkHandshakesMax));
  made.slots = static_cast<uint32_t>(configuration.Get(options::kTaskManagerNumberOfTaskSlots));
  made.memory_bytes = static_cast<uint64_t>(configuration.Get(options::kTaskManagerMemoryProcessSize).bytes);
  made.job_manager_address =
      configuration.Get(options::kJobManagerRpcAddress) + ":" + std::to_string(configuration.Get(options::kJobManagerRpcPort));
  made.temporary_directory = configuration.Get(options::kIoTmpDirs).front();
  made.log_directory = configuration.Get(options::kEnvLogDir).value_or("");
  made.log_limits.size_bytes_max = static_cast<uint64_t>(configuration.Get(options::kEnvLogSizeMax).bytes);
  made.log_limits.old_file_count_max = static_cast<uint32_t>(configuration.Get(options::kEnvLogMax));
  made.artifact_bytes_max = static_cast<uint64_t>(configuration.Get(options::kJobManagerArtifactSizeMax).bytes);
  made.artifact_cache_bytes_max = static_cast<uint64_t>(configuration.Get(options::kTaskManagerArtifactCacheSizeMax).bytes);
  made.artifact_download_timeout_ms = configuration.Get(options::kTaskManagerArtifactDownloadTimeout).count();
  made.metrics_ports = configuration.Get(options::kMetricsReporterPromPort);
  made.leader.heartbeat_interval_ms = configuration.Get(options::kHeartbeatInterval).count();
  made.leader.heartbeat_timeout_ms = configuration.Get(options::kHeartbeatTimeout).count();
  made.leader.backoff_initial_ms = configuration.Get(options::kClusterRegistrationInitialTimeout).count();
  made.leader.backoff_max_ms = std::max(made.leader.backoff_initial_ms, configuration.Get(options::kClusterRegistrationMaxTimeout).count());
  made.workers.start_timeout_ms = configuration.Get(options::kWorkerStartTimeout).count();
  made.workers.cancellation_timeout_ms = configuration.Get(options::kTaskCancellationTimeout).count();
  made.workers.shutdown_timeout_ms = configuration.Get(options::kWorkerShutdownTimeout).count();
  made.configuration = configuration;
  return made;
}

StatusOr<proto::WorkerSettings> ResolveWorkerSettings(const Configuration& own, const std::map<std::string, std::string>& job_settings) {
  std::vector<std::string> properties;
  for (const auto& [key, value] : job_settings) properties.push_back(key + "=" + value);
  ASSIGN_OR_RETURN(const Configuration job, Configuration::Parse("", "", properties));
  std::vector<std::string> all = own.AsDynamicProperties();
  all.insert(all.end(), properties.begin(), properties.end());
  ASSIGN_OR_RETURN(const Configuration merged, Configuration::Parse("", "", all));

  proto::WorkerSettings settings;
  settings.set_parallelism_default(static_cast<uint32_t>(job.Get(options::kParallelismDefault)));
  settings.set_max_parallelism(static_cast<uint32_t>(job.Get(options::kPipelineMaxParallelism).value_or(0)));
  settings.set_batch_rows_max(static_cast<uint32_t>(merged.Get(options::kTaskManagerNetworkBatchRowsMax)));
  settings.set_batch_bytes_max(static_cast<uint64_t>(merged.Get(options::kTaskManagerNetworkBatchBytesMax).bytes));
  settings.set_credits_per_channel(static_cast<uint32_t>(merged.Get(options::kTaskManagerNetworkCreditsPerChannel)));
  settings.set_buffer_timeout_ms(merged.Get(options::kExecutionBufferTimeoutInterval).count());
  settings.set_auto_watermark_interval_ms(merged.Get(options::kPipelineAutoWatermarkInterval).count());
  settings.set_thread_per_task(merged.Get(options::kTaskManagerSlotThreading) == SlotThreading::kTask);
  const bool in_metadata = merged.Get(options::kExecutionCheckpointingStorage) == CheckpointStorageType::kJobManager;
  settings.set_state_in_metadata(in_metadata);
  settings.set_inline_state_bytes_max(static_cast<uint64_t>(
      merged.Get(in_metadata ? options::kExecutionCheckpointingJobManagerStorageSizeMax : options::kExecutionCheckpointingDataInlineThreshold).bytes));
  settings.set_cancellation_timeout_ms(own.Get(options::kTaskCancellationTimeout).count());
  settings.set_heartbeat_timeout_ms(own.Get(options::kHeartbeatTimeout).count());
  settings.set_log_level(static_cast<uint32_t>(merged.Get(options::kEnvLogLevel)));
  // Deltas would only add up in the metadata.
  settings.set_incremental_checkpoints(!in_metadata && merged.Get(options::kExecutionCheckpointingIncremental));
  settings.set_delta_bytes_max(static_cast<uint64_t>(merged.Get(options::kStateBackendIncrementalDeltaSizeMax).bytes));
  if (merged.Get(options::kStateBackendType) == StateBackendType::kRocksDb) RETURN_IF_ERROR(SetRocksDb(own, merged, *settings.mutable_rocksdb()));
  settings.set_watchdog_interval_ms(merged.Get(options::kTaskWatchdogInterval).count());
  return settings;
}

}  // namespace weir
