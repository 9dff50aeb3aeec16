// state-access: keyed state in a bare loop beside bare structures; bench-state does both, one kind of access at a time.
#include <nlohmann/json.hpp>

#include "base/status_macros.h"
#include "benchmarks/driver/bench.h"
#include "benchmarks/driver/machine.h"
#include "tests/scenarios/process.h"

namespace weir::bench {
namespace {

constexpr auto kTimeout = std::chrono::minutes(20);

struct AccessRun {
  double foreign_cpu = 0;
  nlohmann::json shown;
};

}  // namespace

StatusOr<Figure> Bench::MeasureStateAccess(const Workload& workload) {
  Figure figure = NewFigure(workload);
  scenarios::ProcessOptions process;
  process.command = {scenarios::ProgramPath("bench-state")};
  process.command.insert(process.command.end(), workload.loop_arguments.begin(), workload.loop_arguments.end());
  if (options_.smoke) process.command.back() = "1000";  // The number of keys.
  const uint64_t accesses = options_.events.value_or(options_.smoke ? workload.smoke_events : kAccesses);
  process.command.insert(process.command.end(), {"--accesses", std::to_string(accesses), "--rounds", std::to_string(options_.runs), "--seed",
                                                 std::to_string(options_.seed)});
  const auto run = [&]() -> StatusOr<AccessRun> {
    const CpuSample before = CpuSample::Take();
    ASSIGN_OR_RETURN(const std::unique_ptr<scenarios::Process> started, scenarios::Process::Start(process));
    ASSIGN_OR_RETURN(const int end, started->WaitForExit(kTimeout));
    AccessRun done{ForeignCpu(before, CpuSample::Take()), nlohmann::json::parse(started->output(), nullptr, /*allow_exceptions=*/false)};
    if (!done.shown.is_object()) return FailedPrecondition("bench-state failed, exit status " + std::to_string(end) + ": " + started->error());
    return done;
  };
  ASSIGN_OR_RETURN(const AccessRun done, Undisturbed(figure, run));
  if (!done.shown.at("right").get<bool>()) return Corruption("wrong result: keyed state and the bare structure differ, " + done.shown.dump());
  figure.checksum_ok = true;
  figure.events = accesses;
  const double ns = done.shown.at("ns");
  const double bare_ns = done.shown.at("bare_ns");
  figure.extra.emplace_back("access", done.shown.at("kind").get<std::string>());
  figure.extra.emplace_back("keys", done.shown.at("keys").get<int64_t>());
  figure.extra.emplace_back("ns_per_access", ns);
  figure.extra.emplace_back("bare_ns_per_access", bare_ns);
  figure.extra.emplace_back("times_bare", ns / bare_ns);
  return figure;
}

}  // namespace weir::bench
