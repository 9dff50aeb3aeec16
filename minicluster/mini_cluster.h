// A whole cluster in this process: JobManager, one TaskManager, workers as threads. For `weir run --local`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/status.h>

namespace weir {

// Start, then Stop once. Its files are in a temporary directory that goes with it.
class MiniCluster {
 public:
  struct Options {
    uint32_t slots = 1;
    std::vector<std::string> dynamic_properties;  // "key=value"; ports and directories are the mini cluster's.
  };
  static StatusOr<std::unique_ptr<MiniCluster>> Start(const Options& options);
  ~MiniCluster();  // CHECKs Stop.

  std::string address() const;  // host:port of its JobManager.
  void Stop();

 private:
  struct State;
  explicit MiniCluster(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir
