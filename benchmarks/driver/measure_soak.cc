// SOAK: a long run at full speed with a kill -9 of a worker every minute; its result, and what grows meanwhile.
#include <signal.h>

#include <random>

#include "base/status_macros.h"
#include "benchmarks/driver/bench.h"
#include "benchmarks/driver/job_watch.h"
#include "benchmarks/driver/resource_watch.h"
#include "benchmarks/workload/clock.h"

namespace weir::bench {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr double kSmokeEventsPerSecond = 20'000;

struct Times {
  int64_t kill_ns = 60 * kSecondNs;
  int64_t sample_ns = 10 * kSecondNs;
};

}  // namespace

StatusOr<Figure> Bench::MeasureSoak(const Workload& workload) {
  Figure figure = NewFigure(workload);
  ASSIGN_OR_RETURN(scenarios::Cluster* const cluster, ClusterFor(workload));
  Times times;
  RunSize size{workload.smoke_events, 0};
  std::vector<std::string> more;
  if (options_.smoke) {
    times = {3 * kSecondNs, kSecondNs};
    more = {"--events-per-second", std::to_string(kSmokeEventsPerSecond)};
  } else {
    ASSIGN_OR_RETURN(const MeasuredRun first, RunJob(*cluster, workload, {40'000'000, 10'000'000}));
    const double rate = static_cast<double>(first.result.measured_events) / first.result.seconds;
    size.total = options_.events.value_or(static_cast<uint64_t>(rate * options_.soak_minutes * 60));
  }
  std::mt19937_64 random(options_.seed);
  ResourceWatch resources(*cluster);
  const int64_t began_ns = MonotonicNanos();
  int64_t next_kill_ns = began_ns + times.kill_ns;
  int64_t next_sample_ns = began_ns + times.sample_ns;
  int64_t kills = 0;
  const auto disturb = [&](const std::string&, const JobShown& job) {
    const int64_t now_ns = MonotonicNanos();
    if (now_ns >= next_sample_ns) {
      next_sample_ns += times.sample_ns;
      resources.Sample();
    }
    if (now_ns < next_kill_ns || job.state != "RUNNING") return Status::Ok();
    const std::vector<pid_t> workers = cluster->Workers();
    if (workers.empty()) return Status::Ok();
    next_kill_ns += times.kill_ns;
    ++kills;
    // One that ends just now is as good as killed.
    static_cast<void>(::kill(workers[random() % workers.size()], SIGKILL));
    return Status::Ok();
  };
  const std::string output = cluster->NewDirectory("run");
  const auto limit = std::chrono::seconds(static_cast<int64_t>(options_.soak_minutes * 60) * 2 + 600);
  ASSIGN_OR_RETURN(const WatchedRun watched, WatchJob(*cluster, JobCommand(workload, size, output, more), disturb, limit));
  const double seconds = static_cast<double>(MonotonicNanos() - began_ns) * 1e-9;
  NoteForeign(figure, watched.foreign_cpu, watched.foreign_cpu <= options_.foreign_cpu_max);
  ASSIGN_OR_RETURN(const LoopRun loop, RunHandLoop(workload, size));
  ASSIGN_OR_RETURN(RunResult run, ReadRun(output));
  // The whole run counts, with its recoveries; the job's own notes are of its last attempt.
  run.measured_events = size.total;
  run.seconds = seconds;
  run.cpu_seconds = 0;
  RETURN_IF_ERROR(AddRun(figure, run, loop.result.digest));
  figure.extra.emplace_back("minutes", seconds / 60);
  figure.extra.emplace_back("kills", kills);
  figure.extra.emplace_back("checkpoints", static_cast<int64_t>(watched.checkpoints.empty() ? 0 : watched.checkpoints.rbegin()->first));
  for (const ResourceWatch::Growth& growth : resources.Growths()) {
    figure.extra.emplace_back(growth.what + "_early", growth.early);
    figure.extra.emplace_back(growth.what + "_late", growth.late);
    figure.extra.emplace_back(growth.what + "_max", growth.greatest);
  }
  if (kills == 0) return FailedPrecondition("the job ended before a worker was killed");
  RETURN_IF_ERROR(resources.CheckBounded());
  return figure;
}

}  // namespace weir::bench
