// Apache Flink on the same work: a cluster of JVMs of its own, driven by benchmarks/peers/flink.sh.
#pragma once

#include <memory>
#include <string>

#include <weir/core/status.h>

#include "benchmarks/driver/run_files.h"

namespace weir::bench {

// The number behind ` name=` in a RESULT line; 0 when it is not there.
double NumberIn(const std::string& line, const std::string& name);

struct PeerRun {
  RunResult result;  // Without memory and checkpoints.
  double foreign_cpu = 0;
  std::string line;  // What the harness printed.
};

// Thread: the main one. The JVMs run from Start to the destructor; between runs they idle.
class FlinkPeer final {
 public:
  // `peers`: the directory that holds the harness as flink/. The first start on a machine fetches Flink.
  static StatusOr<std::unique_ptr<FlinkPeer>> Start(const std::string& peers);
  ~FlinkPeer();
  FlinkPeer(const FlinkPeer&) = delete;
  FlinkPeer& operator=(const FlinkPeer&) = delete;

  // `job` in the harness's form, "wc:k=1000"; events and checkpoints every second are added.
  StatusOr<PeerRun> Run(const std::string& job, uint64_t events);
  // A job that measures latency: its RESULT line, "... p50.0=0.6ms p99.9=...".
  StatusOr<std::string> RunLatency(const std::string& job, uint64_t events, double skipped_s);

 private:
  explicit FlinkPeer(std::string peers) : peers_(std::move(peers)) {}
  StatusOr<std::string> Script(const std::vector<std::string>& arguments) const;

  const std::string peers_;
};

}  // namespace weir::bench
