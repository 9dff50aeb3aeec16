// bench-state: one kind of access to keyed state in a bare loop, beside the same work on bare structures. One line of JSON.
#include <CLI/CLI.hpp>

#include <cstdio>

#include "benchmarks/state/access.h"

int main(int argc, char** argv) {
  weir::bench::AccessOptions options;
  CLI::App app("Accesses to keyed state, in ns, beside a bare structure");
  app.add_option("kind", options.kind, "value, list, map-put or map-get")->required()->check(CLI::IsMember({"value", "list", "map-put", "map-get"}));
  app.add_option("--keys", options.keys)->check(CLI::Range(uint64_t{1}, uint64_t{1} << 32));
  app.add_option("--accesses", options.accesses, "Of each round")->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "Alternating; the medians count")->check(CLI::Range(1, 1000));
  app.add_option("--seed", options.seed);
  CLI11_PARSE(app, argc, argv);
  const weir::bench::AccessResult result = weir::bench::MeasureAccess(options);
  std::printf("{\"kind\":\"%s\",\"keys\":%llu,\"accesses\":%llu,\"ns\":%.3f,\"bare_ns\":%.3f,\"right\":%s}\n", options.kind.c_str(),
              static_cast<unsigned long long>(options.keys), static_cast<unsigned long long>(options.accesses), result.ns, result.bare_ns,
              result.right ? "true" : "false");
  return result.right ? 0 : 1;
}
