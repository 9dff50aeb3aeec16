// partition_soak: the network between two TaskManagers swallows packets, again and again, while both reach the JobManager. The
// loss must be noticed in time and named (R32), the job must not spin while it lasts and must go on exactly once afterwards; a
// gap shorter than heartbeat.timeout must cost nothing.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "base/status_macros.h"
#include "tests/scenarios/cluster.h"
#include "tests/scenarios/divided_network.h"
#include "tests/scenarios/soak_job.h"

namespace weir::scenarios {
namespace {

constexpr char kHelp[] =
    "partition_soak: a keyed job with an exactly-once file sink on two TaskManagers whose network swallows packets. Needs root or\n"
    "user namespaces, and iproute2.\n"
    "\n"
    "  --cuts N         default 6\n"
    "  --seed S         of their kinds and lengths; printed first\n"
    "  --timeout-ms T   heartbeat.timeout, default 3000\n";

constexpr int64_t kRowsPerSecond = 4'000;
constexpr int64_t kBackoffMaxMs = 2'000;
// Between the time-out and the JobManager's word of it: a ping's interval, TCP's clock, a machine with little time.
constexpr int64_t kNoticedLateMaxMs = 3'000;

using SteadyClock = std::chrono::steady_clock;

struct Options {
  uint32_t cuts = 6;
  uint64_t seed = std::random_device()();
  int64_t timeout_ms = 3'000;
};

class Soak {
 public:
  Soak(const Options& options, DividedNetwork& network) : options_(options), network_(network), random_(options.seed) {}

  Status Execute() {
    RETURN_IF_ERROR(StartJob());
    for (uint32_t i = 0; i < options_.cuts; ++i) RETURN_IF_ERROR(CutOnce(i).WithContext("cut " + std::to_string(i + 1)));
    RETURN_IF_ERROR(job_->End(std::to_string(options_.cuts) + " cuts").status());
    RETURN_IF_ERROR(cluster_->CheckIdle());
    return cluster_->Stop();
  }

 private:
  Status StartJob() {
    ClusterOptions cluster;
    cluster.task_managers = 2;
    cluster.slots = 2;
    cluster.properties = {{"jobmanager.bind-host", "0.0.0.0"},
                          {"heartbeat.interval", "200 ms"},
                          {"heartbeat.timeout", std::to_string(options_.timeout_ms) + " ms"},
                          {"restart-strategy.exponential-delay.initial-backoff", "100 ms"},
                          {"restart-strategy.exponential-delay.max-backoff", std::to_string(kBackoffMaxMs) + " ms"}};
    for (uint32_t host = 0; host < 2; ++host) cluster.task_manager_prefixes.push_back(network_.TaskManagerPrefix(host));
    ASSIGN_OR_RETURN(cluster_, Cluster::Start(cluster));
    ASSIGN_OR_RETURN(job_, SoakJob::Start(*cluster_, kRowsPerSecond));
    return Status::Ok();
  }

  Status CutOnce(uint32_t number) {
    ASSIGN_OR_RETURN(const JobStatus before, cluster_->Info(job_->id()));
    const bool is_short = random_() % 3 == 0;
    const auto cut = static_cast<DividedNetwork::Cut>(random_() % 3);
    const int64_t length_ms = is_short ? options_.timeout_ms / 4 : 3 * options_.timeout_ms + static_cast<int64_t>(random_() % 5'000);
    const SteadyClock::time_point cut_at = SteadyClock::now();
    const int64_t cut_at_ms = std::chrono::system_clock::now().time_since_epoch() / milliseconds(1);
    RETURN_IF_ERROR(network_.Divide(cut));
    std::this_thread::sleep_until(cut_at + milliseconds(length_ms));
    ASSIGN_OR_RETURN(const JobStatus meanwhile, cluster_->Info(job_->id()));
    RETURN_IF_ERROR(network_.Heal());
    std::printf("cut %2u: %s, %lld ms", number + 1, cut == DividedNetwork::Cut::kBothWays ? "both ways" : "one way", static_cast<long long>(length_ms));
    Status judged = is_short ? Status::Ok() : JudgeLoss(before, meanwhile, cut_at_ms, length_ms);
    std::printf("\n");
    std::fflush(stdout);
    RETURN_IF_ERROR(judged);
    const SteadyClock::time_point healed_at = SteadyClock::now();
    RETURN_IF_ERROR(job_->AwaitCheckpoint(meanwhile.checkpoint_latest_id));
    ASSIGN_OR_RETURN(const JobStatus after, cluster_->Info(job_->id()));
    std::printf("        checkpoint %lld ms after the network was back, %u restarts\n", static_cast<long long>(Since(healed_at)),
                after.restarts - before.restarts);
    if (is_short && after.restarts != before.restarts) return Internal("a gap shorter than heartbeat.timeout failed the job: " + after.recoveries.back().cause);
    return Status::Ok();
  }

  // After a cut that was long enough to be noticed.
  Status JudgeLoss(const JobStatus& before, const JobStatus& meanwhile, int64_t cut_at_ms, int64_t length_ms) {
    if (meanwhile.recoveries.size() <= before.recoveries.size()) return Internal("the loss was not noticed, state=" + meanwhile.state);
    const RecoveryStatus& first = meanwhile.recoveries[before.recoveries.size()];
    const int64_t noticed_ms = first.failed_at_ms - cut_at_ms;
    const uint32_t restarts = meanwhile.restarts - before.restarts;
    std::printf(", noticed after %lld ms, %u restarts meanwhile: %s", static_cast<long long>(noticed_ms), restarts, first.cause.c_str());
    if (noticed_ms > options_.timeout_ms + kNoticedLateMaxMs) return Internal("the loss was noticed too late");
    if (first.cause.find("worker at 10.77.") == std::string::npos || first.cause.find("no answer for ") == std::string::npos)
      return Internal("the cause does not say which worker did not answer");
    // Each attempt dials for most of the time-out before it gives up.
    if (restarts > 1 + length_ms / (options_.timeout_ms / 2)) return Internal("the job spins while the network is cut");
    return Status::Ok();
  }

  const Options options_;
  DividedNetwork& network_;
  std::mt19937_64 random_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<SoakJob> job_;
};

Status Execute(const Options& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<DividedNetwork> network, DividedNetwork::Enter());
  return Soak(options, *network).Execute();
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i];
    if (i + 1 == argc) return std::fputs(kHelp, stdout), 1;
    if (option == "--cuts")
      options.cuts = static_cast<uint32_t>(std::atoi(argv[i + 1]));
    else if (option == "--seed")
      options.seed = std::strtoull(argv[i + 1], nullptr, 10);
    else if (option == "--timeout-ms")
      options.timeout_ms = std::atoll(argv[i + 1]);
    else
      return std::fputs(kHelp, stdout), 1;
  }
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  const Status status = Execute(options);
  if (status.ok()) return 0;
  std::printf("FAILED, again with: partition_soak --cuts %u --seed %llu --timeout-ms %lld -- %s\n", options.cuts, static_cast<unsigned long long>(options.seed),
              static_cast<long long>(options.timeout_ms), status.message().c_str());
  return 1;
}

}  // namespace
}  // namespace weir::scenarios

int main(int argc, char** argv) { return weir::scenarios::Main(argc, argv); }
