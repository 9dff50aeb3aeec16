// What a task does with the elements of its input channels.
#include "runtime/task/stream_task.h"

#include "runtime/operator/job_planner.h"

namespace weir {

bool StreamTask::StepInputs(int64_t now_ns) {
  // While a savepoint that stops is not complete, what comes belongs behind it: only its abort lets it in.
  if (gate_ == nullptr || phase_ == TaskPhase::kSuspended) return false;
  std::optional<InputGate::Polled> polled = gate_->Poll();
  if (!polled.has_value()) return false;
  HandleElement(std::move(*polled), now_ns);
  return true;
}

void StreamTask::HandleElement(InputGate::Polled polled, int64_t now_ns) {
  InputGate::Channel& channel = gate_->channel(polled.channel);
  Element& element = polled.element;
  switch (element.kind) {
    case ElementKind::kBatch: HandleBatch(element.batch, channel.input); break;
    case ElementKind::kWatermark:
      channel.watermark = std::max(channel.watermark, element.watermark);
      AdvanceWatermark(gate_->MinWatermark());
      break;
    case ElementKind::kStatus:
      channel.status = element.status;
      AdvanceWatermark(gate_->MinWatermark());
      break;
    case ElementKind::kBarrier: HandleBarrier(polled.channel, element.barrier, now_ns); break;
    case ElementKind::kEndOfInput: HandleEndOfInput(polled.channel, now_ns); break;
  }
}

void StreamTask::HandleBatch(RecordBatch& batch, uint8_t input) {
  // A task that had finished before the restore takes no more records. A source that was told to drain takes splits still:
  // its enumerator has given them away, so they must be in its own snapshot.
  const bool takes = phase_ == TaskPhase::kRunning || (phase_ == TaskPhase::kDrained && drained_by_order_);
  if (!takes) return;
  counters_.records_in.store(counters_.records_in.load(std::memory_order_relaxed) + batch.size(), std::memory_order_relaxed);
  counters_.batches_in.store(counters_.batches_in.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  chain_->Process(batch, input);
}

void StreamTask::AdvanceWatermark(std::optional<int64_t> watermark_ms) {
  if (!watermark_ms.has_value() || *watermark_ms <= watermark_ || vertex().is_enumerator) return;
  watermark_ = *watermark_ms;
  counters_.watermark.store(watermark_, std::memory_order_relaxed);
  // One that had finished before the restore has nothing left to fire.
  if (phase_ == TaskPhase::kRunning) return chain_->AdvanceWatermark(watermark_);
  if (phase_ == TaskPhase::kDrained) Broadcast([this] { return Element::Watermark(watermark_); });
}

void StreamTask::HandleBarrier(ChannelIndex from, const CheckpointBarrier& barrier, int64_t now_ns) {
  if (phase_ == TaskPhase::kEnding) return;
  const bool first = !gate_->aligner().aligning().has_value();
  switch (gate_->aligner().OnBarrier(from, barrier.id)) {
    case BarrierAligner::Action::kBlockChannel:
    case BarrierAligner::Action::kAbortOlder:
      if (first || aligning_.id != barrier.id) alignment_began_ns_ = now_ns;
      aligning_ = barrier;
      break;
    case BarrierAligner::Action::kTakeCheckpoint:
      TakeCheckpoint(barrier, first || aligning_.id != barrier.id ? 0 : (now_ns - alignment_began_ns_) / 1'000);
      break;
    case BarrierAligner::Action::kIgnoreStale:
    case BarrierAligner::Action::kNone:
      break;
  }
}

void StreamTask::HandleEndOfInput(ChannelIndex from, int64_t now_ns) {
  gate_->channel(from).ended = true;
  const BarrierAligner::Action action = gate_->aligner().OnEndOfInput(from);
  if (phase_ == TaskPhase::kEnding) return;
  if (action == BarrierAligner::Action::kTakeCheckpoint) TakeCheckpoint(aligning_, (now_ns - alignment_began_ns_) / 1'000);
  if (gate_->AllEnded() && root_trigger_.has_value()) TakeCheckpoint(*std::exchange(root_trigger_, std::nullopt), 0);
}

}  // namespace weir
