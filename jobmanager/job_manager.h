// The JobManager as one object: everything behind its ports, for the daemon and for the mini cluster.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <weir/core/status.h>

#include "base/config.h"

namespace weir {

// Start, then Stop once. Thread-compatible.
class JobManager {
 public:
  // Binds the ports and claims an epoch. kUnavailable names the address that is taken.
  static StatusOr<std::unique_ptr<JobManager>> Start(const Configuration& configuration);
  ~JobManager();  // CHECKs Stop.

  // Refuses new calls, closes the sessions and waits for what is under way.
  void Stop();

  uint16_t rpc_port() const;
  std::string rpc_address() const;      // host:port
  std::string metrics_address() const;  // host:port; empty when no port was free.

 private:
  struct State;
  explicit JobManager(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir
