// CKPT: how long checkpoints of large state take, how long records stop for them, and what they cost in throughput.
#include <algorithm>

#include "base/status_macros.h"
#include "benchmarks/driver/bench.h"
#include "benchmarks/driver/job_watch.h"
#include "benchmarks/driver/timeline.h"

namespace weir::bench {
namespace {

constexpr double kIntervalsMeasured = 3.5;
constexpr uint32_t kSmokeIntervalMs = 100;
constexpr double kEntryBytes = 16;  // Key and sum.

// Numbers of all checkpoints of all runs.
struct CheckpointNumbers {
  std::vector<double> duration_ms;  // As the JobManager says: from the trigger to the publication.
  std::vector<double> span_ms;      // From the barrier at the first sink to the commit at the last.
  std::vector<double> bytes;
  std::vector<double> stop_ms;       // Longest stop of a task from barrier to commit.
  std::vector<double> lowest_share;  // Of the throughput outside: lowest second that the checkpoint touches.
  std::vector<double> mean_share;    // ... mean from barrier to commit.
  double stop_outside_ms = 0;
};

double Millis(int64_t nanos) { return static_cast<double>(nanos) * 1e-6; }

void AddSpread(Figure& figure, const std::string& name, const std::vector<double>& values) {
  if (values.empty()) return;
  const Spread spread = Spread::Of(values);
  figure.extra.emplace_back(name, spread.median);
  figure.extra.emplace_back(name + "_min", spread.min);
  figure.extra.emplace_back(name + "_max", spread.max);
}

// Checkpoints that lie between the start of what is measured and the end of the records.
void Collect(const RunResult& run, const std::vector<TaskProgress>& tasks, const WatchedRun& watched, CheckpointNumbers& numbers) {
  const Timeline timeline(tasks);
  std::vector<std::pair<int64_t, int64_t>> quiet;  // Between checkpoints.
  int64_t quiet_from_ns = run.begin_ns;
  std::vector<CheckpointSpan> inside;
  for (const auto& [id, span] : run.checkpoints) {
    if (span.barrier_ns >= run.begin_ns && span.committed_ns <= timeline.end_ns()) {
      inside.push_back(span);
      numbers.span_ms.push_back(Millis(span.committed_ns - span.barrier_ns));
      numbers.stop_ms.push_back(Millis(timeline.LongestStopNs(span.barrier_ns, span.committed_ns)));
      if (const auto shown = watched.checkpoints.find(id); shown != watched.checkpoints.end()) {
        numbers.duration_ms.push_back(static_cast<double>(shown->second.duration_ms));
        numbers.bytes.push_back(static_cast<double>(shown->second.size_bytes));
      }
    }
    if (span.barrier_ns > quiet_from_ns) quiet.emplace_back(quiet_from_ns, std::min(span.barrier_ns, timeline.end_ns()));
    quiet_from_ns = std::max(quiet_from_ns, span.committed_ns);
  }
  double quiet_rows = 0;
  double quiet_s = 0;
  for (const auto& [from_ns, to_ns] : quiet) {
    if (to_ns <= from_ns) continue;
    const double seconds = static_cast<double>(to_ns - from_ns) * 1e-9;
    quiet_rows += timeline.MeanRate(from_ns, to_ns) * seconds;
    quiet_s += seconds;
    numbers.stop_outside_ms = std::max(numbers.stop_outside_ms, Millis(timeline.LongestStopNs(from_ns, to_ns)));
  }
  if (quiet_rows <= 0) return;
  const double quiet_rate = quiet_rows / quiet_s;
  for (const CheckpointSpan& span : inside) {
    numbers.lowest_share.push_back(timeline.LowestSecond(span.barrier_ns, span.committed_ns, run.begin_ns) / quiet_rate);
    numbers.mean_share.push_back(timeline.MeanRate(span.barrier_ns, span.committed_ns) / quiet_rate);
  }
}

void Show(const CheckpointNumbers& numbers, double full_bytes, Figure& figure) {
  figure.extra.emplace_back("checkpoints", static_cast<int64_t>(numbers.span_ms.size()));
  AddSpread(figure, "checkpoint_ms", numbers.duration_ms);
  AddSpread(figure, "barrier_to_commit_ms", numbers.span_ms);
  AddSpread(figure, "longest_stop_ms", numbers.stop_ms);
  figure.extra.emplace_back("longest_stop_outside_ms", numbers.stop_outside_ms);
  AddSpread(figure, "lowest_second_share", numbers.lowest_share);
  AddSpread(figure, "mean_share_during", numbers.mean_share);
  if (numbers.bytes.empty()) return;
  const double bytes = Spread::Of(numbers.bytes).median;
  figure.extra.emplace_back("checkpoint_bytes", static_cast<int64_t>(bytes));
  figure.extra.emplace_back("bytes_share", bytes / full_bytes);
}

// Rate of the records alone: what comes behind the last one is the end of the job.
double RecordRate(const RunResult& run, const std::vector<TaskProgress>& tasks) {
  int64_t last_ns = 0;
  for (const TaskProgress& task : tasks) last_ns = std::max(last_ns, task.last_ns);
  return static_cast<double>(run.measured_events) * 1e9 / static_cast<double>(std::max<int64_t>(1, last_ns - run.begin_ns));
}

std::vector<std::string> Interval(uint32_t interval_ms) { return {"--checkpoint-interval-ms", std::to_string(interval_ms)}; }

// Uniform keys: after five updates per key 99.3 % of them have changed. A slow machine needs longer for that.
uint32_t IntervalFor(const Workload& workload, double rate) {
  constexpr double kUpdatesPerKey = 5;
  constexpr double kIntervalMaxMs = 120'000;
  const double dirty_keys = static_cast<double>(workload.filled_keys) * workload.dirty_share;
  return static_cast<uint32_t>(std::clamp(kUpdatesPerKey * dirty_keys / rate * 1e3, static_cast<double>(workload.checkpoint_interval_ms), kIntervalMaxMs));
}

StatusOr<WatchedRun> WatchCheckpoints(const Bench& bench, scenarios::Cluster& cluster, const Workload& workload, const RunSize& size, uint32_t interval_ms) {
  const std::string output = cluster.NewDirectory("run");
  StatusOr<WatchedRun> watched =
      WatchJob(cluster, bench.JobCommand(workload, size, output, Interval(interval_ms)), [](const std::string&, const JobShown&) { return Status::Ok(); });
  if (watched.ok()) watched->output = output;
  return watched;
}

}  // namespace

StatusOr<double> Bench::RateBehindFill(scenarios::Cluster& cluster, const Workload& workload, const std::vector<std::string>& more) const {
  constexpr double kSmokeRate = 1e6;
  constexpr uint64_t kFirstEvents = 40'000'000;
  if (options_.smoke) return kSmokeRate;
  const uint64_t fill = FilledKeys(workload);
  ASSIGN_OR_RETURN(const MeasuredRun run, RunJob(cluster, workload, {fill + kFirstEvents, fill}, more));
  return RecordRate(run.result, ReadProgress(run.output));
}

RunSize Bench::SizeBehindFill(const Workload& workload, double rate, double seconds) const {
  const uint64_t fill = FilledKeys(workload);
  if (options_.smoke) return {fill + workload.smoke_events, fill};
  return {fill + options_.events.value_or(static_cast<uint64_t>(rate * seconds)), fill};
}

StatusOr<Figure> Bench::MeasureCheckpoint(const Workload& workload) {
  Figure figure = NewFigure(workload);
  ASSIGN_OR_RETURN(scenarios::Cluster* const cluster, ClusterFor(workload));
  ASSIGN_OR_RETURN(const double rate, RateBehindFill(*cluster, workload, Interval(workload.checkpoint_interval_ms)));
  const uint32_t interval_ms = options_.smoke ? kSmokeIntervalMs : IntervalFor(workload, rate);
  const RunSize size = SizeBehindFill(workload, rate, kIntervalsMeasured * interval_ms * 1e-3);
  CheckpointNumbers numbers;
  for (uint32_t i = 0; i < LongRuns(); ++i) {
    ASSIGN_OR_RETURN(const WatchedRun watched, Undisturbed(figure, [&] { return WatchCheckpoints(*this, *cluster, workload, size, interval_ms); }));
    ASSIGN_OR_RETURN(const RunResult run, ReadRun(watched.output));
    const std::vector<TaskProgress> tasks = ReadProgress(watched.output);
    if (tasks.empty()) return Corruption("the job noted no progress");
    ASSIGN_OR_RETURN(const LoopRun loop, Undisturbed(figure, [&] { return RunHandLoop(workload, size); }));
    RETURN_IF_ERROR(AddRun(figure, run, loop.result.digest));
    AddLoopRun(figure, loop.result);
    Collect(run, tasks, watched, numbers);
  }
  figure.extra.emplace_back("interval_ms", static_cast<int64_t>(interval_ms));
  Show(numbers, static_cast<double>(FilledKeys(workload)) * kEntryBytes, figure);
  if (workload.dirty_share < 1 && !numbers.bytes.empty() && Spread::Of(numbers.bytes).median > static_cast<double>(FilledKeys(workload)) * kEntryBytes / 2) {
    figure.notes.push_back("Every checkpoint is a full one: the engine took no incremental ones.");
  }
  return figure;
}

StatusOr<Figure> Bench::MeasureCheckpointOverhead(const Workload& workload) {
  Figure figure = NewFigure(workload);
  ASSIGN_OR_RETURN(scenarios::Cluster* const cluster, ClusterFor(workload));
  ASSIGN_OR_RETURN(const double rate, RateBehindFill(*cluster, workload, {}));
  const RunSize size = SizeBehindFill(workload, rate, options_.measure_s);
  std::vector<double> with;
  std::vector<double> without;
  for (uint32_t i = 0; i < options_.runs; ++i) {
    ASSIGN_OR_RETURN(const MeasuredRun on, Undisturbed(figure, [&] { return RunJob(*cluster, workload, size, Interval(workload.checkpoint_interval_ms)); }));
    ASSIGN_OR_RETURN(const MeasuredRun off, Undisturbed(figure, [&] { return RunJob(*cluster, workload, size, Interval(0)); }));
    ASSIGN_OR_RETURN(const LoopRun loop, Undisturbed(figure, [&] { return RunHandLoop(workload, size); }));
    if (off.result.digest != loop.result.digest) return Corruption("wrong result without checkpoints, workload=" + workload.name);
    RETURN_IF_ERROR(AddRun(figure, on.result, loop.result.digest));
    AddLoopRun(figure, loop.result);
    with.push_back(RecordRate(on.result, ReadProgress(on.output)));
    without.push_back(RecordRate(off.result, ReadProgress(off.output)));
  }
  // Without the end of the job, which is a checkpoint in both cases.
  figure.extra.emplace_back("with_checkpoints_per_s", Spread::Of(with).median);
  figure.extra.emplace_back("without_checkpoints_per_s", Spread::Of(without).median);
  figure.extra.emplace_back("cost_share", 1 - Spread::Of(with).median / Spread::Of(without).median);
  return figure;
}

}  // namespace weir::bench
