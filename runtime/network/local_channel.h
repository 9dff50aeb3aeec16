// A channel inside one worker: batches move by pointer.
#pragma once

#include <memory>
#include <utility>

#include "runtime/network/channel.h"

namespace weir {

// Both ends share one queue; each end is used by its own slot's thread and may outlive the other.
// The wake targets must outlive both ends.
std::pair<std::unique_ptr<ChannelWriter>, std::unique_ptr<ChannelReader>> NewLocalChannel(ChannelLimits limits,
                                                                                          WakeTarget& producer,
                                                                                          WakeTarget& consumer);

}  // namespace weir
