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
    int64_t watermark = kMinWatermark;
    StreamStatus status = StreamStatus::kActive;
    bool ended = false;  // EndOfInput came.
  };
  struct Polled {
    ChannelIndex channel;
    Element element;
  };

  // Batches that wait on one channel are joined up to this many rows before the operator sees them.
  InputGate(std::vector<std::unique_ptr<ChannelReader>> readers, uint32_t join_rows_target);

  // The next element of a channel that is neither blocked nor ended, channels in turn; nothing when all are empty.
  std::optional<Polled> Poll();
  bool AllDrained() const;  // Every channel is drained or ended.
  bool AllEnded() const { return aligner_.open_count() == 0; }
  int64_t MinWatermark() const;
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
