// weir-sim --seeds N --seed S [--mutant NAME] [--verbose]
//
// Runs seeds S .. S+N-1. Without a mutant any broken promise is a failure; the failing seed is printed first and replays with
// `--seeds 1 --seed <it> --verbose`. With a mutant success means that some seed caught it.
#include <charconv>
#include <cstdio>
#include <string_view>
#include <thread>

#include "tests/sim/sim_world.h"

namespace weir::sim {
namespace {

struct Arguments {
  uint64_t seed_count = 1'000;
  uint64_t first_seed = 1;
  std::string mutant;
  bool verbose = false;
};

std::optional<Mutations> MutationsOf(const std::string& name) {
  Mutations mutations;
  if (name == "commit-before-publication") {
    mutations.commit_before_publication = true;
  } else if (name == "acknowledge-before-durable") {
    mutations.acknowledge_before_durable = true;
  } else if (name == "accept-older-attempt") {
    mutations.accept_older_attempt = true;
  } else if (name == "end-without-final-checkpoint") {
    mutations.end_without_final_checkpoint = true;
  } else if (name == "commit-on-savepoint") {
    mutations.commit_on_savepoint = true;
  } else if (name == "forget-stop") {
    mutations.forget_stop = true;
  } else if (!name.empty()) {
    return std::nullopt;
  }
  return mutations;
}

struct Totals {
  std::optional<uint64_t> broken_seed;
  std::string violation;
  uint64_t steps = 0;
  uint64_t published = 0;
  uint64_t leaders = 0;
  uint64_t faults = 0;
  uint64_t savepoints = 0;
  uint64_t stops = 0;
};

// Every second seed of the range, from `offset` on; stops at the first broken promise.
Totals RunSeeds(const Arguments& arguments, const Mutations& mutations, uint64_t offset, uint64_t stride) {
  Totals totals;
  for (uint64_t i = offset; i < arguments.seed_count && !totals.broken_seed.has_value(); i += stride) {
    const uint64_t seed = arguments.first_seed + i;
    const SimResult result = SimWorld(seed, mutations, arguments.verbose).Run();
    totals.steps += result.steps;
    totals.published += result.published;
    totals.leaders += result.leaders;
    totals.faults += result.faults;
    totals.savepoints += result.savepoints;
    totals.stops += result.stops;
    if (!result.violation.has_value()) continue;
    totals.broken_seed = seed;
    totals.violation = *result.violation;
  }
  return totals;
}

int Run(const Arguments& arguments) {
  const std::optional<Mutations> mutations = MutationsOf(arguments.mutant);
  if (!mutations.has_value()) {
    std::printf("unknown mutant %s\n", arguments.mutant.c_str());
    return 2;
  }
  Totals first;
  Totals second;
  if (arguments.seed_count == 1) {
    first = RunSeeds(arguments, *mutations, 0, 1);
  } else {
    std::thread other([&] { second = RunSeeds(arguments, *mutations, 1, 2); });
    first = RunSeeds(arguments, *mutations, 0, 2);
    other.join();
  }
  for (const Totals* totals : {&first, &second}) {
    if (!totals->broken_seed.has_value()) continue;
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(*totals->broken_seed), totals->violation.c_str());
  }
  std::printf("steps=%llu published=%llu leaders=%llu faults=%llu savepoints=%llu stops=%llu\n", static_cast<unsigned long long>(first.steps + second.steps),
              static_cast<unsigned long long>(first.published + second.published), static_cast<unsigned long long>(first.leaders + second.leaders),
              static_cast<unsigned long long>(first.faults + second.faults), static_cast<unsigned long long>(first.savepoints + second.savepoints),
              static_cast<unsigned long long>(first.stops + second.stops));
  const bool broken = first.broken_seed.has_value() || second.broken_seed.has_value();
  if (arguments.mutant.empty()) return broken ? 1 : 0;
  std::printf("mutant %s: %s\n", arguments.mutant.c_str(), broken ? "caught" : "NOT CAUGHT");
  return broken ? 0 : 1;
}

bool ParseNumber(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace
}  // namespace weir::sim

int main(int argument_count, char** argument_values) {
  weir::sim::Arguments arguments;
  bool valid = true;
  for (int i = 1; i < argument_count && valid; ++i) {
    const std::string_view name = argument_values[i];
    if (name == "--verbose") {
      arguments.verbose = true;
      continue;
    }
    const std::string_view value = ++i < argument_count ? argument_values[i] : "";
    if (name == "--seeds") {
      valid = weir::sim::ParseNumber(value, arguments.seed_count) && arguments.seed_count > 0;
    } else if (name == "--seed") {
      valid = weir::sim::ParseNumber(value, arguments.first_seed);
    } else if (name == "--mutant") {
      arguments.mutant = value;
    } else {
      valid = false;
    }
  }
  if (!valid) {
    std::printf("usage: weir-sim [--seeds N] [--seed S] [--mutant NAME] [--verbose]\n");
    return 2;
  }
  return weir::sim::Run(arguments);
}
