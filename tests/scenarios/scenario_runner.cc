// scenario_runner: runs scenarios on clusters of real daemons, in many combinations.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <random>

#include "tests/scenarios/scenario_run.h"

namespace weir::scenarios {
namespace {

constexpr char kHelp[] =
    "scenario_runner: whole jobs on clusters of real daemons.\n"
    "\n"
    "  --full               every combination; else a sample chosen by the seed\n"
    "  --seed N             of the sample and of the moments of disturbance; printed first\n"
    "  --only NAME          one scenario of tests/scenarios/files; with the next ones all its combinations that fit\n"
    "  --variant V  --parallelism N  --task-managers N  --batch-rows N  --disturb KIND\n"
    "  --backend rocksdb    the state backend, with room in memory for a few rows; else hashmap\n"
    "\n"
    "A combination that fails prints one line, with the options that run it again. Exit code 1 when one failed.\n";

struct Selection {
  bool full = false;
  uint64_t seed = std::random_device()();
  std::optional<std::string> only, variant, disturb;
  std::string backend = "hashmap";
  std::optional<uint32_t> parallelism, task_managers, batch_rows;
};

bool Parse(int argc, char** argv, Selection& selection) {
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--full") {
      selection.full = true;
      continue;
    }
    if (option == "-h" || option == "--help" || i + 1 == argc) return false;
    const std::string value = argv[++i];
    if (option == "--seed")
      selection.seed = std::strtoull(value.c_str(), nullptr, 10);
    else if (option == "--only")
      selection.only = value;
    else if (option == "--variant")
      selection.variant = value;
    else if (option == "--backend")
      selection.backend = value;
    else if (option == "--disturb")
      selection.disturb = value;
    else if (option == "--parallelism")
      selection.parallelism = std::atoi(value.c_str());
    else if (option == "--task-managers")
      selection.task_managers = std::atoi(value.c_str());
    else if (option == "--batch-rows")
      selection.batch_rows = std::atoi(value.c_str());
    else
      return false;
  }
  return true;
}

template <class T, class U>
bool Fits(const std::optional<T>& wanted, const U& value) {
  return !wanted.has_value() || *wanted == value;
}

// Every combination that the selection allows.
std::vector<Combination> Cross(const std::vector<Scenario>& scenarios, const Selection& selection) {
  std::vector<Combination> all;
  for (const Scenario& scenario : scenarios) {
    if (!Fits(selection.only, scenario.name)) continue;
    for (const std::string& variant : scenario.variants) {
      for (const Disturbance disturbance : scenario.disturbances) {
        if (!Fits(selection.variant, variant) || !Fits(selection.disturb, DisturbanceName(disturbance))) continue;
        for (const uint32_t parallelism : {1u, 2u, 4u}) {
          for (const uint32_t task_managers : {1u, 3u}) {
            for (const uint32_t batch_rows : {1u, 64u, 4096u}) {
              if (!Fits(selection.parallelism, parallelism) || !Fits(selection.task_managers, task_managers) || !Fits(selection.batch_rows, batch_rows))
                continue;
              all.push_back({&scenario, variant, parallelism, task_managers, batch_rows, disturbance});
            }
          }
        }
      }
    }
  }
  return all;
}

// Each scenario with each of its disturbances once, with a random rest.
std::vector<Combination> Sample(std::vector<Combination> all, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::shuffle(all.begin(), all.end(), random);
  std::vector<Combination> sample;
  for (const Combination& combination : all) {
    const bool known = std::ranges::any_of(
        sample, [&](const Combination& other) { return other.scenario == combination.scenario && other.disturbance == combination.disturbance; });
    if (!known) sample.push_back(combination);
  }
  return sample;
}

StatusOr<std::unique_ptr<Cluster>> StartCluster(const Combination& combination, const std::string& backend) {
  ClusterOptions options;
  options.task_managers = combination.task_managers;
  options.slots = combination.task_managers == 1 ? 4 : 2;
  options.properties = {
      {"taskmanager.network.batch-rows-max", std::to_string(combination.batch_rows)}, {"heartbeat.interval", "200 ms"}, {"heartbeat.timeout", "5 s"}};
  options.properties["state.backend.type"] = backend;
  if (backend == "rocksdb") options.properties["state.backend.rocksdb.memory.object-cache-ratio"] = "0.000001";
  return Cluster::Start(options);
}

int RunAll(std::vector<Combination> combinations, uint64_t seed, const std::string& backend) {
  // Clusters are costly: those that can share one come together.
  std::map<std::pair<uint32_t, uint32_t>, std::vector<Combination>> by_cluster;
  for (const Combination& combination : combinations) by_cluster[{combination.task_managers, combination.batch_rows}].push_back(combination);
  int run = 0;
  int failed = 0;
  const auto fail = [&](const Combination& combination, const Status& status) {
    ++failed;
    std::string reason = status.message();
    std::replace(reason.begin(), reason.end(), '\n', ' ');
    std::printf("FAILED, again with: scenario_runner --seed %llu --backend %s %s -- %s\n", static_cast<unsigned long long>(seed), backend.c_str(),
                combination.ToString().c_str(), reason.c_str());
    std::fflush(stdout);
  };
  for (const auto& [shape, members] : by_cluster) {
    std::unique_ptr<Cluster> cluster;
    for (const Combination& combination : members) {
      ++run;
      if (cluster == nullptr) {
        StatusOr<std::unique_ptr<Cluster>> started = StartCluster(combination, backend);
        if (!started.ok()) {
          fail(combination, started.status());
          continue;
        }
        cluster = std::move(*started);
      }
      const auto begin = std::chrono::steady_clock::now();
      const Status status = RunCombination(*cluster, combination, seed ^ std::hash<std::string>()(combination.ToString()));
      const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin).count();
      if (status.ok()) {
        std::printf("ok %6lld ms  %s\n", static_cast<long long>(took), combination.ToString().c_str());
        std::fflush(stdout);
        continue;
      }
      fail(combination, status);
      cluster.reset();  // Its state is unknown: the next one starts afresh.
    }
    if (cluster == nullptr) continue;
    if (const Status stopped = cluster->Stop(); !stopped.ok()) fail(members.back(), stopped.WithContext("end of the cluster"));
  }
  std::printf("%d combinations, %d failed\n", run, failed);
  return failed == 0 && run > 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  Selection selection;
  if (!Parse(argc, argv, selection)) return std::fputs(kHelp, stdout), 1;
  std::printf("seed %llu\n", static_cast<unsigned long long>(selection.seed));
  std::vector<Scenario> scenarios;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(WEIR_SCENARIO_FILES) + "/files")) {
    StatusOr<Scenario> scenario = Scenario::Read(entry.path().string());
    if (!scenario.ok()) return std::printf("%s\n", scenario.status().ToString().c_str()), 1;
    scenarios.push_back(std::move(*scenario));
  }
  std::ranges::sort(scenarios, {}, &Scenario::name);
  std::vector<Combination> combinations = Cross(scenarios, selection);
  if (!selection.full && !selection.only.has_value()) combinations = Sample(std::move(combinations), selection.seed);
  return RunAll(std::move(combinations), selection.seed, selection.backend);
}

}  // namespace
}  // namespace weir::scenarios

int main(int argc, char** argv) { return weir::scenarios::Main(argc, argv); }
