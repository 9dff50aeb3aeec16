#include "base/options.h"

namespace weir::options {

// JobManager: addresses.
constinit const ConfigOption<std::string> kJobManagerRpcAddress{{
    .key = "jobmanager.rpc.address", .kind = OptionKind::kString, .default_text = "localhost",
    .description = "Host under which clients and TaskManagers find the JobManager."}};
constinit const ConfigOption<int64_t> kJobManagerRpcPort{{
    .key = "jobmanager.rpc.port", .kind = OptionKind::kInt, .default_text = "6123", .min = 0, .max = 65535,
    .description = "Port of the JobManager for clients and TaskManagers; 0 = any free one."}};
constinit const ConfigOption<std::string> kJobManagerBindHost{{
    .key = "jobmanager.bind-host", .kind = OptionKind::kString, .default_text = "localhost",
    .reader = OptionReader::kJobManager, .description = "Local interface the JobManager listens on; 0.0.0.0 = all."}};
constinit const ConfigOption<std::string> kJobManagerArtifactDirectory{{
    .key = "jobmanager.artifact.directory", .kind = OptionKind::kString,
    .default_text = "${io.tmp.dirs}/weir-artifacts",
    .reader = OptionReader::kJobManager, .description = "Where uploaded job libraries are kept, by content hash."}};
constinit const ConfigOption<MemorySize> kJobManagerArtifactSizeMax{{
    .key = "jobmanager.artifact.size-max", .kind = OptionKind::kMemorySize, .default_text = "1gb", .min = 1,
    .reader = OptionReader::kDaemons, .description = "Largest job library that is accepted."}};
constinit const ConfigOption<MemorySize> kJobManagerArtifactStoreSizeMax{{
    .key = "jobmanager.artifact.store-size-max", .kind = OptionKind::kMemorySize, .default_text = "16gb", .min = 1,
    .reader = OptionReader::kJobManager,
    .description = "Disk space for uploaded job libraries; those that no job uses go, least recently used first."}};

// TaskManager: addresses, slots, memory, network.
constinit const ConfigOption<std::optional<std::string>> kTaskManagerHost{{
    .key = "taskmanager.host", .kind = OptionKind::kString,
    .reader = OptionReader::kTaskManager,
    .description = "Address under which other TaskManagers reach this one; when not set, taskmanager.bind-host, or the address of the "
                   "interface that leads to the JobManager if that is 0.0.0.0."}};
constinit const ConfigOption<std::string> kTaskManagerBindHost{{
    .key = "taskmanager.bind-host", .kind = OptionKind::kString, .default_text = "localhost",
    .reader = OptionReader::kTaskManager, .description = "Local interface the TaskManager listens on; 0.0.0.0 = all."}};
constinit const ConfigOption<int64_t> kTaskManagerDataPort{{
    .key = "taskmanager.data.port", .kind = OptionKind::kInt, .default_text = "0", .min = 0, .max = 65535,
    .reader = OptionReader::kTaskManager, .description = "Port for record exchange between TaskManagers; 0 = any free one."}};
constinit const ConfigOption<int64_t> kTaskManagerNumberOfTaskSlots{{
    .key = "taskmanager.numberOfTaskSlots", .kind = OptionKind::kInt, .default_text = "1", .min = 1, .max = 1024,
    .reader = OptionReader::kTaskManager, .description = "Slots that the TaskManager offers."}};
constinit const ConfigOption<std::optional<std::string>> kTaskManagerResourceId{{
    .key = "taskmanager.resource-id", .kind = OptionKind::kString,
    .reader = OptionReader::kTaskManager, .description = "Fixed id of the TaskManager; made of host, port and random characters when not set."}};
constinit const ConfigOption<MemorySize> kTaskManagerMemoryProcessSize{{
    .key = "taskmanager.memory.process.size", .kind = OptionKind::kMemorySize, .default_text = "1728m", .min = 67108864,
    .reader = OptionReader::kTaskManager, .description = "Memory of the TaskManager and all its workers together."}};
constinit const ConfigOption<double> kTaskManagerMemoryManagedFraction{{
    .key = "taskmanager.memory.managed.fraction", .kind = OptionKind::kDouble, .default_text = "0.4", .min = 0, .max = 1,
    .reader = OptionReader::kTaskManager,
    .description = "Share of taskmanager.memory.process.size for state under rocksdb, dealt out evenly to the slots."}};
constinit const ConfigOption<SlotThreading> kTaskManagerSlotThreading{{
    .key = "taskmanager.slot.threading", .kind = OptionKind::kEnum, .default_text = "slot",
    .names = {{{"slot", 0}, {"task", 1}}},
    .description = "slot: one thread drives all subtasks of a slot. task: one thread for each."}};
constinit const ConfigOption<int64_t> kTaskManagerNetworkBatchRowsMax{{
    .key = "taskmanager.network.batch-rows-max", .kind = OptionKind::kInt, .default_text = "4096", .min = 1,
    .max = 65536, .description = "Largest number of rows in a record batch."}};
constinit const ConfigOption<MemorySize> kTaskManagerNetworkBatchBytesMax{{
    .key = "taskmanager.network.batch-bytes-max", .kind = OptionKind::kMemorySize, .default_text = "64kb", .min = 1024,
    .max = 1073741824, .description = "A batch is sent when it has this size; a single row may be larger."}};
constinit const ConfigOption<int64_t> kTaskManagerNetworkCreditsPerChannel{{
    .key = "taskmanager.network.credits-per-channel", .kind = OptionKind::kInt, .default_text = "4", .min = 1,
    .max = 65536, .description = "Batches that may be under way on one channel."}};
constinit const ConfigOption<std::chrono::milliseconds> kTaskManagerNetworkHandshakeTimeout{{
    .key = "taskmanager.network.handshake-timeout", .kind = OptionKind::kDuration, .default_text = "5 s", .min = 1,
    .reader = OptionReader::kTaskManager, .description = "How long a new data connection may take to say who it is."}};
constinit const ConfigOption<int64_t> kTaskManagerNetworkHandshakesMax{{
    .key = "taskmanager.network.handshakes-max", .kind = OptionKind::kInt, .default_text = "256", .min = 1, .max = 65536,
    .reader = OptionReader::kTaskManager, .description = "Data connections that may be about to say who they are; beyond it the oldest is closed."}};
constinit const ConfigOption<MemorySize> kTaskManagerArtifactCacheSizeMax{{
    .key = "taskmanager.artifact.cache-size-max", .kind = OptionKind::kMemorySize, .default_text = "4gb", .min = 1,
    .reader = OptionReader::kTaskManager, .description = "Disk space for job libraries; unused ones go, least recently used first."}};
constinit const ConfigOption<std::chrono::milliseconds> kTaskManagerArtifactDownloadTimeout{{
    .key = "taskmanager.artifact.download-timeout", .kind = OptionKind::kDuration, .default_text = "10 min", .min = 1,
    .reader = OptionReader::kTaskManager, .description = "How long the download of a job library from the JobManager may take."}};
constinit const ConfigOption<std::chrono::milliseconds> kClusterRegistrationInitialTimeout{{
    .key = "cluster.registration.initial-timeout", .older_keys = {"taskmanager.registration.initial-backoff"},
    .kind = OptionKind::kDuration, .default_text = "100 ms", .min = 1,
    .reader = OptionReader::kTaskManager, .description = "Pause of a TaskManager before it dials the JobManager again; doubles with each failure."}};
constinit const ConfigOption<std::chrono::milliseconds> kClusterRegistrationMaxTimeout{{
    .key = "cluster.registration.max-timeout", .older_keys = {"taskmanager.registration.max-backoff"},
    .kind = OptionKind::kDuration, .default_text = "2 s", .min = 1,
    .reader = OptionReader::kTaskManager, .description = "Longest such pause. Flink's default is 30 s."}};
constinit const ConfigOption<std::chrono::milliseconds> kSlotRequestTimeout{{
    .key = "slot.request.timeout", .kind = OptionKind::kDuration, .default_text = "5 min", .min = 1,
    .reader = OptionReader::kJobManager, .description = "How long a job may wait for slots before it fails."}};
constinit const ConfigOption<std::chrono::milliseconds> kWorkerStartTimeout{{
    .key = "worker.start-timeout", .kind = OptionKind::kDuration, .default_text = "30 s", .min = 1,
    .reader = OptionReader::kTaskManager, .description = "How long a worker may take to start and load the job library, once that is downloaded."}};
constinit const ConfigOption<std::chrono::milliseconds> kWorkerShutdownTimeout{{
    .key = "worker.shutdown-timeout", .kind = OptionKind::kDuration, .default_text = "5 s", .min = 0,
    .reader = OptionReader::kTaskManager, .description = "How long workers may take to end when the TaskManager stops; then they are killed."}};

// Jobs.
constinit const ConfigOption<int64_t> kParallelismDefault{{
    .key = "parallelism.default", .kind = OptionKind::kInt, .default_text = "1", .min = 1, .max = 32768,
    .description = "Parallelism of operators for which nobody sets one."}};
constinit const ConfigOption<std::optional<int64_t>> kPipelineMaxParallelism{{
    .key = "pipeline.max-parallelism", .kind = OptionKind::kInt, .min = 1, .max = 32768, .unset_text = "-1",
    .description = "Number of key groups of operators for which nobody sets one; -1 = derived from the parallelism."}};
constinit const ConfigOption<std::chrono::milliseconds> kExecutionBufferTimeoutInterval{{
    .key = "execution.buffer-timeout.interval", .older_keys = {"execution.buffer-timeout"},
    .kind = OptionKind::kDuration, .default_text = "100 ms", .min = 0,
    .description = "A batch that is not full leaves after this time at the latest; 0 = when no more input is at hand, within a millisecond when there is."}};
constinit const ConfigOption<std::chrono::milliseconds> kPipelineAutoWatermarkInterval{{
    .key = "pipeline.auto-watermark-interval", .kind = OptionKind::kDuration, .default_text = "200 ms", .min = 0,
    .description = "How often watermark generators are asked for a watermark; 0 = never."}};
constinit const ConfigOption<StateBackendType> kStateBackendType{{
    .key = "state.backend.type", .older_keys = {"state.backend"}, .kind = OptionKind::kEnum, .default_text = "hashmap",
    .names = {{{"hashmap", 0}, {"memory", 0}, {"jobmanager", 0}, {"filesystem", 0}, {"rocksdb", 1}}},
    .description = "hashmap, with its older names memory, jobmanager and filesystem: state in memory. rocksdb: also on disk, with what is in "
                   "use in memory; values, reducing and aggregating states only, no timers."}};

// RocksDB.
constinit const ConfigOption<double> kStateBackendRocksDbMemoryObjectCacheRatio{{
    .key = "state.backend.rocksdb.memory.object-cache-ratio", .kind = OptionKind::kDouble, .default_text = "0.5", .min = 0, .max = 1,
    .description = "Share of that for rows in memory, whatever their kind; the rest is RocksDB's own: blocks and memtables."}};
constinit const ConfigOption<double> kStateBackendRocksDbMemoryWriteBufferRatio{{
    .key = "state.backend.rocksdb.memory.write-buffer-ratio", .kind = OptionKind::kDouble, .default_text = "0.5", .min = 0, .max = 1,
    .description = "Share of RocksDB's own memory for memtables."}};
constinit const ConfigOption<double> kStateBackendRocksDbMemoryHighPrioPoolRatio{{
    .key = "state.backend.rocksdb.memory.high-prio-pool-ratio", .kind = OptionKind::kDouble, .default_text = "0.1", .min = 0, .max = 1,
    .description = "Share of RocksDB's own memory for indexes and filters."}};
constinit const ConfigOption<bool> kStateBackendRocksDbMemoryPartitionedIndexFilters{{
    .key = "state.backend.rocksdb.memory.partitioned-index-filters", .kind = OptionKind::kBool, .default_text = "false",
    .description = "Indexes and filters in two levels, of which only the parts in use take memory."}};
constinit const ConfigOption<int64_t> kStateBackendRocksDbThreadNum{{
    .key = "state.backend.rocksdb.thread.num", .kind = OptionKind::kInt, .default_text = "2", .min = 1, .max = 1024,
    .description = "Threads of a worker for compactions; one more flushes."}};
constinit const ConfigOption<int64_t> kStateBackendRocksDbFilesOpen{{
    .key = "state.backend.rocksdb.files.open", .kind = OptionKind::kInt, .default_text = "-1", .min = -1, .max = 1000000,
    .description = "Files that one RocksDB keeps open; -1 = all."}};
constinit const ConfigOption<MemorySize> kStateBackendRocksDbWriteBufferSize{{
    .key = "state.backend.rocksdb.writebuffer.size", .kind = OptionKind::kMemorySize, .default_text = "64mb", .min = 65536, .max = 4294967296,
    .description = "A memtable of this size is flushed; less when all of them may not take as much."}};
constinit const ConfigOption<int64_t> kStateBackendRocksDbWriteBufferCount{{
    .key = "state.backend.rocksdb.writebuffer.count", .kind = OptionKind::kInt, .default_text = "2", .min = 2, .max = 1024,
    .description = "Memtables of one state; when all are full writes wait."}};
constinit const ConfigOption<int64_t> kStateBackendRocksDbWriteBufferNumberToMerge{{
    .key = "state.backend.rocksdb.writebuffer.number-to-merge", .kind = OptionKind::kInt, .default_text = "1", .min = 1, .max = 1024,
    .description = "Memtables that are flushed together; less than their count."}};
constinit const ConfigOption<MemorySize> kStateBackendRocksDbBlockBlockSize{{
    .key = "state.backend.rocksdb.block.blocksize", .kind = OptionKind::kMemorySize, .default_text = "4kb", .min = 256, .max = 16777216,
    .description = "Data is read from disk in pieces of this size."}};
constinit const ConfigOption<bool> kStateBackendRocksDbUseBloomFilter{{
    .key = "state.backend.rocksdb.use-bloom-filter", .kind = OptionKind::kBool, .default_text = "true",
    .description = "Keys that are not there are known without a read. Flink's default is false."}};
constinit const ConfigOption<double> kStateBackendRocksDbBloomFilterBitsPerKey{{
    .key = "state.backend.rocksdb.bloom-filter.bits-per-key", .kind = OptionKind::kDouble, .default_text = "10", .min = 1, .max = 100,
    .description = "Size of these filters."}};
constinit const ConfigOption<MemorySize> kStateBackendRocksDbCompactionLevelTargetFileSizeBase{{
    .key = "state.backend.rocksdb.compaction.level.target-file-size-base", .kind = OptionKind::kMemorySize, .default_text = "64mb", .min = 65536, .max = 4294967296,
    .description = "Size of files of level 1."}};
constinit const ConfigOption<MemorySize> kStateBackendRocksDbCompactionLevelMaxSizeLevelBase{{
    .key = "state.backend.rocksdb.compaction.level.max-size-level-base", .kind = OptionKind::kMemorySize, .default_text = "256mb", .min = 65536, .max = 1099511627776,
    .description = "Size of level 1."}};
constinit const ConfigOption<bool> kStateBackendRocksDbCompactionLevelUseDynamicSize{{
    .key = "state.backend.rocksdb.compaction.level.use-dynamic-size", .kind = OptionKind::kBool, .default_text = "false",
    .description = "Levels are sized from the last one up."}};
constinit const ConfigOption<std::vector<std::string>> kStateBackendRocksDbCompressionPerLevel{{
    .key = "state.backend.rocksdb.compression.per.level", .kind = OptionKind::kStringList, .default_text = "SNAPPY_COMPRESSION",
    .description = "NO_COMPRESSION, SNAPPY_COMPRESSION, LZ4_COMPRESSION or ZSTD_COMPRESSION, from level 0 on; the last one serves all deeper levels."}};
constinit const ConfigOption<MemorySize> kStateBackendRocksDbWriteBatchSize{{
    .key = "state.backend.rocksdb.write-batch-size", .kind = OptionKind::kMemorySize, .default_text = "2mb", .min = 1, .max = 1073741824,
    .description = "Rows that leave memory, or are restored, are written in batches of this size."}};

// Checkpoints.
constinit const ConfigOption<std::optional<std::chrono::milliseconds>> kExecutionCheckpointingInterval{{
    .key = "execution.checkpointing.interval", .kind = OptionKind::kDuration, .min = 10,
    .description = "Period of checkpoints; none are taken when not set."}};
constinit const ConfigOption<std::chrono::milliseconds> kExecutionCheckpointingTimeout{{
    .key = "execution.checkpointing.timeout", .kind = OptionKind::kDuration, .default_text = "10 min", .min = 10,
    .description = "A checkpoint that is not complete by then is aborted and counts as failed."}};
constinit const ConfigOption<std::chrono::milliseconds> kExecutionCheckpointingMinPause{{
    .key = "execution.checkpointing.min-pause", .kind = OptionKind::kDuration, .default_text = "0 ms", .min = 0,
    .description = "Least time between the end of one checkpoint and the start of the next."}};
constinit const ConfigOption<int64_t> kExecutionCheckpointingTolerableFailedCheckpoints{{
    .key = "execution.checkpointing.tolerable-failed-checkpoints", .kind = OptionKind::kInt, .default_text = "0",
    .min = 0, .max = 2147483647, .description = "Failed checkpoints in a row that a job survives."}};
constinit const ConfigOption<int64_t> kExecutionCheckpointingNumRetained{{
    .key = "execution.checkpointing.num-retained", .older_keys = {"state.checkpoints.num-retained"},
    .kind = OptionKind::kInt, .default_text = "1", .min = 1, .max = 10000,
    .description = "Completed checkpoints that are kept."}};
constinit const ConfigOption<std::string> kExecutionCheckpointingDir{{
    .key = "execution.checkpointing.dir", .older_keys = {"state.checkpoints.dir", "state.backend.fs.checkpointdir"},
    .kind = OptionKind::kString, .default_text = "${io.tmp.dirs}/weir-checkpoints",
    .reader = OptionReader::kJobManager, .description = "Root directory of checkpoints; shared by all machines of the cluster."}};
constinit const ConfigOption<std::optional<std::string>> kExecutionCheckpointingSavepointDir{{
    .key = "execution.checkpointing.savepoint-dir", .older_keys = {"state.savepoints.dir", "savepoints.state.backend.fs.dir"},
    .kind = OptionKind::kString,
    .description = "Where savepoints go that name no directory; shared by all machines of the cluster. When not set, each must name one."}};
constinit const ConfigOption<MemorySize> kExecutionCheckpointingDataInlineThreshold{{
    .key = "execution.checkpointing.data-inline-threshold",
    .older_keys = {"state.storage.fs.memory-threshold", "state.backend.fs.memory-threshold"},
    .kind = OptionKind::kMemorySize, .default_text = "20kb", .min = 0, .max = 1048576,
    .description = "State smaller than this travels in the checkpoint's metadata, not in a file."}};
constinit const ConfigOption<CheckpointStorageType> kExecutionCheckpointingStorage{{
    .key = "execution.checkpointing.storage", .older_keys = {"state.checkpoint-storage"}, .kind = OptionKind::kEnum, .default_text = "filesystem",
    .names = {{{"filesystem", 0}, {"jobmanager", 1}}},
    .description = "filesystem: state goes into files below execution.checkpointing.dir. jobmanager: all of it travels in the metadata, which the "
                   "JobManager writes there; for small state only, and never incremental."}};
constinit const ConfigOption<MemorySize> kExecutionCheckpointingJobManagerStorageSizeMax{{
    .key = "execution.checkpointing.jobmanager-storage-size-max", .kind = OptionKind::kMemorySize, .default_text = "5mb", .min = 1, .max = 8388608,
    .description = "With storage jobmanager: the most that one operator may keep in one subtask; a checkpoint with more fails."}};
constinit const ConfigOption<bool> kExecutionCheckpointingIncremental{{
    .key = "execution.checkpointing.incremental", .older_keys = {"state.backend.incremental"},
    .kind = OptionKind::kBool, .default_text = "true",
    .description = "Checkpoints write what changed since the one before, not all state. Flink's default is false."}};
constinit const ConfigOption<MemorySize> kStateBackendIncrementalDeltaSizeMax{{
    .key = "state.backend.incremental.delta-size-max", .kind = OptionKind::kMemorySize, .default_text = "32mb", .min = 0,
    .max = 1099511627776,
    .description = "A subtask writes all its state again when its changes since the last time weigh more than this and more than half of the state."}};

// Failure.
constinit const ConfigOption<std::optional<std::string>> kExecutionStateRecoveryPath{{
    .key = "execution.state-recovery.path", .older_keys = {"execution.savepoint.path"}, .kind = OptionKind::kString,
    .description = "Savepoint or checkpoint that jobs start from, as weir run --from-savepoint; from nothing when not set."}};
constinit const ConfigOption<bool> kExecutionStateRecoveryIgnoreUnclaimedState{{
    .key = "execution.state-recovery.ignore-unclaimed-state", .older_keys = {"execution.savepoint.ignore-unclaimed-state"},
    .kind = OptionKind::kBool, .default_text = "false",
    .description = "Leave state behind whose operators the job no longer has, as weir run --allow-non-restored-state."}};
constinit const ConfigOption<ClaimMode> kExecutionStateRecoveryClaimMode{{
    .key = "execution.state-recovery.claim-mode", .older_keys = {"execution.savepoint-restore-mode"},
    .kind = OptionKind::kEnum, .default_text = "no_claim", .names = {{{"no_claim", 0}, {"claim", 1}}},
    .description = "Whose the snapshot is that a job starts from: nobody's (no_claim), or the job's own, which deletes it in time (claim)."}};
constinit const ConfigOption<RestartStrategyType> kRestartStrategyType{{
    .key = "restart-strategy.type", .older_keys = {"restart-strategy"}, .kind = OptionKind::kEnum,
    .default_text = "exponential-delay",
    .names = {{{"none", 0}, {"fixed-delay", 1}, {"exponential-delay", 2}, {"off", 0}, {"disable", 0}, {"fixeddelay", 1}, {"exponentialdelay", 2}}},
    .description = "none (also off, disable), fixed-delay or exponential-delay."}};
constinit const ConfigOption<int64_t> kRestartStrategyFixedDelayAttempts{{
    .key = "restart-strategy.fixed-delay.attempts", .kind = OptionKind::kInt, .default_text = "1", .min = 0,
    .max = 2147483647, .description = "Restarts before the job fails."}};
constinit const ConfigOption<std::chrono::milliseconds> kRestartStrategyFixedDelayDelay{{
    .key = "restart-strategy.fixed-delay.delay", .kind = OptionKind::kDuration, .default_text = "1 s", .min = 0,
    .description = "Pause before each restart."}};
constinit const ConfigOption<std::chrono::milliseconds> kRestartStrategyExponentialDelayInitialBackoff{{
    .key = "restart-strategy.exponential-delay.initial-backoff", .kind = OptionKind::kDuration, .default_text = "50 ms",
    .min = 1, .description = "Pause before the first restart."}};
constinit const ConfigOption<std::chrono::milliseconds> kRestartStrategyExponentialDelayMaxBackoff{{
    .key = "restart-strategy.exponential-delay.max-backoff", .kind = OptionKind::kDuration, .default_text = "1 min",
    .min = 1, .description = "Longest pause before a restart."}};
constinit const ConfigOption<double> kRestartStrategyExponentialDelayBackoffMultiplier{{
    .key = "restart-strategy.exponential-delay.backoff-multiplier", .kind = OptionKind::kDouble, .default_text = "1.5",
    .min = 1, .max = 1000, .description = "Growth of the pause from one restart to the next."}};
constinit const ConfigOption<std::chrono::milliseconds> kRestartStrategyExponentialDelayResetBackoffThreshold{{
    .key = "restart-strategy.exponential-delay.reset-backoff-threshold", .kind = OptionKind::kDuration,
    .default_text = "1 h", .min = 1,
    .description = "A run of this length without failure starts over with the first pause."}};
constinit const ConfigOption<double> kRestartStrategyExponentialDelayJitterFactor{{
    .key = "restart-strategy.exponential-delay.jitter-factor", .kind = OptionKind::kDouble, .default_text = "0.1",
    .min = 0, .max = 1, .description = "Random share of the pause, up or down."}};
constinit const ConfigOption<int64_t> kRestartStrategyExponentialDelayAttemptsBeforeResetBackoff{{
    .key = "restart-strategy.exponential-delay.attempts-before-reset-backoff", .kind = OptionKind::kInt,
    .default_text = "2147483647", .min = 1, .max = 2147483647,
    .description = "Restarts without such a run after which the job fails; the default is as good as never."}};
constinit const ConfigOption<std::chrono::milliseconds> kHeartbeatInterval{{
    .key = "heartbeat.interval", .kind = OptionKind::kDuration, .default_text = "1 s", .min = 1,
    .reader = OptionReader::kDaemons, .description = "Period of heartbeats between JobManager and TaskManagers."}};
constinit const ConfigOption<std::chrono::milliseconds> kHeartbeatTimeout{{
    .key = "heartbeat.timeout", .kind = OptionKind::kDuration, .default_text = "10 s", .min = 1,
    .reader = OptionReader::kDaemons, .description = "A process not heard of for this time is lost; longer than the interval."}};
constinit const ConfigOption<std::chrono::milliseconds> kTaskCancellationTimeout{{
    .key = "task.cancellation.timeout", .kind = OptionKind::kDuration, .default_text = "30 s", .min = 1,
    .reader = OptionReader::kDaemons, .description = "A task that has not ended this long after its cancellation has its worker killed."}};
constinit const ConfigOption<std::chrono::milliseconds> kTaskWatchdogInterval{{
    .key = "task.watchdog-interval", .kind = OptionKind::kDuration, .default_text = "60 s", .min = 1,
    .description = "A task that has not finished a step for this time is reported with its stack."}};

// Processes, files, logs, metrics.
constinit const ConfigOption<std::chrono::milliseconds> kClientTimeout{{
    .key = "client.timeout", .kind = OptionKind::kDuration, .default_text = "60 s", .min = 1,
    .description = "How long the command line waits for an answer."}};
constinit const ConfigOption<std::vector<std::string>> kIoTmpDirs{{
    .key = "io.tmp.dirs", .older_keys = {"taskmanager.tmp.dirs"}, .kind = OptionKind::kStringList,
    .default_text = "/tmp", .reader = OptionReader::kDaemons, .description = "Directories for temporary files, separated by comma, pipe or colon."}};
constinit const ConfigOption<std::optional<std::string>> kEnvLogDir{{
    .key = "env.log.dir", .kind = OptionKind::kString,
    .reader = OptionReader::kDaemons, .description = "Directory of log files; the console only when not set."}};
constinit const ConfigOption<LogLevel> kEnvLogLevel{{
    .key = "env.log.level", .kind = OptionKind::kEnum, .default_text = "INFO",
    .names = {{{"DEBUG", 0}, {"INFO", 1}, {"WARN", 2}, {"ERROR", 3}}}, .description = "DEBUG, INFO, WARN or ERROR."}};
constinit const ConfigOption<int64_t> kEnvLogMax{{
    .key = "env.log.max", .kind = OptionKind::kInt, .default_text = "10", .min = 1, .max = 10000,
    .reader = OptionReader::kDaemons, .description = "Old log files that are kept."}};
constinit const ConfigOption<MemorySize> kEnvLogSizeMax{{
    .key = "env.log.size-max", .kind = OptionKind::kMemorySize, .default_text = "64mb", .min = 1024,
    .reader = OptionReader::kDaemons, .description = "A log file of this size is closed and a new one begun."}};
constinit const ConfigOption<std::string> kEnvPidDir{{
    .key = "env.pid.dir", .kind = OptionKind::kString, .default_text = "/tmp",
    .reader = OptionReader::kScripts, .description = "Directory of files that name the running processes."}};
constinit const ConfigOption<std::string> kEnvSshOpts{{
    .key = "env.ssh.opts", .kind = OptionKind::kString, .default_text = "",
    .reader = OptionReader::kScripts,
    .description = "Options, separated by blanks, for the ssh with which start-cluster.sh and stop-cluster.sh reach other hosts."}};
constinit const ConfigOption<PortRange> kMetricsReporterPromPort{{
    .key = "metrics.reporter.prom.port", .kind = OptionKind::kPortRange, .default_text = "9249-9260",
    .reader = OptionReader::kDaemons,
    .description = "Port or range on which a process shows its metrics to Prometheus; the first free one is taken, 0 = any. Without a free "
                   "one it warns and runs without."}};

namespace {

constexpr const OptionInfo* kAll[] = {
    &kJobManagerRpcAddress.info, &kJobManagerRpcPort.info, &kJobManagerBindHost.info,
    &kJobManagerArtifactDirectory.info, &kJobManagerArtifactSizeMax.info, &kJobManagerArtifactStoreSizeMax.info, &kTaskManagerHost.info,
    &kTaskManagerBindHost.info, &kTaskManagerDataPort.info, &kTaskManagerNumberOfTaskSlots.info,
    &kTaskManagerResourceId.info, &kTaskManagerMemoryProcessSize.info, &kTaskManagerMemoryManagedFraction.info, &kTaskManagerSlotThreading.info,
    &kTaskManagerNetworkBatchRowsMax.info, &kTaskManagerNetworkBatchBytesMax.info,
    &kTaskManagerNetworkCreditsPerChannel.info, &kTaskManagerNetworkHandshakeTimeout.info,
    &kTaskManagerNetworkHandshakesMax.info, &kTaskManagerArtifactCacheSizeMax.info,
    &kTaskManagerArtifactDownloadTimeout.info, &kClusterRegistrationInitialTimeout.info,
    &kClusterRegistrationMaxTimeout.info, &kSlotRequestTimeout.info, &kWorkerStartTimeout.info,
    &kWorkerShutdownTimeout.info, &kParallelismDefault.info, &kPipelineMaxParallelism.info,
    &kExecutionBufferTimeoutInterval.info, &kPipelineAutoWatermarkInterval.info, &kStateBackendType.info,
    &kStateBackendRocksDbMemoryObjectCacheRatio.info,
    &kStateBackendRocksDbMemoryWriteBufferRatio.info,
    &kStateBackendRocksDbMemoryHighPrioPoolRatio.info,
    &kStateBackendRocksDbMemoryPartitionedIndexFilters.info,
    &kStateBackendRocksDbThreadNum.info,
    &kStateBackendRocksDbFilesOpen.info,
    &kStateBackendRocksDbWriteBufferSize.info,
    &kStateBackendRocksDbWriteBufferCount.info,
    &kStateBackendRocksDbWriteBufferNumberToMerge.info,
    &kStateBackendRocksDbBlockBlockSize.info,
    &kStateBackendRocksDbUseBloomFilter.info,
    &kStateBackendRocksDbBloomFilterBitsPerKey.info,
    &kStateBackendRocksDbCompactionLevelTargetFileSizeBase.info,
    &kStateBackendRocksDbCompactionLevelMaxSizeLevelBase.info,
    &kStateBackendRocksDbCompactionLevelUseDynamicSize.info,
    &kStateBackendRocksDbCompressionPerLevel.info,
    &kStateBackendRocksDbWriteBatchSize.info,
    &kExecutionCheckpointingInterval.info,
    &kExecutionCheckpointingTimeout.info, &kExecutionCheckpointingMinPause.info,
    &kExecutionCheckpointingTolerableFailedCheckpoints.info, &kExecutionCheckpointingNumRetained.info,
    &kExecutionCheckpointingDir.info, &kExecutionCheckpointingSavepointDir.info, &kExecutionCheckpointingDataInlineThreshold.info,
    &kExecutionCheckpointingStorage.info, &kExecutionCheckpointingJobManagerStorageSizeMax.info,
    &kExecutionCheckpointingIncremental.info, &kStateBackendIncrementalDeltaSizeMax.info, &kExecutionStateRecoveryPath.info,
    &kExecutionStateRecoveryIgnoreUnclaimedState.info, &kExecutionStateRecoveryClaimMode.info, &kRestartStrategyType.info,
    &kRestartStrategyFixedDelayAttempts.info, &kRestartStrategyFixedDelayDelay.info,
    &kRestartStrategyExponentialDelayInitialBackoff.info, &kRestartStrategyExponentialDelayMaxBackoff.info,
    &kRestartStrategyExponentialDelayBackoffMultiplier.info,
    &kRestartStrategyExponentialDelayResetBackoffThreshold.info, &kRestartStrategyExponentialDelayJitterFactor.info,
    &kRestartStrategyExponentialDelayAttemptsBeforeResetBackoff.info, &kHeartbeatInterval.info, &kHeartbeatTimeout.info,
    &kTaskCancellationTimeout.info, &kTaskWatchdogInterval.info, &kClientTimeout.info, &kIoTmpDirs.info,
    &kEnvLogDir.info, &kEnvLogLevel.info, &kEnvLogMax.info, &kEnvLogSizeMax.info, &kEnvPidDir.info,
    &kEnvSshOpts.info, &kMetricsReporterPromPort.info,
};

}  // namespace

std::span<const OptionInfo* const> All() { return kAll; }

}  // namespace weir::options
