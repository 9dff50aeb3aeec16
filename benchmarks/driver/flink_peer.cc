#include "benchmarks/driver/flink_peer.h"

#include <chrono>
#include <cstdlib>

#include "base/status_macros.h"
#include "tests/scenarios/process.h"

namespace weir::bench {
namespace {

constexpr auto kScriptTimeout = std::chrono::minutes(15);  // The first start fetches 400 MB.

}  // namespace

double NumberIn(const std::string& line, const std::string& name) {
  const size_t at = line.find(" " + name + "=");
  return at == std::string::npos ? 0 : std::strtod(line.c_str() + at + name.size() + 2, nullptr);
}

namespace {

// " rows=R CHECKSUM ".
Digest DigestIn(const std::string& line) {
  const size_t at = line.find(" rows=");
  if (at == std::string::npos) return {};
  char* end = nullptr;
  const uint64_t rows = std::strtoull(line.c_str() + at + 6, &end, 10);
  return {rows, std::strtoull(end, nullptr, 16)};
}

}  // namespace

StatusOr<std::unique_ptr<FlinkPeer>> FlinkPeer::Start(const std::string& peers) {
  std::unique_ptr<FlinkPeer> peer(new FlinkPeer(peers));
  RETURN_IF_ERROR(peer->Script({"up"}).status());
  return peer;
}

FlinkPeer::~FlinkPeer() { static_cast<void>(Script({"down"})); }

StatusOr<std::string> FlinkPeer::Script(const std::vector<std::string>& arguments) const {
  scenarios::ProcessOptions options;
  options.command = {WEIR_BENCH_SOURCES "/peers/flink.sh"};
  options.command.insert(options.command.end(), arguments.begin(), arguments.end());
  options.environment = {"WEIR_PEERS=" + peers_};
  ASSIGN_OR_RETURN(const std::unique_ptr<scenarios::Process> script, scenarios::Process::Start(options));
  ASSIGN_OR_RETURN(const int end, script->WaitForExit(kScriptTimeout));
  if (end != 0)
    return Unavailable("Flink does not run, flink.sh " + arguments.front() + " " + scenarios::DescribeEnd(end) + ": " + script->output() + script->error());
  return script->output();
}

StatusOr<PeerRun> FlinkPeer::Run(const std::string& job, uint64_t events) {
  ASSIGN_OR_RETURN(std::string line, Script({"run", job + (job.find(':') == std::string::npos ? ":" : ",") + "n=" + std::to_string(events)}));
  PeerRun run;
  run.result.digest = DigestIn(line);
  run.result.measured_events = events;
  run.result.seconds = NumberIn(line, "sec");
  run.result.cpu_seconds = NumberIn(line, "cpu");
  run.foreign_cpu = NumberIn(line, "foreign") / 100;
  run.line = std::move(line);
  if (run.result.seconds <= 0) return Corruption("the harness gives no time: " + run.line);
  return run;
}

StatusOr<std::string> FlinkPeer::RunLatency(const std::string& job, uint64_t events, double skipped_s) {
  return Script({"run", job + ",n=" + std::to_string(events) + ",skip=" + std::to_string(static_cast<int64_t>(skipped_s))});
}

}  // namespace weir::bench
