// One measurement of the suite after another: runs a workload's job and its loop alternately and compares their results.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/driver/bench_cluster.h"
#include "benchmarks/driver/figure.h"
#include "benchmarks/driver/flink_peer.h"
#include "benchmarks/driver/run_files.h"
#include "benchmarks/driver/workload.h"
#include "tests/scenarios/cluster.h"

namespace weir::bench {

struct BenchOptions {
  uint64_t seed = 1;
  std::optional<uint64_t> events;  // Measured events of a run; else as many as fill `measure_s`.
  std::optional<uint32_t> parallelism;
  std::string backend = "hashmap";
  std::string text_path;  // wc-text; empty: a generated text.
  uint32_t runs = 5;
  double warm_up_s = 10;        // A whole run before those that count.
  double warm_up_in_run_s = 1;  // At the beginning of each run that counts.
  double measure_s = 10;
  double soak_minutes = 30;
  double foreign_cpu_max = 0.05;  // Of a core; a run with more is repeated.
  uint32_t retries_max = 2;       // Of one run; then it counts and is called disturbed.
  bool smoke = false;             // Small, once, results only.
  bool with_flink = false;        // Apache Flink beside Weir, where the harness has the workload.
  std::string peers_directory;    // Where the harness is.
};

// Where a run's numbers come from besides its result.
struct MeasuredRun {
  RunResult result;
  std::string output;  // The directory with what the job wrote.
  double foreign_cpu = 0;
};

struct LoopRun {
  RunResult result;
  double foreign_cpu = 0;
  std::string json;  // The loop's line, for what only some loops say.
};

// Events of a run: `total` in all, those from `warm_up` on are measured.
struct RunSize {
  uint64_t total = 0;
  uint64_t warm_up = 0;
};

// Thread: the main one, which starts the processes.
class Bench final {
 public:
  explicit Bench(const BenchOptions& options) : options_(options) {}

  // kInvalidArgument when the workload cannot be run with these options; kCorruption for a wrong result.
  StatusOr<Figure> Measure(const Workload& workload);
  // Ends the cluster of the last workload; tells what it left behind.
  Status Stop();

  const BenchOptions& options() const { return options_; }

  // ---- Used by the measurements ----
  uint32_t ParallelismOf(const Workload& workload) const { return options_.parallelism.value_or(workload.parallelism); }
  // The cluster of the workload before when it has the same form, else a new one.
  StatusOr<scenarios::Cluster*> ClusterFor(const Workload& workload, std::map<std::string, std::string> properties = {});
  // The workload's job with `more` arguments, to its end.
  StatusOr<MeasuredRun> RunJob(scenarios::Cluster& cluster, const Workload& workload, const RunSize& size, const std::vector<std::string>& more = {}) const;
  // What stands behind `weir run`: parallelism, library and arguments.
  std::vector<std::string> JobCommand(const Workload& workload, const RunSize& size, const std::string& output,
                                      const std::vector<std::string>& more = {}) const;
  StatusOr<LoopRun> RunHandLoop(const Workload& workload, const RunSize& size, const std::vector<std::string>& more = {}) const;
  // Keys of the state that is there before what is measured.
  uint64_t FilledKeys(const Workload& workload) const;
  // What job and loop are told of their keys beside the workload's own arguments.
  std::vector<std::string> FillArguments(const Workload& workload) const;
  // Few runs of a workload that yields many numbers in each.
  uint32_t LongRuns() const { return options_.smoke ? 1 : (options_.runs + 2) / 3; }
  // By some runs, the longest of which warms the machine up.
  StatusOr<RunSize> SizeOf(scenarios::Cluster& cluster, const Workload& workload) const;
  // Repeats `run` while others take more of the machine than allowed; notes in `figure` what they took.
  template <class Run>
  auto Undisturbed(Figure& figure, Run run) const -> decltype(run()) {
    for (uint32_t tried = 0;; ++tried) {
      auto done = run();
      if (!done.ok()) return done;
      const bool quiet = done->foreign_cpu <= options_.foreign_cpu_max;
      if (!quiet && tried < options_.retries_max && !options_.smoke) {
        NoteRejected(figure, done->foreign_cpu);
        continue;
      }
      NoteForeign(figure, done->foreign_cpu, quiet);
      return done;
    }
  }
  const std::string& BackendOf(const Workload& workload) const;
  Figure NewFigure(const Workload& workload) const;
  // Events per second of a workload behind the fill of its state, by a run that is the warm-up, too; `more` are arguments of the job.
  StatusOr<double> RateBehindFill(scenarios::Cluster& cluster, const Workload& workload, const std::vector<std::string>& more) const;
  // So many seconds at that rate behind the fill, or what the options say.
  RunSize SizeBehindFill(const Workload& workload, double rate, double seconds) const;

 private:
  static constexpr uint64_t kAccesses = 8'000'000;  // Of a round of state-access.

  StatusOr<Figure> MeasureThroughput(const Workload& workload);
  StatusOr<Figure> MeasureChain(const Workload& workload);
  StatusOr<Figure> MeasureLatency(const Workload& workload);
  StatusOr<Figure> MeasureCheckpoint(const Workload& workload);
  StatusOr<Figure> MeasureCheckpointOverhead(const Workload& workload);
  StatusOr<Figure> MeasureRecovery(const Workload& workload);
  StatusOr<Figure> MeasureStateAccess(const Workload& workload);
  StatusOr<Figure> MeasureSoak(const Workload& workload);
  // What a run of the peer needs; a fresh cluster for each workload, so that its compiler sees one job only.
  struct PeerRuns {
    std::unique_ptr<FlinkPeer> peer;  // Null: none for this workload.
    uint64_t events = 0;
    Digest expected;
  };
  StatusOr<PeerRuns> StartPeer(const Workload& workload, Figure& figure);
  Status AddPeerRun(PeerRuns& runs, const Workload& workload, Figure& figure);
  void NoteRejected(const Figure& figure, double foreign_cpu) const;
  void NoteForeign(Figure& figure, double foreign_cpu, bool quiet) const;

  const BenchOptions options_;
  BenchClusterOptions cluster_form_;
  std::unique_ptr<scenarios::Cluster> cluster_;
};

// Takes over a run that counts: rates, memory and result, which must be `expected` and that of the runs before.
Status AddRun(Figure& figure, const RunResult& run, const Digest& expected);
void AddLoopRun(Figure& figure, const RunResult& loop);

}  // namespace weir::bench
