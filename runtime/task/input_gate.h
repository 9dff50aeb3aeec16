// The consumer's side of a task: its input channels, which of them may be polled, and what they said last.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/network/channel.h"
#include "runtime/task/barrier_aligner.h"

namespace weir {

// All gates of a task as one list of channels. Thread: task. Requires: at least one channel.
class InputGate {
 public:
  struct Channel {
    std::unique_ptr<ChannelReader> reader;
    uint8_t input = 0;   // Of the operator: 1 = the second of two.
    int64_t watermark = kMinWatermark;
    StreamStatus status = StreamStatus::kActive;
    bool ended = false;  // EndOfInput came.
  };
  struct Input {
    std::unique_ptr<ChannelReader> reader;
    uint8_t input = 0;
  };
  struct Polled {
    ChannelIndex channel;
    Element element;
  };

  // Batches that wait on one channel are joined up to this many rows before the operator sees them.
  InputGate(std::vector<Input> inputs, uint32_t join_rows_target);

  // The next element of a channel that is neither blocked nor ended, channels in turn; nothing when all are empty.
  std::optional<Polled> Poll();
  bool AllDrained() const;  // Every channel is drained or ended.
  bool AllEnded() const { return aligner_.open_count() == 0; }
  // Over the channels that are active, have drained or ended with the end of time; nothing when there is none.
  std::optional<int64_t> MinWatermark() const;
  void RequestWork(uint32_t count) { channels_.front().reader->RequestWork(count); }
  Status health() const;

  Channel& channel(ChannelIndex index) { return channels_[index.value]; }
  BarrierAligner& aligner() { return aligner_; }

 private:
  void Join(RecordBatch& batch, ChannelReader& reader);

  std::vector<Channel> channels_;
  BarrierAligner aligner_;
  const uint32_t join_rows_target_;
  uint32_t next_ = 0;
};

}  // namespace weir
