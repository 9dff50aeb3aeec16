// LAT: latency from the due time to the sink, merged over the runs, between two probes of the machine itself.
#include <nlohmann/json.hpp>

#include "base/status_macros.h"
#include "benchmarks/driver/bench.h"

namespace weir::bench {
namespace {

struct Percentile {
  const char* name;
  double quantile;
};
constexpr std::array<Percentile, 4> kPercentiles = {{{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}}};

double Millis(uint64_t nanos) { return static_cast<double>(nanos) * 1e-6; }

// What the probe says, as "jitter_before_p99_ms" and so on.
Status AddJitter(const Bench& bench, const Workload& workload, const RunSize& size, const std::string& when, Figure& figure) {
  Workload probe = workload;
  probe.loop_arguments = {"jitter", "--events-per-second", std::to_string(workload.events_per_second)};
  ASSIGN_OR_RETURN(const LoopRun run, bench.RunHandLoop(probe, {size.total - size.warm_up, 0}));
  const nlohmann::json shown = nlohmann::json::parse(run.json);
  for (const Percentile& percentile : kPercentiles) {
    const std::string name = percentile.name;
    figure.extra.emplace_back("jitter_" + when + "_" + name + "_ms", Millis(shown.value(name + "_ns", uint64_t{0})));
  }
  return Status::Ok();
}

// Medians over some runs, as "peer_p50_ms" and so on.
Status AddPeerLatency(FlinkPeer& peer, const Workload& workload, uint32_t runs, double skipped_s, double measured_s, Figure& figure) {
  constexpr std::array<const char*, 4> kNames = {"p50.0", "p99.0", "p99.9", "p99.99"};
  std::array<std::vector<double>, kNames.size()> values;
  for (uint32_t i = 0; i < runs; ++i) {
    const auto events = static_cast<uint64_t>(workload.events_per_second * (skipped_s + measured_s));
    ASSIGN_OR_RETURN(const std::string line, peer.RunLatency(workload.peer_job, events, skipped_s));
    for (size_t k = 0; k < kNames.size(); ++k) values[k].push_back(NumberIn(line, kNames[k]));
  }
  figure.peer = "flink";
  for (size_t k = 0; k < kNames.size(); ++k) figure.extra.emplace_back("peer_" + std::string(kPercentiles[k].name) + "_ms", Spread::Of(values[k]).median);
  return Status::Ok();
}

}  // namespace

StatusOr<Figure> Bench::MeasureLatency(const Workload& workload) {
  Figure figure = NewFigure(workload);
  ASSIGN_OR_RETURN(scenarios::Cluster* const cluster, ClusterFor(workload));
  RunSize size{options_.smoke ? workload.smoke_events : options_.events.value_or(0), 0};
  if (size.total == 0) {
    size.warm_up = static_cast<uint64_t>(workload.events_per_second * options_.warm_up_in_run_s);
    size.total = size.warm_up + static_cast<uint64_t>(workload.events_per_second * options_.measure_s);
    RETURN_IF_ERROR(RunJob(*cluster, workload, {static_cast<uint64_t>(workload.events_per_second * options_.warm_up_s), 0}).status());
  }
  RETURN_IF_ERROR(AddJitter(*this, workload, size, "before", figure));
  ASSIGN_OR_RETURN(const LoopRun loop, RunHandLoop(workload, size));
  DurationHistogram all;
  std::vector<double> p99_of_runs;
  for (uint32_t i = 0; i < options_.runs; ++i) {
    ASSIGN_OR_RETURN(const MeasuredRun run, Undisturbed(figure, [&] { return RunJob(*cluster, workload, size); }));
    RETURN_IF_ERROR(AddRun(figure, run.result, loop.result.digest));
    const DurationHistogram latency = ReadLatency(run.output);
    if (latency.total() != run.result.measured_events) {
      return Corruption("the histogram has " + std::to_string(latency.total()) + " records of " + std::to_string(run.result.measured_events));
    }
    all.Merge(latency);
    p99_of_runs.push_back(Millis(latency.Quantile(0.99)));
  }
  figure.extra.emplace_back("offered_per_s", workload.events_per_second);
  for (const Percentile& percentile : kPercentiles) figure.extra.emplace_back(std::string(percentile.name) + "_ms", Millis(all.Quantile(percentile.quantile)));
  figure.extra.emplace_back("max_ms", Millis(all.max()));
  figure.extra.emplace_back("p99_min_ms", Spread::Of(p99_of_runs).min);
  figure.extra.emplace_back("p99_max_ms", Spread::Of(p99_of_runs).max);
  RETURN_IF_ERROR(AddJitter(*this, workload, size, "after", figure));
  if (options_.with_flink && options_.seed == 1 && !options_.smoke) {
    ASSIGN_OR_RETURN(const std::unique_ptr<FlinkPeer> peer, FlinkPeer::Start(options_.peers_directory));
    RETURN_IF_ERROR(AddPeerLatency(*peer, workload, LongRuns(), options_.warm_up_s + options_.warm_up_in_run_s, options_.measure_s, figure));
  }
  return figure;
}

}  // namespace weir::bench
