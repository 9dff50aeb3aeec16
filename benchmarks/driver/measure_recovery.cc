// REC: kill -9 of one worker; how long until rows come out again, and until the schedule is caught up with.
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "base/status_macros.h"
#include "benchmarks/driver/bench.h"
#include "benchmarks/driver/job_watch.h"
#include "benchmarks/workload/clock.h"

namespace weir::bench {
namespace {

constexpr double kSecondsBehindFill = 30;  // Room for the first full checkpoint, the failure and catching up.
// The checkpoint that runs while the fill ends may have begun before; the one behind it holds all of the state.
constexpr uint64_t kCheckpointsBehindFill = 2;

struct Recovery {
  std::optional<uint64_t> latest_at_fill;  // Checkpoint.
  int64_t killed_ns = 0;
  uint64_t checkpoint_bytes = 0;  // Of the last checkpoint before.
  int64_t checkpoint_ms = 0;
};

// Every split has come to what is measured.
bool FillHasEnded(const std::string& output, uint32_t splits) {
  for (uint32_t i = 0; i < splits; ++i) {
    if (!std::filesystem::exists(output + "/start-" + std::to_string(i))) return false;
  }
  return true;
}

// Those behind the failure, "<what>-<attempt>-<subtask>": of the first and the last subtask.
std::pair<int64_t, int64_t> TimesAfter(int64_t killed_ns, const std::map<std::string, int64_t>& beats, const std::string& what) {
  int64_t first_ns = std::numeric_limits<int64_t>::max();
  int64_t last_ns = 0;
  for (const auto& [name, at_ns] : beats) {
    if (!name.starts_with(what + "-") || at_ns <= killed_ns) continue;
    first_ns = std::min(first_ns, at_ns);
    last_ns = std::max(last_ns, at_ns);
  }
  return {first_ns, last_ns};
}

}  // namespace

StatusOr<Figure> Bench::MeasureRecovery(const Workload& workload) {
  Figure figure = NewFigure(workload);
  ASSIGN_OR_RETURN(scenarios::Cluster* const cluster, ClusterFor(workload));
  const uint64_t fill = FilledKeys(workload);
  const uint64_t behind =
      options_.smoke ? workload.smoke_events : options_.events.value_or(static_cast<uint64_t>(workload.events_per_second * kSecondsBehindFill));
  const RunSize size{fill + behind, fill};
  ASSIGN_OR_RETURN(const LoopRun loop, RunHandLoop(workload, size));
  std::vector<double> first_output_ms;
  std::vector<double> all_output_ms;
  std::vector<double> caught_up_ms;
  std::vector<double> checkpoint_ms;
  for (uint32_t i = 0; i < options_.runs; ++i) {
    const std::string output = cluster->NewDirectory("run");
    Recovery recovery;
    const auto kill_once = [&](const std::string&, const JobShown& job) {
      if (recovery.killed_ns != 0) return Status::Ok();
      if (!recovery.latest_at_fill.has_value() && FillHasEnded(output, figure.parallelism)) recovery.latest_at_fill = job.latest_checkpoint;
      if (job.latest_checkpoint < recovery.latest_at_fill.value_or(UINT64_MAX - kCheckpointsBehindFill) + kCheckpointsBehindFill) return Status::Ok();
      const std::vector<pid_t> workers = cluster->Workers(cluster->task_manager_count() - 1);
      if (workers.size() != 1) return FailedPrecondition("not one worker on a TaskManager but " + std::to_string(workers.size()));
      recovery.checkpoint_bytes = job.latest.size_bytes;
      recovery.checkpoint_ms = job.latest.duration_ms;
      recovery.killed_ns = MonotonicNanos();
      return ::kill(workers.front(), SIGKILL) == 0 ? Status::Ok() : Unavailable("the worker is gone already");
    };
    ASSIGN_OR_RETURN(const WatchedRun watched, WatchJob(*cluster, JobCommand(workload, size, output, {"--schedule-from", std::to_string(fill)}), kill_once));
    NoteForeign(figure, watched.foreign_cpu, watched.foreign_cpu <= options_.foreign_cpu_max);
    if (recovery.killed_ns == 0) return FailedPrecondition("the job ended before a checkpoint held all of its state, events=" + std::to_string(size.total));
    ASSIGN_OR_RETURN(const RunResult run, ReadRun(output));
    RETURN_IF_ERROR(AddRun(figure, run, loop.result.digest));
    const std::map<std::string, int64_t> beats = ReadBeats(output);
    const auto [first_ns, last_ns] = TimesAfter(recovery.killed_ns, beats, "beat");
    if (last_ns == 0) return Corruption("no output after the worker was killed");
    first_output_ms.push_back(static_cast<double>(first_ns - recovery.killed_ns) * 1e-6);
    all_output_ms.push_back(static_cast<double>(last_ns - recovery.killed_ns) * 1e-6);
    const int64_t caught_ns = TimesAfter(recovery.killed_ns, beats, "caught").second;
    if (caught_ns != 0) caught_up_ms.push_back(static_cast<double>(caught_ns - recovery.killed_ns) * 1e-6);
    checkpoint_ms.push_back(static_cast<double>(recovery.checkpoint_ms));
    figure.extra.clear();
    figure.extra.emplace_back("checkpoint_bytes", static_cast<int64_t>(recovery.checkpoint_bytes));
  }
  for (const auto& [name, values] : {std::pair{"first_output_ms", &first_output_ms}, {"all_output_ms", &all_output_ms}, {"caught_up_ms", &caught_up_ms}}) {
    if (values->empty()) continue;
    const Spread spread = Spread::Of(*values);
    figure.extra.emplace_back(name, spread.median);
    figure.extra.emplace_back(std::string(name) + "_min", spread.min);
    figure.extra.emplace_back(std::string(name) + "_max", spread.max);
  }
  figure.extra.emplace_back("checkpoint_ms", Spread::Of(checkpoint_ms).median);
  return figure;
}

}  // namespace weir::bench
