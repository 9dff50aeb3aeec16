#include "runtime/task/input_gate.h"

namespace weir {

InputGate::InputGate(std::vector<Input> inputs, uint32_t join_rows_target)
    : aligner_(static_cast<uint32_t>(inputs.size())), join_rows_target_(join_rows_target) {
  for (Input& input : inputs) {
    Channel& channel = channels_.emplace_back();
    channel.reader = std::move(input.reader);
    channel.input = input.input;
  }
}

std::optional<InputGate::Polled> InputGate::Poll() {
  const uint32_t count = static_cast<uint32_t>(channels_.size());
  for (uint32_t tried = 0; tried < count; ++tried) {
    const uint32_t index = next_;
    next_ = next_ + 1 == count ? 0 : next_ + 1;
    Channel& channel = channels_[index];
    if (channel.ended || aligner_.IsBlocked(ChannelIndex{index})) continue;
    std::optional<Element> element = channel.reader->Poll();
    if (!element.has_value()) continue;
    // Consumers copy what is shared.
    if (element->frozen != nullptr) {
      element->batch = element->frozen->Copy();
      element->frozen.reset();
    }
    if (element->IsBatch()) Join(element->batch, *channel.reader);
    return Polled{ChannelIndex{index}, std::move(*element)};
  }
  return std::nullopt;
}

void InputGate::Join(RecordBatch& batch, ChannelReader& reader) {
  while (batch.size() < join_rows_target_) {
    const Element* const next = reader.Peek();
    if (next == nullptr || !next->IsBatch() || next->frozen != nullptr) return;
    const BatchShape& shape = next->batch.shape();
    if (shape.has_hashes != batch.has_hashes() || shape.has_timestamps != batch.has_timestamps()) return;
    if (next->batch.size() > batch.capacity() - batch.size()) return;
    std::optional<Element> taken = reader.Poll();
    batch.AppendMoved(taken->batch, 0, taken->batch.size());
  }
}

bool InputGate::AllDrained() const {
  return std::all_of(channels_.begin(), channels_.end(), [](const Channel& channel) { return channel.ended || channel.status == StreamStatus::kDrained; });
}

std::optional<int64_t> InputGate::MinWatermark() const {
  std::optional<int64_t> minimum;
  for (const Channel& channel : channels_) {
    const bool counts = channel.watermark == kMaxWatermark || (!channel.ended && channel.status == StreamStatus::kActive);
    if (counts) minimum = std::min(minimum.value_or(kMaxWatermark), channel.watermark);
  }
  return minimum;
}

Status InputGate::health() const {
  for (const Channel& channel : channels_) {
    if (channel.ended) continue;
    if (Status status = channel.reader->health(); !status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace weir
