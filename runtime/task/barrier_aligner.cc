#include "runtime/task/barrier_aligner.h"

#include "base/check.h"

namespace weir {

BarrierAligner::BarrierAligner(uint32_t channel_count) : blocked_(channel_count), closed_(channel_count), open_count_(channel_count) {
  CHECK(channel_count > 0);
}

BarrierAligner::Action BarrierAligner::OnBarrier(ChannelIndex from, CheckpointId id) {
  CHECK(from.value < blocked_.size());
  CHECK(!blocked_[from.value]);
  CHECK(!closed_[from.value]);
  if (id <= last_finished_ || (aligning_.has_value() && id < *aligning_)) return Action::kIgnoreStale;
  const bool aborts_older = aligning_.has_value() && *aligning_ < id;
  if (aborts_older) {
    last_finished_ = *aligning_;
    Unblock();
  }
  aligning_ = id;
  const Action action = BlockOrComplete(from);
  return action == Action::kBlockChannel && aborts_older ? Action::kAbortOlder : action;
}

BarrierAligner::Action BarrierAligner::BlockOrComplete(ChannelIndex from) {
  blocked_[from.value] = true;
  ++blocked_count_;
  if (blocked_count_ < open_count_) return Action::kBlockChannel;
  last_finished_ = *aligning_;
  Unblock();
  return Action::kTakeCheckpoint;
}

BarrierAligner::Action BarrierAligner::OnEndOfInput(ChannelIndex from) {
  CHECK(from.value < blocked_.size());
  CHECK(!blocked_[from.value]);
  CHECK(!closed_[from.value]);
  closed_[from.value] = true;
  --open_count_;
  // With no channel left open the barrier cannot come any more: a task without inputs is triggered as a root.
  if (!aligning_.has_value() || blocked_count_ < open_count_) return Action::kNone;
  last_finished_ = *aligning_;
  Unblock();
  return Action::kTakeCheckpoint;
}

void BarrierAligner::OnAbort(CheckpointId id) {
  last_finished_ = std::max(last_finished_, id);
  if (aligning_.has_value() && *aligning_ <= id) Unblock();
}

void BarrierAligner::Unblock() {
  blocked_.assign(blocked_.size(), false);
  blocked_count_ = 0;
  aligning_.reset();
}

}  // namespace weir
