// Every option that exists, by area. A new one goes here, into options.cc (definition and table) and into
// conf/weir-conf.yaml; a test compares them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/config_option.h"
#include "base/log.h"

namespace weir {

enum class SlotThreading : uint8_t { kSlot, kTask };
enum class StateBackendType : uint8_t { kHashMap, kRocksDb };
enum class ClaimMode : uint8_t { kNoClaim, kClaim };
enum class CheckpointStorageType : uint8_t { kFileSystem, kJobManager };
enum class RestartStrategyType : uint8_t { kNone, kFixedDelay, kExponentialDelay };

namespace options {

// JobManager: addresses.
extern const ConfigOption<std::string> kJobManagerRpcAddress;
extern const ConfigOption<int64_t> kJobManagerRpcPort;
extern const ConfigOption<std::string> kJobManagerBindHost;
extern const ConfigOption<std::string> kJobManagerArtifactDirectory;
extern const ConfigOption<MemorySize> kJobManagerArtifactSizeMax;
extern const ConfigOption<MemorySize> kJobManagerArtifactStoreSizeMax;

// TaskManager: addresses, slots, memory, network.
extern const ConfigOption<std::optional<std::string>> kTaskManagerHost;
extern const ConfigOption<std::string> kTaskManagerBindHost;
extern const ConfigOption<int64_t> kTaskManagerDataPort;
extern const ConfigOption<int64_t> kTaskManagerNumberOfTaskSlots;
extern const ConfigOption<std::optional<std::string>> kTaskManagerResourceId;
extern const ConfigOption<MemorySize> kTaskManagerMemoryProcessSize;
extern const ConfigOption<double> kTaskManagerMemoryManagedFraction;
extern const ConfigOption<SlotThreading> kTaskManagerSlotThreading;
extern const ConfigOption<int64_t> kTaskManagerNetworkBatchRowsMax;
extern const ConfigOption<MemorySize> kTaskManagerNetworkBatchBytesMax;
extern const ConfigOption<int64_t> kTaskManagerNetworkCreditsPerChannel;
extern const ConfigOption<std::chrono::milliseconds> kTaskManagerNetworkHandshakeTimeout;
extern const ConfigOption<int64_t> kTaskManagerNetworkHandshakesMax;
extern const ConfigOption<MemorySize> kTaskManagerArtifactCacheSizeMax;
extern const ConfigOption<std::chrono::milliseconds> kTaskManagerArtifactDownloadTimeout;
extern const ConfigOption<std::chrono::milliseconds> kClusterRegistrationInitialTimeout;
extern const ConfigOption<std::chrono::milliseconds> kClusterRegistrationMaxTimeout;
extern const ConfigOption<std::chrono::milliseconds> kSlotRequestTimeout;
extern const ConfigOption<std::chrono::milliseconds> kWorkerStartTimeout;
extern const ConfigOption<std::chrono::milliseconds> kWorkerShutdownTimeout;

// Jobs.
extern const ConfigOption<int64_t> kParallelismDefault;
extern const ConfigOption<std::optional<int64_t>> kPipelineMaxParallelism;
extern const ConfigOption<std::chrono::milliseconds> kExecutionBufferTimeoutInterval;
extern const ConfigOption<std::chrono::milliseconds> kPipelineAutoWatermarkInterval;
extern const ConfigOption<StateBackendType> kStateBackendType;

// RocksDB.
extern const ConfigOption<double> kStateBackendRocksDbMemoryObjectCacheRatio;
extern const ConfigOption<double> kStateBackendRocksDbMemoryWriteBufferRatio;
extern const ConfigOption<double> kStateBackendRocksDbMemoryHighPrioPoolRatio;
extern const ConfigOption<bool> kStateBackendRocksDbMemoryPartitionedIndexFilters;
extern const ConfigOption<int64_t> kStateBackendRocksDbThreadNum;
extern const ConfigOption<int64_t> kStateBackendRocksDbFilesOpen;
extern const ConfigOption<MemorySize> kStateBackendRocksDbWriteBufferSize;
extern const ConfigOption<int64_t> kStateBackendRocksDbWriteBufferCount;
extern const ConfigOption<int64_t> kStateBackendRocksDbWriteBufferNumberToMerge;
extern const ConfigOption<MemorySize> kStateBackendRocksDbBlockBlockSize;
extern const ConfigOption<bool> kStateBackendRocksDbUseBloomFilter;
extern const ConfigOption<double> kStateBackendRocksDbBloomFilterBitsPerKey;
extern const ConfigOption<MemorySize> kStateBackendRocksDbCompactionLevelTargetFileSizeBase;
extern const ConfigOption<MemorySize> kStateBackendRocksDbCompactionLevelMaxSizeLevelBase;
extern const ConfigOption<bool> kStateBackendRocksDbCompactionLevelUseDynamicSize;
extern const ConfigOption<std::vector<std::string>> kStateBackendRocksDbCompressionPerLevel;
extern const ConfigOption<MemorySize> kStateBackendRocksDbWriteBatchSize;

// Checkpoints.
extern const ConfigOption<std::optional<std::chrono::milliseconds>> kExecutionCheckpointingInterval;
extern const ConfigOption<std::chrono::milliseconds> kExecutionCheckpointingTimeout;
extern const ConfigOption<std::chrono::milliseconds> kExecutionCheckpointingMinPause;
extern const ConfigOption<int64_t> kExecutionCheckpointingTolerableFailedCheckpoints;
extern const ConfigOption<int64_t> kExecutionCheckpointingNumRetained;
extern const ConfigOption<std::string> kExecutionCheckpointingDir;
extern const ConfigOption<std::optional<std::string>> kExecutionCheckpointingSavepointDir;
extern const ConfigOption<MemorySize> kExecutionCheckpointingDataInlineThreshold;
extern const ConfigOption<CheckpointStorageType> kExecutionCheckpointingStorage;
extern const ConfigOption<MemorySize> kExecutionCheckpointingJobManagerStorageSizeMax;
extern const ConfigOption<bool> kExecutionCheckpointingIncremental;
extern const ConfigOption<MemorySize> kStateBackendIncrementalDeltaSizeMax;
extern const ConfigOption<std::optional<std::string>> kExecutionStateRecoveryPath;
extern const ConfigOption<bool> kExecutionStateRecoveryIgnoreUnclaimedState;
extern const ConfigOption<ClaimMode> kExecutionStateRecoveryClaimMode;

// Failure.
extern const ConfigOption<RestartStrategyType> kRestartStrategyType;
extern const ConfigOption<int64_t> kRestartStrategyFixedDelayAttempts;
extern const ConfigOption<std::chrono::milliseconds> kRestartStrategyFixedDelayDelay;
extern const ConfigOption<std::chrono::milliseconds> kRestartStrategyExponentialDelayInitialBackoff;
extern const ConfigOption<std::chrono::milliseconds> kRestartStrategyExponentialDelayMaxBackoff;
extern const ConfigOption<double> kRestartStrategyExponentialDelayBackoffMultiplier;
extern const ConfigOption<std::chrono::milliseconds> kRestartStrategyExponentialDelayResetBackoffThreshold;
extern const ConfigOption<double> kRestartStrategyExponentialDelayJitterFactor;
extern const ConfigOption<int64_t> kRestartStrategyExponentialDelayAttemptsBeforeResetBackoff;
extern const ConfigOption<std::chrono::milliseconds> kHeartbeatInterval;
extern const ConfigOption<std::chrono::milliseconds> kHeartbeatTimeout;
extern const ConfigOption<std::chrono::milliseconds> kTaskCancellationTimeout;
extern const ConfigOption<std::chrono::milliseconds> kTaskWatchdogInterval;

// Processes, files, logs, metrics.
extern const ConfigOption<std::chrono::milliseconds> kClientTimeout;
extern const ConfigOption<std::vector<std::string>> kIoTmpDirs;
extern const ConfigOption<std::optional<std::string>> kEnvLogDir;
extern const ConfigOption<LogLevel> kEnvLogLevel;
extern const ConfigOption<int64_t> kEnvLogMax;
extern const ConfigOption<MemorySize> kEnvLogSizeMax;
extern const ConfigOption<std::string> kEnvPidDir;
extern const ConfigOption<std::string> kEnvSshOpts;
extern const ConfigOption<PortRange> kMetricsReporterPromPort;

// All of the above, in their order.
std::span<const OptionInfo* const> All();

}  // namespace options
}  // namespace weir
