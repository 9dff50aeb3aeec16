// Aligns checkpoint barriers over the input channels of one task.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"

namespace weir {

// Thread: task. Pure: no I/O, no clock; each call returns what the task must do next.
class BarrierAligner {
 public:
  enum class Action : uint8_t {
    kBlockChannel,    // Poll `from` no more until the alignment ends.
    kTakeCheckpoint,  // All open channels delivered the barrier: all are unblocked, snapshot now. An older alignment is void.
    kAbortOlder,      // The older alignment is void and its channels unblocked; `from` is blocked for the newer one.
    kIgnoreStale,     // Of a checkpoint that is over.
    kNone,            // Nothing to do.
  };

  // Requires: channel_count > 0.
  explicit BarrierAligner(uint32_t channel_count);

  // Channel `from` delivered barrier `id`. Requires: `from` is open and not blocked (a blocked channel is never polled).
  Action OnBarrier(ChannelIndex from, CheckpointId id);
  // Channel `from` has ended: it counts as aligned from now on. kTakeCheckpoint, when it was the last one missing, is
  // for aligning() as it was before the call. Requires: `from` is open and not blocked.
  Action OnEndOfInput(ChannelIndex from);
  // Checkpoint `id` and all older ones are void.
  void OnAbort(CheckpointId id);

  bool IsBlocked(ChannelIndex channel) const { return blocked_[channel.value]; }
  std::optional<CheckpointId> aligning() const { return aligning_; }
  uint32_t open_count() const { return open_count_; }

 private:
  void Unblock();
  Action BlockOrComplete(ChannelIndex from);

  std::vector<bool> blocked_;             // One entry per channel.
  std::vector<bool> closed_;              // One entry per channel; a closed one is never blocked.
  uint32_t blocked_count_ = 0;            // Invariant: number of true entries in blocked_.
  uint32_t open_count_ = 0;               // Invariant: number of false entries in closed_.
  std::optional<CheckpointId> aligning_;  // Unset between checkpoints.
  CheckpointId last_finished_;            // Completed or aborted; ids only grow.
};

}  // namespace weir
