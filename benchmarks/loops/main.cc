// bench-loop: runs one hand-written loop and prints what it found as a line of JSON.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "benchmarks/loops/loop.h"
#include "benchmarks/workload/clock.h"

int main(int argc, char** argv) {
  weir::bench::LoopOptions options;
  CLI::App app("The hand-written loops of Weir's benchmarks");
  app.add_option("workload", options.workload, "wc, text, q0, q1, q2, gen, two-stage, chain, running, jitter")->required();
  app.add_option("--events", options.events);
  app.add_option("--warm-up", options.warm_up, "Events before this number are not timed");
  app.add_option("--workers", options.workers, "Threads, each on a CPU of its own")->check(CLI::Range(1, 64));
  bool memory = false;
  app.add_flag("--memory", memory, "Hand over batches in memory, not over TCP (wc)");
  app.add_option("--seed", options.keyed.seed);
  app.add_option("--keys", options.keyed.keys);
  app.add_flag("--skewed", options.keyed.skewed);
  app.add_option("--fill", options.keyed.fill_until, "Records before this number have it as their key");
  app.add_option("--dirty-keys", options.keyed.dirty_keys, "Behind the fill, keys are below this");
  app.add_option("--maps", options.maps, "chain: 5, or 0 for none")->check(CLI::IsMember({0, 5}));
  app.add_option("--text", options.text_path);
  app.add_option("--events-per-second", options.events_per_second, "jitter");
  CLI11_PARSE(app, argc, argv);
  if (memory) options.link = weir::bench::LinkKind::kMemory;

  const weir::bench::LoopResult result = weir::bench::RunLoop(options);
  char checksum[17];
  std::snprintf(checksum, sizeof(checksum), "%016llx", static_cast<unsigned long long>(result.digest.sum));
  nlohmann::json shown = {{"rows", result.digest.rows},
                          {"checksum", checksum},
                          {"measured_events", result.measured_events},
                          {"seconds", result.seconds},
                          {"cpu_seconds", result.cpu_seconds},
                          {"rss_bytes", weir::bench::PeakRssBytes()}};
  if (result.latency.total() != 0) {
    for (const auto& [name, quantile] : {std::pair{"p50_ns", 0.5}, {"p99_ns", 0.99}, {"p999_ns", 0.999}, {"p9999_ns", 0.9999}}) {
      shown[name] = result.latency.Quantile(quantile);
    }
    shown["max_ns"] = result.latency.max();
  }
  std::puts(shown.dump().c_str());
  return 0;
}
