// What all parts of a simulated cluster share: random numbers, storage, the outside system, the job, and what went wrong.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/graph/job_graph.h"
#include "state/checkpoint/checkpoint_storage.h"
#include "tests/unit/testing/memory_file_system.h"

namespace weir::sim {

// Ways to break the protocol on purpose: each must be caught (see README.md).
struct Mutations {
  bool commit_before_publication = false;
  bool acknowledge_before_durable = false;
  bool accept_older_attempt = false;
  bool end_without_final_checkpoint = false;
  bool commit_on_savepoint = false;
  bool forget_stop = false;
};

// SplitMix64: small, and the same everywhere.
class SimRandom {
 public:
  // Mixed once: neighbouring seeds would walk through the same numbers, one step apart.
  explicit SimRandom(uint64_t seed) : state_(seed) { state_ = Next(); }
  uint64_t Next();
  uint32_t Below(uint64_t bound) { return static_cast<uint32_t>(Next() % bound); }  // Requires: bound > 0.
  bool Chance(uint32_t per_mille) { return Below(1'000) < per_mille; }
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

// A record on its way: where it came from, and the count of its key when it was counted.
struct Row {
  uint32_t source = 0;
  uint32_t index = 0;
  uint32_t key = 0;
  uint64_t count = 0;
};

// The system that the sink writes to: transactions become visible when they are committed.
class OutsideSystem {
 public:
  struct Transaction {
    SubtaskId subtask;
    AttemptId attempt;
    std::vector<Row> rows;
    bool committed = false;
  };
  std::map<std::string, Transaction> transactions;
};

struct SimContext {
  SimContext(uint64_t seed, const Mutations& mutations, bool verbose);

  SimRandom random;
  const Mutations mutations;
  const bool verbose;
  testing::MemoryFileSystem files;
  OutsideSystem outside;
  JobId job;
  CheckpointLayout layout;
  JobGraph graph;
  std::vector<uint32_t> records;  // By source subtask: how many it emits.
  uint32_t key_count = 1;
  bool faults = true;             // While set, messages and storage misbehave.
  uint32_t storage_fault_per_mille = 0;
  int64_t now_ms = 1'000;
  bool chain_damaged = false;     // Somebody wrote something else where the next record belongs.
  CheckpointId published;         // Highest one so far.
  uint32_t savepoints_left = 0;   // That somebody will ask for.
  uint64_t savepoint_count = 0;   // Asked for so far: numbers and directories.
  uint64_t savepoints_taken = 0;
  std::string restore_path;       // The savepoint that the job starts from; empty = none.
  std::optional<std::string> violation;  // The first broken promise.

  void Violate(const std::string& what);
  void Trace(const std::string& what) const {
    if (verbose) std::printf("  %lld %s\n", static_cast<long long>(now_ms), what.c_str());
  }
  // A job was stopped with a savepoint: the next one, with an id of its own, starts from there.
  void StartNextJob(const std::string& savepoint);
  // Promises about the finished job: each record's effect exactly once, each key counted without gap or repetition.
  void CheckOutcome();

 private:
  testing::FileFault NextFault(testing::FileOperation operation);
};

inline constexpr uint32_t kSourceVertex = 0;
inline constexpr uint32_t kCountVertex = 1;
inline constexpr uint32_t kSinkVertex = 2;

}  // namespace weir::sim
