// What a sink has prepared and not committed yet, by checkpoint.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <weir/engine/operator.h>
#include <weir/sink.h>

namespace weir {

// Thread: task. Rule R11: everything prepared for a checkpoint up to the permitted one is committed, and what is pending
// is part of every snapshot and committed again after a restore.
class PendingCommits {
 public:
  static constexpr const char* kStateName = "committables";

  explicit PendingCommits(std::unique_ptr<SinkCommitter> committer) : committer_(std::move(committer)) {}

  // Commits what the restored checkpoint had pending: that checkpoint was published.
  void Restore(const std::vector<std::string>& committables);
  void Add(uint64_t checkpoint_id, std::vector<std::string> committables);
  void Snapshot(OperatorStateSink& state) const;
  void Commit(const CommitPermit& permit);

 private:
  std::unique_ptr<SinkCommitter> committer_;
  std::map<uint64_t, std::vector<std::string>> pending_;
  bool leftovers_removed_ = false;
};

}  // namespace weir
