#include "tests/sim/sim_context.h"

#include <set>

#include "tests/unit/testing/graphs.h"

namespace weir::sim {

uint64_t SimRandom::Next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

SimContext::SimContext(uint64_t seed, const Mutations& chosen, bool is_verbose)
    : random(seed), mutations(chosen), verbose(is_verbose), layout("/checkpoints", JobId{{1}}) {
  job.bytes[0] = 1;
  const uint32_t counts = 1 + random.Below(3);
  const uint32_t sinks = 1 + random.Below(2);
  graph = testing::LineGraph(1 + random.Below(2), counts, sinks);
  if (random.Chance(300)) graph.edges[1].partitioner = PartitionerKind::kRescale;
  if (counts == sinks && random.Chance(500)) graph.edges[1].partitioner = PartitionerKind::kForward;
  constexpr int64_t kIntervals[] = {0, 15, 40, 120};
  graph.checkpoint.interval_ms = kIntervals[random.Below(4)];
  graph.checkpoint.min_pause_ms = random.Chance(300) ? 10 : 0;
  graph.checkpoint.timeout_ms = 100 + random.Below(400);
  graph.checkpoint.tolerable_failed = random.Below(3);
  graph.checkpoint.retained_max = 1 + random.Below(2);
  for (uint32_t i = 0; i < graph.vertices[kSourceVertex].parallelism; ++i) records.push_back(5 + random.Below(40));
  key_count = 1 + random.Below(6);
  savepoints_left = random.Below(4);
  storage_fault_per_mille = random.Chance(500) ? random.Below(80) : 0;
  files.SetFaultHook([this](testing::FileOperation operation, const std::string&) { return NextFault(operation); });
}

testing::FileFault SimContext::NextFault(testing::FileOperation operation) {
  if (!faults || storage_fault_per_mille == 0 || !random.Chance(storage_fault_per_mille)) return testing::FileFault::kNone;
  if (operation == testing::FileOperation::kCreateExclusive && random.Chance(300)) return testing::FileFault::kFailLate;
  return random.Chance(500) ? testing::FileFault::kFail : testing::FileFault::kFailAfter;
}

void SimContext::Violate(const std::string& what) {
  if (!violation.has_value()) violation = what;
  Trace("VIOLATION " + what);
}

void SimContext::StartNextJob(const std::string& savepoint) {
  Trace("next job from " + savepoint);
  ++job.bytes[0];
  layout = CheckpointLayout("/checkpoints", job);
  restore_path = savepoint;
}

void SimContext::CheckOutcome() {
  std::set<std::pair<uint32_t, uint32_t>> seen;
  std::map<uint32_t, std::set<uint64_t>> counts;
  for (const auto& [id, transaction] : outside.transactions) {
    if (!transaction.committed) continue;
    for (const Row& row : transaction.rows) {
      const std::string name = "source=" + std::to_string(row.source) + " index=" + std::to_string(row.index);
      if (!seen.insert({row.source, row.index}).second) Violate("record committed twice, " + name);
      if (!counts[row.key].insert(row.count).second) Violate("a key's count was seen twice, " + name);
    }
  }
  size_t expected = 0;
  for (const uint32_t count : records) expected += count;
  if (seen.size() != expected) {
    Violate("records missing at the end, committed=" + std::to_string(seen.size()) + " expected=" + std::to_string(expected));
  }
  for (const auto& [key, values] : counts) {
    if (*values.rbegin() != values.size()) Violate("counts of a key have a gap, key=" + std::to_string(key));
  }
}

}  // namespace weir::sim
