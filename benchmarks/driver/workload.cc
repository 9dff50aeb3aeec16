#include "benchmarks/driver/workload.h"

#include <algorithm>

namespace weir::bench {
namespace {

Workload WordCount(std::string name, std::string keys, std::string about) {
  return {.name = std::move(name),
          .job = "bench_keyed_count",
          .job_arguments = {"--keys", keys},
          .loop_arguments = {"wc", "--keys", keys},
          .peer_job = "wc:k=" + keys,
          .about = std::move(about)};
}

Workload Query(const std::string& name, std::string about) {
  return {.name = name, .job = "bench_nexmark", .job_arguments = {"--query", name}, .loop_arguments = {name}, .peer_job = name, .about = std::move(about)};
}

Workload TwoStage(uint32_t parallelism) {
  return {.name = "two-stage",
          .job = "bench_two_stage",
          .loop_arguments = {"two-stage"},
          .parallelism = parallelism,
          .one_worker = parallelism == 1,
          .about = "running count per key, sent on, then a sum per group of keys; parallelism " + std::to_string(parallelism)};
}

// The number of keys is the last argument.
Workload StateAccess(const std::string& kind, const std::string& keys) {
  return {.name = "state-access",
          .kind = WorkloadKind::kStateAccess,
          .loop_arguments = {kind, "--keys", keys},
          .parallelism = 1,
          .smoke_events = 100'000,
          .about = "keyed state in a bare loop: " + kind + ", " + keys + " keys"};
}

std::vector<Workload> Make() {
  std::vector<Workload> workloads;
  workloads.push_back(WordCount("wc-1k-tcp", "1000", "keyed count, 1 thousand keys, two workers"));
  workloads.push_back(WordCount("wc-1m-tcp", "1000000", "keyed count, 1 million keys, two workers"));
  workloads.push_back(WordCount("wc-10m-tcp", "10000000", "keyed count, 10 million keys, two workers"));
  Workload skewed = WordCount("wc-1m-skew", "1000000", "keyed count, 80 % of the records on 10 % of 1 million keys, two workers");
  skewed.job_arguments.push_back("--skewed");
  skewed.loop_arguments.push_back("--skewed");
  skewed.peer_job += ",skew=1";
  workloads.push_back(skewed);
  Workload on_disk = WordCount("wc-1m-rocksdb", "1000000", "keyed count, 1 million keys, state backend rocksdb, two workers");
  on_disk.backend = "rocksdb";
  workloads.push_back(on_disk);
  skewed.name = "wc-1m-skew-rocksdb";
  skewed.about += ", state backend rocksdb";
  skewed.backend = "rocksdb";
  workloads.push_back(skewed);
  on_disk = WordCount("wc-20m-rocksdb", "20000000", "keyed count, 20 million keys, state backend rocksdb, two workers");
  on_disk.backend = "rocksdb";
  workloads.push_back(on_disk);
  workloads.push_back(
      {.name = "wc-text", .job = "bench_text_count", .loop_arguments = {"text"}, .about = "words of natural text as std::string keys, two workers"});
  workloads.push_back(Query("q0", "Nexmark: every bid"));
  workloads.push_back(Query("q1", "Nexmark: currency conversion"));
  workloads.push_back(Query("q2", "Nexmark: bids for some auctions"));
  workloads.push_back({.name = "lat",
                       .kind = WorkloadKind::kLatency,
                       .job = "bench_latency",
                       .job_arguments = {"--keys", "100000"},
                       .loop_arguments = {"running", "--keys", "100000"},
                       .events_per_second = 100'000,
                       .peer_job = "lat:k=100000,rate=100000,bt=1ms",
                       .smoke_events = 50'000,
                       .about = "running counts over 100 thousand keys at 100,000 records/s, from the due time, two workers"});
  Workload checkpoint = {.name = "ckpt",
                         .kind = WorkloadKind::kCheckpoint,
                         .job = "bench_checkpoint",
                         .loop_arguments = {"wc"},
                         .filled_keys = 60'000'000,
                         .checkpoint_interval_ms = 10'000,
                         .about = "checkpoints of 60 million keys (1 GB), all of them changed, under full load, two workers"};
  workloads.push_back(checkpoint);
  checkpoint.name = "ckpt-incremental";
  checkpoint.dirty_share = 0.01;
  checkpoint.about = "checkpoints of 60 million keys (1 GB), 1 % of them changed, under full load, two workers";
  workloads.push_back(checkpoint);
  workloads.push_back({.name = "ckpt-overhead",
                       .kind = WorkloadKind::kCheckpointOverhead,
                       .job = "bench_checkpoint",
                       .loop_arguments = {"wc"},
                       .filled_keys = 6'250'000,
                       .about = "keyed count over 100 MB of state, a checkpoint every second against none, two workers"});
  workloads.push_back({.name = "rec",
                       .kind = WorkloadKind::kRecovery,
                       .job = "bench_recovery",
                       .loop_arguments = {"running"},
                       .filled_keys = 10'000'000,
                       .events_per_second = 100'000,
                       .smoke_events = 300'000,
                       .about = "kill -9 of one of two workers with 10 million keys of 100 bytes, 100,000 records/s"});
  Workload local = WordCount("wc-1m-local", "1000000", "keyed count, 1 million keys, one worker with two slots");
  local.one_worker = true;
  local.loop_arguments.push_back("--memory");
  local.peer_job.clear();
  workloads.push_back(local);
  workloads.push_back(TwoStage(1));
  workloads.push_back(TwoStage(4));
  workloads.push_back({.name = "chain",
                       .kind = WorkloadKind::kChain,
                       .job = "bench_chain",
                       .loop_arguments = {"chain"},
                       .parallelism = 1,
                       .one_worker = true,
                       .about = "five maps over records of 32 bytes, ns per record and map"});
  for (const char* const keys : {"1000", "1000000", "10000000"}) workloads.push_back(StateAccess("value", keys));
  for (const char* const kind : {"list", "map-put", "map-get"}) workloads.push_back(StateAccess(kind, "200000"));
  Workload soak = WordCount("soak", "1000000", "half an hour at full speed, a kill -9 of a worker every minute: the result, and whether anything grows");
  soak.kind = WorkloadKind::kSoak;
  soak.on_request = true;
  soak.peer_job.clear();
  workloads.push_back(soak);
  return workloads;
}

}  // namespace

const std::vector<Workload>& AllWorkloads() {
  static const std::vector<Workload> kWorkloads = Make();
  return kWorkloads;
}

const Workload* FindWorkload(const std::string& name) {
  const std::vector<Workload>& all = AllWorkloads();
  const auto found = std::ranges::find(all, name, &Workload::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace weir::bench
