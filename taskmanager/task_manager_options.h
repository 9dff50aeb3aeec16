// What a TaskManager needs to know, resolved from the configuration.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include <weir/core/status.h>

#include "base/config.h"
#include "base/port_range.h"
#include "taskmanager/leader_link.h"
#include "taskmanager/rotating_file.h"
#include "taskmanager/worker_registry.h"

namespace weir::proto {
class WorkerSettings;
}

namespace weir {

struct TaskManagerOptions {
  std::optional<std::string> id;       // Unset: made of host, data port and random digits.
  std::string host;                    // Under which others reach this one; empty: AdvertisedHost().
  std::string bind_host = "localhost";
  uint16_t data_port = 0;
  int64_t handshake_timeout_ms = 5'000;
  uint32_t handshake_count_max = 256;
  uint32_t slots = 1;
  uint64_t memory_bytes = 0;
  std::string job_manager_address;     // host:port
  std::string temporary_directory;
  std::string log_directory;           // Empty: output of workers goes to the TaskManager's own.
  RotationLimits log_limits;
  uint64_t artifact_bytes_max = 1ull << 30;
  uint64_t artifact_cache_bytes_max = 4ull << 30;
  int64_t artifact_download_timeout_ms = 600'000;
  std::optional<PortRange> metrics_ports;  // Unset: no metrics endpoint.
  LeaderLink::Options leader;
  WorkerRegistry::Options workers;
  Configuration configuration;         // For the settings of workers.
  // The TaskManager cannot go on; called once, on any thread. It still has to be stopped.
  std::function<void(const Status&)> on_fatal;

  static TaskManagerOptions From(const Configuration& configuration);
};

// The settings of a job's worker: those of the job, shipped as `job_settings`, over the TaskManager's own. kInvalidArgument
// names the key.
StatusOr<proto::WorkerSettings> ResolveWorkerSettings(const Configuration& own, const std::map<std::string, std::string>& job_settings);

}  // namespace weir
