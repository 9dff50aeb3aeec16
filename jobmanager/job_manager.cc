#include "jobmanager/job_manager.h"

#include <grpcpp/server_builder.h>

#include "base/check.h"
#include "base/exposer.h"
#include "base/log.h"
#include "base/options.h"
#include "base/port_check.h"
#include "base/process_metrics.h"
#include "base/status_macros.h"
#include "jobmanager/client_service.h"
#include "jobmanager/dispatcher.h"
#include "jobmanager/leader_epoch.h"
#include "proto/message_socket.h"
#include "runtime/graph/state_backend_check.h"

namespace weir {
namespace {

RestartStrategyConfig RestartOf(const Configuration& configuration) {
  RestartStrategyConfig restart;
  switch (configuration.Get(options::kRestartStrategyType)) {
    case RestartStrategyType::kNone: restart.kind = RestartStrategyConfig::Kind::kNone; break;
    case RestartStrategyType::kFixedDelay: restart.kind = RestartStrategyConfig::Kind::kFixedDelay; break;
    case RestartStrategyType::kExponentialDelay: restart.kind = RestartStrategyConfig::Kind::kExponentialDelay; break;
  }
  restart.attempts_max = static_cast<uint32_t>(configuration.Get(options::kRestartStrategyFixedDelayAttempts));
  restart.delay_ms = configuration.Get(options::kRestartStrategyFixedDelayDelay).count();
  restart.initial_backoff_ms = configuration.Get(options::kRestartStrategyExponentialDelayInitialBackoff).count();
  restart.max_backoff_ms = configuration.Get(options::kRestartStrategyExponentialDelayMaxBackoff).count();
  restart.backoff_multiplier = configuration.Get(options::kRestartStrategyExponentialDelayBackoffMultiplier);
  restart.reset_backoff_threshold_ms = configuration.Get(options::kRestartStrategyExponentialDelayResetBackoffThreshold).count();
  restart.jitter_factor = configuration.Get(options::kRestartStrategyExponentialDelayJitterFactor);
  restart.exponential_attempts_max =
      static_cast<uint32_t>(std::min<int64_t>(UINT32_MAX, configuration.Get(options::kRestartStrategyExponentialDelayAttemptsBeforeResetBackoff)));
  return restart;
}

}  // namespace

struct JobManager::State {
  explicit State(const Configuration& config) : configuration(config) {}

  const Configuration configuration;
  SystemClock clock;
  std::unique_ptr<FileSystem> files = NewPosixFileSystem();
  MetricRegistry metrics;
  std::unique_ptr<MetricScope> process_metrics;
  EventLoop loop{"jobmanager"};
  ThreadPool io_pool{{"jobmanager-io", 4, 100'000}};
  std::unique_ptr<ArtifactStore> artifacts;
  std::unique_ptr<Exposer> exposer;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<SessionService> sessions;
  std::unique_ptr<ClientService> clients;
  std::unique_ptr<grpc::Server> server;
  std::string host;
  int rpc_port = 0;
  bool stopped = false;
};

JobManager::JobManager(std::unique_ptr<State> state) : state_(std::move(state)) {}

JobManager::~JobManager() { CHECK(state_->stopped); }

StatusOr<std::unique_ptr<JobManager>> JobManager::Start(const Configuration& configuration) {
  std::unique_ptr<JobManager> manager(new JobManager(std::make_unique<State>(configuration)));
  State& state = *manager->state_;
  const auto fail = [&manager](const Status& status) {
    manager->Stop();
    return status;
  };
  state.host = configuration.Get(options::kJobManagerRpcAddress);
  const std::string bind_host = configuration.Get(options::kJobManagerBindHost);
  const std::string checkpoints = configuration.Get(options::kExecutionCheckpointingDir);
  const StatusOr<LeaderEpoch> epoch = ClaimLeaderEpoch(*state.files, checkpoints);
  if (!epoch.ok()) return fail(epoch.status().WithContext("checkpoint storage " + checkpoints));
  ArtifactStoreOptions artifacts;
  artifacts.directory = configuration.Get(options::kJobManagerArtifactDirectory);
  artifacts.artifact_size_bytes_max = static_cast<uint64_t>(configuration.Get(options::kJobManagerArtifactSizeMax).bytes);
  artifacts.store_size_bytes_max = static_cast<uint64_t>(configuration.Get(options::kJobManagerArtifactStoreSizeMax).bytes);
  state.artifacts = std::make_unique<ArtifactStore>(*state.files, std::move(artifacts));
  StatusOr<std::unique_ptr<Exposer>> exposer =
      Exposer::Start({bind_host, configuration.Get(options::kMetricsReporterPromPort)}, [&metrics = state.metrics, host = state.host] {
        std::vector<MetricSample> samples = metrics.Snapshot();
        for (MetricSample& sample : samples) {
          sample.labels.emplace_back("host", host);
          std::sort(sample.labels.begin(), sample.labels.end());
        }
        return samples;
      });
  if (exposer.ok()) {
    state.exposer = std::move(*exposer);
  } else {  // Metrics are worth less than the process.
    LOG_WARN("Metrics are not shown: {}", exposer.status().ToString());
  }
  state.process_metrics = std::make_unique<MetricScope>(RegisterProcessMetrics(state.metrics, state.clock, "jobmanager", {}, 0));

  Dispatcher::Options dispatcher;
  dispatcher.epoch = *epoch;
  dispatcher.incarnation = IncarnationId::Random();
  dispatcher.metrics_address = manager->metrics_address();
  dispatcher.checkpoints_directory = checkpoints;
  dispatcher.savepoints_directory = configuration.Get(options::kExecutionCheckpointingSavepointDir).value_or("");
  dispatcher.heartbeat_interval_ms = configuration.Get(options::kHeartbeatInterval).count();
  dispatcher.heartbeat_timeout_ms = configuration.Get(options::kHeartbeatTimeout).count();
  dispatcher.job.scheduler.restart = RestartOf(configuration);
  const auto merge = [&own = state.configuration](const std::map<std::string, std::string>& job_settings) {
    std::vector<std::string> properties = own.AsDynamicProperties();
    for (const auto& [key, value] : job_settings) properties.push_back(key + "=" + value);
    return Configuration::Parse("", "", properties);
  };
  dispatcher.restart_of = [merge](const std::map<std::string, std::string>& job_settings) -> StatusOr<RestartStrategyConfig> {
    ASSIGN_OR_RETURN(const Configuration merged, merge(job_settings));
    return RestartOf(merged);
  };
  dispatcher.check_state = [merge](const JobGraph& graph, const std::map<std::string, std::string>& job_settings) -> Status {
    ASSIGN_OR_RETURN(const Configuration merged, merge(job_settings));
    return merged.Get(options::kStateBackendType) == StateBackendType::kRocksDb ? CheckForRocksDb(graph) : Status::Ok();
  };
  dispatcher.job.scheduler.cancellation_timeout_ms = configuration.Get(options::kTaskCancellationTimeout).count();
  dispatcher.job.scheduler.slot_request_timeout_ms = configuration.Get(options::kSlotRequestTimeout).count();
  state.dispatcher = std::make_unique<Dispatcher>(std::move(dispatcher), *state.files, *state.artifacts, state.io_pool, state.loop, state.clock, state.metrics);
  state.sessions = std::make_unique<SessionService>(*state.dispatcher, *state.artifacts);
  state.dispatcher->Attach(*state.sessions);
  state.clients = std::make_unique<ClientService>(*state.dispatcher, *state.artifacts, state.loop);

  grpc::ServerBuilder builder;
  const uint16_t port = static_cast<uint16_t>(configuration.Get(options::kJobManagerRpcPort));
  const std::string address = bind_host + ":" + std::to_string(port);
  if (const Status free = CheckPortFree(bind_host, port); !free.ok()) return fail(free.WithContext("jobmanager.rpc.port"));
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &state.rpc_port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMessageBytesMax));
  builder.RegisterService(state.sessions.get());
  builder.RegisterService(state.clients.get());
  state.server = builder.BuildAndStart();
  if (state.server == nullptr || state.rpc_port == 0) return fail(Unavailable("jobmanager.rpc.port: cannot listen on " + address));
  state.loop.Post([&dispatcher = *state.dispatcher] { dispatcher.Start(); });
  return manager;
}

void JobManager::Stop() {
  State& state = *state_;
  CHECK(!state.stopped);
  state.stopped = true;
  if (state.dispatcher != nullptr) state.loop.Post([&dispatcher = *state.dispatcher] { dispatcher.Stop(); });
  if (state.sessions != nullptr) state.sessions->CloseAll();
  if (state.server != nullptr) {
    state.server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
    state.server->Wait();
  }
  state.exposer.reset();
  state.loop.Stop();
  state.loop.Join();
  state.io_pool.Stop();
  state.io_pool.Join();
  state.dispatcher.reset();
}

uint16_t JobManager::rpc_port() const { return static_cast<uint16_t>(state_->rpc_port); }
std::string JobManager::rpc_address() const { return state_->host + ":" + std::to_string(state_->rpc_port); }
std::string JobManager::metrics_address() const { return state_->exposer == nullptr ? "" : state_->host + ":" + std::to_string(state_->exposer->port()); }

}  // namespace weir
