#include "benchmarks/driver/bench.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/status_macros.h"
#include "benchmarks/driver/machine.h"
#include "benchmarks/driver/metric_reader.h"

namespace weir::bench {
namespace {

using std::chrono::minutes;

constexpr auto kRunTimeout = minutes(40);
constexpr uint64_t kFirstEvents = 4'000'000;  // Of the run that finds out how fast a workload is.
constexpr double kFirstSeconds = 1;
constexpr uint64_t kRounding = 1'000'000;

uint64_t RoundUp(double events) { return static_cast<uint64_t>(std::ceil(events / kRounding)) * kRounding; }

std::string Describe(const Digest& digest) {
  char text[64];
  std::snprintf(text, sizeof(text), "%llu %016llx", static_cast<unsigned long long>(digest.rows), static_cast<unsigned long long>(digest.sum));
  return text;
}

double Rate(const RunResult& run) { return static_cast<double>(run.measured_events) / run.seconds; }

}  // namespace

Status AddRun(Figure& figure, const RunResult& run, const Digest& expected) {
  if (run.digest != expected) {
    return Corruption("wrong result: rows and checksum are " + Describe(run.digest) + ", the hand-written loop has " + Describe(expected) +
                      ", workload=" + figure.workload);
  }
  figure.digest = run.digest;
  figure.checksum_ok = true;
  figure.events = run.measured_events;
  figure.events_per_s.push_back(Rate(run));
  if (run.cpu_seconds > 0) figure.events_per_cpu_s.push_back(static_cast<double>(run.measured_events) / run.cpu_seconds);
  figure.rss_bytes = std::max(figure.rss_bytes, run.rss_bytes);
  return Status::Ok();
}

void AddLoopRun(Figure& figure, const RunResult& loop) {
  figure.loop_events_per_s.push_back(Rate(loop));
  if (loop.cpu_seconds > 0) figure.loop_events_per_cpu_s.push_back(static_cast<double>(loop.measured_events) / loop.cpu_seconds);
}

const std::string& Bench::BackendOf(const Workload& workload) const { return workload.backend.empty() ? options_.backend : workload.backend; }

Figure Bench::NewFigure(const Workload& workload) const {
  Figure figure;
  figure.workload = workload.name;
  figure.backend = BackendOf(workload);
  figure.parallelism = ParallelismOf(workload);
  figure.seed = options_.seed;
  return figure;
}

void Bench::NoteRejected(const Figure& figure, double foreign_cpu) const {
  std::fprintf(stderr, "%s: a run is rejected, others took %.0f %% of a core\n", figure.workload.c_str(), foreign_cpu * 100);
}

void Bench::NoteForeign(Figure& figure, double foreign_cpu, bool quiet) const {
  figure.foreign_cpu = std::max(figure.foreign_cpu, foreign_cpu);
  figure.disturbed |= !quiet;
}

StatusOr<scenarios::Cluster*> Bench::ClusterFor(const Workload& workload, std::map<std::string, std::string> properties) {
  properties.try_emplace("state.backend.type", BackendOf(workload));
  BenchClusterOptions form{.parallelism = ParallelismOf(workload), .one_worker = workload.one_worker, .properties = std::move(properties)};
  if (cluster_ != nullptr && form == cluster_form_) return cluster_.get();
  RETURN_IF_ERROR(Stop());
  ASSIGN_OR_RETURN(cluster_, StartBenchCluster(form));
  cluster_form_ = std::move(form);
  return cluster_.get();
}

Status Bench::Stop() {
  if (cluster_ == nullptr) return Status::Ok();
  const std::unique_ptr<scenarios::Cluster> cluster = std::move(cluster_);
  return cluster->Stop();
}

std::vector<std::string> Bench::JobCommand(const Workload& workload, const RunSize& size, const std::string& output,
                                           const std::vector<std::string>& more) const {
  std::vector<std::string> command = {"-p",
                                      std::to_string(ParallelismOf(workload)),
                                      BenchJobPath(workload.job),
                                      "--output",
                                      output,
                                      "--events",
                                      std::to_string(size.total),
                                      "--warm-up",
                                      std::to_string(size.warm_up),
                                      "--seed",
                                      std::to_string(options_.seed)};
  command.insert(command.end(), workload.job_arguments.begin(), workload.job_arguments.end());
  if (workload.events_per_second > 0) command.insert(command.end(), {"--events-per-second", std::to_string(workload.events_per_second)});
  const std::vector<std::string> fill = FillArguments(workload);
  command.insert(command.end(), fill.begin(), fill.end());
  if (workload.name == "wc-text" && !options_.text_path.empty()) command.insert(command.end(), {"--text", options_.text_path});
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

StatusOr<MeasuredRun> Bench::RunJob(scenarios::Cluster& cluster, const Workload& workload, const RunSize& size, const std::vector<std::string>& more) const {
  const std::string output = cluster.NewDirectory("run");
  const CpuSample before = CpuSample::Take();
  ASSIGN_OR_RETURN(const scenarios::CommandResult command, cluster.Command("run", JobCommand(workload, size, output, more), kRunTimeout));
  const CpuSample after = CpuSample::Take();
  if (!command.ok()) return FailedPrecondition("the job of " + workload.name + " failed: " + command.output + command.error);
  ASSIGN_OR_RETURN(const RunResult result, ReadRun(output));
  return MeasuredRun{result, output, ForeignCpu(before, after)};
}

StatusOr<LoopRun> Bench::RunHandLoop(const Workload& workload, const RunSize& size, const std::vector<std::string>& more) const {
  scenarios::ProcessOptions process;
  process.command = {scenarios::ProgramPath("bench-loop")};
  process.command.insert(process.command.end(), workload.loop_arguments.begin(), workload.loop_arguments.end());
  process.command.insert(process.command.end(), {"--events", std::to_string(size.total), "--warm-up", std::to_string(size.warm_up), "--seed",
                                                 std::to_string(options_.seed), "--workers", std::to_string(std::min(ParallelismOf(workload), CpuCount()))});
  const std::vector<std::string> fill = FillArguments(workload);
  process.command.insert(process.command.end(), fill.begin(), fill.end());
  if (workload.name == "wc-text" && !options_.text_path.empty()) process.command.insert(process.command.end(), {"--text", options_.text_path});
  process.command.insert(process.command.end(), more.begin(), more.end());
  const CpuSample before = CpuSample::Take();
  ASSIGN_OR_RETURN(const std::unique_ptr<scenarios::Process> loop, scenarios::Process::Start(process));
  ASSIGN_OR_RETURN(const int end, loop->WaitForExit(kRunTimeout));
  const CpuSample after = CpuSample::Take();
  const nlohmann::json shown = nlohmann::json::parse(loop->output(), nullptr, /*allow_exceptions=*/false);
  if (end != 0 || !shown.is_object()) return FailedPrecondition("the hand-written loop of " + workload.name + " failed: " + loop->output() + loop->error());
  LoopRun run;
  run.result.digest = {shown.at("rows"), std::stoull(shown.at("checksum").get<std::string>(), nullptr, 16)};
  run.result.measured_events = shown.at("measured_events");
  run.result.seconds = shown.at("seconds");
  run.result.cpu_seconds = shown.at("cpu_seconds");
  run.foreign_cpu = ForeignCpu(before, after);
  run.json = shown.dump();
  return run;
}

uint64_t Bench::FilledKeys(const Workload& workload) const {
  constexpr uint64_t kSmokeShare = 200;
  return options_.smoke ? workload.filled_keys / kSmokeShare : workload.filled_keys;
}

std::vector<std::string> Bench::FillArguments(const Workload& workload) const {
  const uint64_t keys = FilledKeys(workload);
  if (keys == 0) return {};
  std::vector<std::string> arguments = {"--keys", std::to_string(keys), "--fill", std::to_string(keys)};
  if (workload.dirty_share < 1) {
    arguments.insert(arguments.end(), {"--dirty-keys", std::to_string(static_cast<uint64_t>(static_cast<double>(keys) * workload.dirty_share))});
  }
  return arguments;
}

StatusOr<RunSize> Bench::SizeOf(scenarios::Cluster& cluster, const Workload& workload) const {
  if (options_.smoke) return RunSize{options_.events.value_or(workload.smoke_events), options_.events.value_or(workload.smoke_events) / 10};
  if (options_.events.has_value()) return RunSize{*options_.events, 0};
  // The first run is short, its start and end count too much: the next is longer, and so on.
  RunSize size{kFirstEvents, 0};
  double rate = 0;
  for (const double seconds : {kFirstSeconds, options_.warm_up_s, 0.0}) {
    ASSIGN_OR_RETURN(const MeasuredRun run, RunJob(cluster, workload, size));
    rate = std::max(rate, Rate(run.result));
    if (seconds == 0.0) break;
    size.total = RoundUp(rate * seconds);
  }
  return RunSize{RoundUp(rate * (options_.warm_up_in_run_s + options_.measure_s)), static_cast<uint64_t>(rate * options_.warm_up_in_run_s)};
}

StatusOr<Bench::PeerRuns> Bench::StartPeer(const Workload& workload, Figure& figure) {
  PeerRuns runs;
  if (!options_.with_flink || workload.peer_job.empty()) return runs;
  constexpr uint64_t kSeedOfHarness = 1;
  if (options_.seed != kSeedOfHarness || ParallelismOf(workload) != workload.parallelism) {
    figure.notes.push_back("No peer: its harness knows seed 1 and parallelism 2 only.");
    return runs;
  }
  ASSIGN_OR_RETURN(runs.peer, FlinkPeer::Start(options_.peers_directory));
  figure.peer = "flink";
  // As for Weir: a short run says how long the warm-up must be, that one how many events fill the time.
  runs.events = kFirstEvents;
  for (const double seconds : {options_.warm_up_s + options_.warm_up_in_run_s, options_.measure_s}) {
    ASSIGN_OR_RETURN(const PeerRun run, runs.peer->Run(workload.peer_job, runs.events));
    runs.events = RoundUp(Rate(run.result) * seconds);
  }
  ASSIGN_OR_RETURN(const LoopRun loop, RunHandLoop(workload, {runs.events, 0}));
  runs.expected = loop.result.digest;
  return runs;
}

Status Bench::AddPeerRun(PeerRuns& runs, const Workload& workload, Figure& figure) {
  if (runs.peer == nullptr) return Status::Ok();
  ASSIGN_OR_RETURN(const PeerRun run, Undisturbed(figure, [&] { return runs.peer->Run(workload.peer_job, runs.events); }));
  if (run.result.digest != runs.expected) return Corruption("wrong result of the peer, expected " + Describe(runs.expected) + ": " + run.line);
  figure.peer_events_per_s.push_back(Rate(run.result));
  if (run.result.cpu_seconds > 0) figure.peer_events_per_cpu_s.push_back(static_cast<double>(run.result.measured_events) / run.result.cpu_seconds);
  return Status::Ok();
}

StatusOr<Figure> Bench::MeasureThroughput(const Workload& workload) {
  Figure figure = NewFigure(workload);
  ASSIGN_OR_RETURN(scenarios::Cluster* const cluster, ClusterFor(workload));
  ASSIGN_OR_RETURN(const RunSize size, SizeOf(*cluster, workload));
  ASSIGN_OR_RETURN(PeerRuns peer, StartPeer(workload, figure));
  std::vector<double> rows_per_call;
  for (uint32_t i = 0; i < options_.runs; ++i) {
    std::unique_ptr<BatchCountReader> reader;
    if (workload.job == "bench_two_stage") {
      std::vector<std::string> lines;
      for (uint32_t tm = 0; tm < cluster->task_manager_count(); ++tm) lines.push_back(cluster->task_manager_output(tm));
      reader = std::make_unique<BatchCountReader>(lines, std::vector<std::string>{"running_count", "group_sum"});
    }
    ASSIGN_OR_RETURN(const MeasuredRun run, Undisturbed(figure, [&] { return RunJob(*cluster, workload, size); }));
    if (reader != nullptr && reader->last().calls > 0) rows_per_call.push_back(reader->last().rows / reader->last().calls);
    ASSIGN_OR_RETURN(const LoopRun loop, Undisturbed(figure, [&] { return RunHandLoop(workload, size); }));
    RETURN_IF_ERROR(AddRun(figure, run.result, loop.result.digest));
    AddLoopRun(figure, loop.result);
    RETURN_IF_ERROR(AddPeerRun(peer, workload, figure));
  }
  if (!rows_per_call.empty()) figure.extra.emplace_back("rows_per_call", Spread::Of(rows_per_call).median);
  return figure;
}

StatusOr<Figure> Bench::MeasureChain(const Workload& workload) {
  Figure figure = NewFigure(workload);
  ASSIGN_OR_RETURN(scenarios::Cluster* const cluster, ClusterFor(workload));
  ASSIGN_OR_RETURN(const RunSize size, SizeOf(*cluster, workload));
  const std::vector<std::string> kWithout = {"--maps", "0"};
  constexpr double kMaps = 5;
  std::vector<double> ns_per_map;
  std::vector<double> loop_ns_per_map;
  const auto ns_per_event = [](const RunResult& run) { return run.seconds * 1e9 / static_cast<double>(run.measured_events); };
  for (uint32_t i = 0; i < options_.runs; ++i) {
    ASSIGN_OR_RETURN(const MeasuredRun with, Undisturbed(figure, [&] { return RunJob(*cluster, workload, size); }));
    ASSIGN_OR_RETURN(const MeasuredRun without, Undisturbed(figure, [&] { return RunJob(*cluster, workload, size, kWithout); }));
    ASSIGN_OR_RETURN(const LoopRun loop, Undisturbed(figure, [&] { return RunHandLoop(workload, size); }));
    ASSIGN_OR_RETURN(const LoopRun loop_without, Undisturbed(figure, [&] { return RunHandLoop(workload, size, kWithout); }));
    if (without.result.digest != loop_without.result.digest) return Corruption("wrong result of the chain without maps");
    RETURN_IF_ERROR(AddRun(figure, with.result, loop.result.digest));
    AddLoopRun(figure, loop.result);
    ns_per_map.push_back((ns_per_event(with.result) - ns_per_event(without.result)) / kMaps);
    loop_ns_per_map.push_back((ns_per_event(loop.result) - ns_per_event(loop_without.result)) / kMaps);
  }
  figure.extra.emplace_back("ns_per_record_and_map", Spread::Of(ns_per_map).median);
  figure.extra.emplace_back("loop_ns_per_record_and_map", Spread::Of(loop_ns_per_map).median);
  return figure;
}

StatusOr<Figure> Bench::Measure(const Workload& workload) {
  switch (workload.kind) {
    case WorkloadKind::kThroughput:
      return MeasureThroughput(workload);
    case WorkloadKind::kChain:
      return MeasureChain(workload);
    case WorkloadKind::kLatency:
      return MeasureLatency(workload);
    case WorkloadKind::kCheckpoint:
      return MeasureCheckpoint(workload);
    case WorkloadKind::kCheckpointOverhead:
      return MeasureCheckpointOverhead(workload);
    case WorkloadKind::kRecovery:
      return MeasureRecovery(workload);
    case WorkloadKind::kStateAccess:
      return MeasureStateAccess(workload);
    case WorkloadKind::kSoak:
      return MeasureSoak(workload);
  }
  return InvalidArgument("workload cannot be measured: " + workload.name);
}

}  // namespace weir::bench
