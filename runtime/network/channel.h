// The two ends of a channel between a producer and a consumer subtask. Elements arrive in the order of the sends,
// whether the channel is a queue inside a worker or a socket between two.
#pragma once

#include <cstdint>
#include <optional>

#include <weir/core/status.h>
#include "runtime/element/element.h"

namespace weir {

// Whom a channel wakes: a task on its slot's loop. Thread-safe, cheap when the task is awake already.
class WakeTarget {
 public:
  virtual ~WakeTarget() = default;
  virtual void Wake() = 0;
};

// Bounds of one channel. An empty channel takes one batch of any size.
struct ChannelLimits {
  uint32_t batches_max = 4;
  size_t bytes_max = 512 * 1024;
};

// Thread: the producer's slot.
class ChannelWriter {
 public:
  virtual ~ChannelWriter() = default;

  // There is credit for a batch. When false, the wake target is woken once that may have changed.
  virtual bool CanSendBatch() = 0;
  // Control elements need no credit, only their turn. Requires: CanSendBatch() for a batch.
  virtual void Send(Element element) = 0;
  // The receiver has nothing queued: a partial batch would be used at once. When false, the wake target is woken once
  // it becomes true.
  virtual bool ReceiverIdle() = 0;
  // Work that the consumer asked for with RequestWork since the last call (split requests of source readers).
  virtual uint32_t TakeWorkRequests() = 0;
  // Everything sent has left this process's hands, or the channel broke: the end may be destroyed.
  virtual bool Flushed() = 0;
  // Not ok once the channel is broken; it never recovers.
  virtual Status health() const = 0;
};

// Thread: the consumer's slot.
class ChannelReader {
 public:
  virtual ~ChannelReader() = default;

  // The next element, and its credit goes back; nothing when the queue is empty.
  virtual std::optional<Element> Poll() = 0;
  // The next element without taking it; null when the queue is empty.
  virtual const Element* Peek() = 0;
  virtual void RequestWork(uint32_t count) = 0;
  virtual Status health() const = 0;
};

}  // namespace weir
