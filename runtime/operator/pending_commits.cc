#include <weir/engine/pending_commits.h>

namespace weir {

void PendingCommits::Restore(const std::vector<std::string>& committables) {
  for (const std::string& committable : committables) committer_->Commit(committable);
}

void PendingCommits::Add(uint64_t checkpoint_id, std::vector<std::string> committables) {
  std::vector<std::string>& pending = pending_[checkpoint_id];
  pending.insert(pending.end(), std::make_move_iterator(committables.begin()), std::make_move_iterator(committables.end()));
}

void PendingCommits::Snapshot(OperatorStateSink& state) const {
  state.Declare(kStateName, OperatorStateSink::Mode::kEvenSplit, "committable");
  for (const auto& [checkpoint_id, committables] : pending_) {
    for (const std::string& committable : committables) state.Add(kStateName, committable);
  }
}

void PendingCommits::Commit(const CommitPermit& permit) {
  const auto end = pending_.upper_bound(permit.checkpoint_id());
  for (auto it = pending_.begin(); it != end; it = pending_.erase(it)) {
    for (const std::string& committable : it->second) committer_->Commit(committable);
  }
  if (!leftovers_removed_) committer_->RemoveLeftovers();
  leftovers_removed_ = true;
}

}  // namespace weir
