// weir-bench: measures workloads on a cluster of real daemons beside hand-written loops, see benchmarks/README.md.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>

#include "benchmarks/driver/bench.h"
#include "benchmarks/driver/machine.h"

namespace {

using weir::bench::AllWorkloads;
using weir::bench::Workload;

struct Arguments {
  weir::bench::BenchOptions bench;
  std::vector<std::string> workloads;
  std::string json_path;
  bool full = false;
  bool list = false;
};

// The rules of measurement to the letter: a long warm-up in the process itself.
void ApplyFull(weir::bench::BenchOptions& options) {
  options.warm_up_in_run_s = 60;
  options.measure_s = 20;
}

void ApplySmoke(weir::bench::BenchOptions& options) {
  options.runs = 1;
  options.foreign_cpu_max = 1e9;
}

// Those that were named, in the order of the table; all when none was. Nothing when a name is unknown.
std::vector<Workload> Chosen(const std::vector<std::string>& names, bool smoke) {
  std::vector<Workload> chosen;
  for (const std::string& name : names) {
    if (weir::bench::FindWorkload(name) == nullptr) {
      std::fprintf(stderr, "weir-bench: no such workload: %s; --list shows them\n", name.c_str());
      return {};
    }
  }
  for (const Workload& workload : AllWorkloads()) {
    if ((names.empty() && (smoke || !workload.on_request)) || std::find(names.begin(), names.end(), workload.name) != names.end()) chosen.push_back(workload);
  }
  return chosen;
}

void ListWorkloads() {
  for (const Workload& workload : AllWorkloads()) std::printf("%-16s P=%u  %s\n", workload.name.c_str(), workload.parallelism, workload.about.c_str());
}

bool WriteFigures(const std::vector<weir::bench::Figure>& figures, const std::string& path) {
  if (path.empty()) return true;
  const weir::Status written = weir::bench::WriteJson(figures, path);
  if (!written.ok()) std::fprintf(stderr, "weir-bench: %s\n", written.ToString().c_str());
  return written.ok();
}

int Run(const Arguments& arguments) {
  const std::vector<Workload> chosen = Chosen(arguments.workloads, arguments.bench.smoke);
  if (chosen.empty()) return 2;
  weir::bench::Bench bench(arguments.bench);
  std::vector<weir::bench::Figure> figures;
  int failures = 0;
  for (const Workload& workload : chosen) {
    std::fprintf(stderr, "%s: %s\n", workload.name.c_str(), workload.about.c_str());
    weir::StatusOr<weir::bench::Figure> figure = bench.Measure(workload);
    if (figure.ok()) {
      if (arguments.bench.smoke) {
        std::printf("%s: right\n", workload.name.c_str());
      } else {
        weir::bench::PrintTable({*figure});
      }
      figures.push_back(std::move(*figure));
      // At once: a long run that is broken off has shown something.
      if (!WriteFigures(figures, arguments.json_path)) ++failures;
    } else {
      ++failures;
      std::fprintf(stderr, "weir-bench: %s: %s\n", workload.name.c_str(), figure.status().ToString().c_str());
    }
  }
  if (const weir::Status stopped = bench.Stop(); !stopped.ok()) {
    ++failures;
    std::fprintf(stderr, "weir-bench: %s\n", stopped.ToString().c_str());
  }
  if (figures.size() > 1 && !arguments.bench.smoke) {
    std::printf("\nAll, exactly-once with a checkpoint every second unless a workload says otherwise, %u CPUs, seed %llu:\n", weir::bench::CpuCount(),
                static_cast<unsigned long long>(arguments.bench.seed));
    weir::bench::PrintTable(figures);
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  weir::bench::BenchOptions& bench = arguments.bench;
  CLI::App app("Measures Weir beside hand-written loops; a wrong result is a failed run");
  app.add_option("workload", arguments.workloads, "Workloads, default all but soak");
  app.add_flag("--list", arguments.list, "Shows the workloads");
  app.add_option("--json", arguments.json_path, "Writes a list of objects, one for each row of the table");
  app.add_option("--seed", bench.seed, "Of the generators")->check(CLI::PositiveNumber);
  app.add_option("--events", bench.events, "Events of each run, instead of as many as fill the time")->check(CLI::PositiveNumber);
  app.add_option("--backend", bench.backend, "State backend of workloads that do not name one: hashmap, rocksdb")->check(CLI::IsMember({"hashmap", "rocksdb"}));
  app.add_option("--parallelism", bench.parallelism)->check(CLI::Range(1, 64));
  app.add_option("--retries", bench.retries_max, "Repetitions of a run that others disturbed");
  app.add_option("--text", bench.text_path, "wc-text: a file whose words are counted, over and over");
  app.add_option("--runs", bench.runs, "Runs that count, alternating with the loop")->check(CLI::Range(1, 1000));
  app.add_option("--measure-seconds", bench.measure_s)->check(CLI::PositiveNumber);
  app.add_option("--soak-minutes", bench.soak_minutes, "soak: how long at the rate that it begins with")->check(CLI::PositiveNumber);
  app.add_option("--foreign-cpu-max", bench.foreign_cpu_max, "Share of a core that others may take before a run is repeated");
  std::string peer;
  app.add_option("--peer", peer, "Another engine on the same work, alternating: flink")->check(CLI::IsMember({"flink"}));
  app.add_option("--peers", bench.peers_directory, "Directory of its harness (default: $WEIR_PEERS, or shared/peers beside the repository)");
  app.add_flag("--full", arguments.full, "60 s of warm-up in each run, 20 s measured");
  app.add_flag("--smoke", bench.smoke, "Small and once: only the results count");
  CLI11_PARSE(app, argc, argv);
  if (arguments.list) return ListWorkloads(), 0;
  bench.with_flink = peer == "flink";
  if (bench.peers_directory.empty()) {
    const char* const peers = std::getenv("WEIR_PEERS");
    bench.peers_directory = peers != nullptr ? peers : WEIR_BENCH_SOURCES "/../../shared/peers";
  }
  if (arguments.full) ApplyFull(bench);
  if (bench.smoke) ApplySmoke(bench);
  return Run(arguments);
}
