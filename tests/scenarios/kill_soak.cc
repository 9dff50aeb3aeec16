// kill_soak: kills workers and TaskManagers of a running job, again and again, then checks that every record was counted and
// written exactly once, and says how long the recoveries took.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "base/status_macros.h"
#include "tests/scenarios/cluster.h"
#include "tests/scenarios/soak_job.h"

namespace weir::scenarios {
namespace {

constexpr char kHelp[] =
    "kill_soak: a keyed job with an exactly-once file sink under random kill -9 of workers and TaskManagers.\n"
    "\n"
    "  --kills N   default 50\n"
    "  --seed S    of victims and moments; printed first\n"
    "  --rate R    rows per second, default 4000\n";

constexpr uint32_t kTaskManagers = 3;

using SteadyClock = std::chrono::steady_clock;

struct Options {
  uint32_t kills = 50;
  uint64_t seed = std::random_device()();
  int64_t rate = 4'000;
};

struct Recovery {
  bool task_manager = false;
  int64_t running_ms = 0;     // From the kill until the job runs again.
  int64_t checkpoint_ms = 0;  // ... and until its next checkpoint is complete.
};

class Soak {
 public:
  explicit Soak(const Options& options) : options_(options), random_(options.seed) {}

  Status Execute() {
    RETURN_IF_ERROR(StartJob());
    for (uint32_t i = 0; i < options_.kills; ++i) RETURN_IF_ERROR(KillOnce(i).WithContext("kill " + std::to_string(i + 1)));
    RETURN_IF_ERROR(EndJob());
    RETURN_IF_ERROR(cluster_->CheckIdle());
    return cluster_->Stop();
  }

  void Report(const std::vector<RecoveryStatus>& reported) const {
    Print("kill -> RUNNING, workers", [](const Recovery& recovery) { return recovery.task_manager ? -1 : recovery.running_ms; });
    Print("kill -> RUNNING, TaskManagers", [](const Recovery& recovery) { return recovery.task_manager ? recovery.running_ms : -1; });
    Print("kill -> RUNNING, all", [](const Recovery& recovery) { return recovery.running_ms; });
    Print("kill -> first checkpoint, all", [](const Recovery& recovery) { return recovery.checkpoint_ms; });
    std::vector<int64_t> inside;
    for (const RecoveryStatus& recovery : reported) {
      if (recovery.running_at_ms != 0) inside.push_back(recovery.running_at_ms - recovery.failed_at_ms);
    }
    PrintQuantiles("failure noticed -> RUNNING, as the JobManager has it", inside);
  }

 private:
  Status StartJob() {
    ClusterOptions cluster;
    cluster.task_managers = kTaskManagers;
    cluster.slots = 2;
    cluster.properties = {{"heartbeat.interval", "200 ms"}, {"heartbeat.timeout", "5 s"}, {"restart-strategy.exponential-delay.max-backoff", "200 ms"}};
    ASSIGN_OR_RETURN(cluster_, Cluster::Start(cluster));
    ASSIGN_OR_RETURN(job_, SoakJob::Start(*cluster_, options_.rate));
    return Status::Ok();
  }

  Status KillOnce(uint32_t number) {
    std::this_thread::sleep_for(milliseconds(random_() % 500));
    ASSIGN_OR_RETURN(const JobStatus before, cluster_->Info(job_->id()));
    Recovery recovery;
    recovery.task_manager = random_() % 3 == 0;
    const SteadyClock::time_point killed_at = SteadyClock::now();
    const uint32_t victim = static_cast<uint32_t>(random_() % kTaskManagers);
    if (recovery.task_manager) {
      // Any of them: one that runs nothing of the job leaves it alone.
      const bool busy = !cluster_->Workers(victim).empty();
      RETURN_IF_ERROR(cluster_->KillTaskManager(victim));
      RETURN_IF_ERROR(cluster_->StartTaskManager(victim));
      if (!busy) return Status::Ok();
    } else {
      const std::vector<pid_t> workers = cluster_->Workers();
      if (workers.empty()) return Internal("no worker runs");
      RETURN_IF_ERROR(KillAndAwait(workers[random_() % workers.size()], std::chrono::seconds(5)));
    }
    RETURN_IF_ERROR(cluster_
                        ->AwaitJob(job_->id(),
                                   [&](const JobStatus& status) {
                                     return status.restarts > before.restarts && status.running() && !status.recoveries.empty() &&
                                            status.recoveries.back().running_at_ms != 0;
                                   })
                        .status());
    recovery.running_ms = Since(killed_at);
    RETURN_IF_ERROR(job_->AwaitCheckpoint(before.checkpoint_latest_id));
    recovery.checkpoint_ms = Since(killed_at);
    recoveries_.push_back(recovery);
    std::printf("kill %2u: %-11s running after %5lld ms, checkpoint after %5lld ms\n", number + 1, recovery.task_manager ? "TaskManager" : "worker",
                static_cast<long long>(recovery.running_ms), static_cast<long long>(recovery.checkpoint_ms));
    std::fflush(stdout);
    return Status::Ok();
  }

  Status EndJob() {
    ASSIGN_OR_RETURN(const JobStatus end, job_->End(std::to_string(options_.kills) + " kills"));
    Report(end.recoveries);
    return Status::Ok();
  }

  template <class Value>
  void Print(const char* what, Value value) const {
    std::vector<int64_t> values;
    for (const Recovery& recovery : recoveries_) {
      if (value(recovery) >= 0) values.push_back(value(recovery));
    }
    PrintQuantiles(what, std::move(values));
  }

  static void PrintQuantiles(const char* what, std::vector<int64_t> values) {
    if (values.empty()) return;
    std::sort(values.begin(), values.end());
    std::printf("%s: p50 %lld ms, p99 %lld ms, of %zu\n", what, static_cast<long long>(values[(values.size() - 1) / 2]),
                static_cast<long long>(values[(values.size() * 99 + 99) / 100 - 1]), values.size());
  }

  const Options options_;
  std::mt19937_64 random_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<SoakJob> job_;
  std::vector<Recovery> recoveries_;
};

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i];
    if (i + 1 == argc) return std::fputs(kHelp, stdout), 1;
    if (option == "--kills")
      options.kills = static_cast<uint32_t>(std::atoi(argv[i + 1]));
    else if (option == "--seed")
      options.seed = std::strtoull(argv[i + 1], nullptr, 10);
    else if (option == "--rate")
      options.rate = std::atoll(argv[i + 1]);
    else
      return std::fputs(kHelp, stdout), 1;
  }
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  const Status status = Soak(options).Execute();
  if (status.ok()) return 0;
  std::printf("FAILED, again with: kill_soak --kills %u --seed %llu --rate %lld -- %s\n", options.kills, static_cast<unsigned long long>(options.seed),
              static_cast<long long>(options.rate), status.message().c_str());
  return 1;
}

}  // namespace
}  // namespace weir::scenarios

int main(int argc, char** argv) { return weir::scenarios::Main(argc, argv); }
