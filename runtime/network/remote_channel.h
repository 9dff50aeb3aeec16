// Channels between two workers: one TCP connection each, frames with credits (docs/formats.md, "data plane").
#pragma once

#include <memory>
#include <string>

#include "base/ids.h"
#include "runtime/network/channel.h"
#include "runtime/network/reactor.h"

namespace weir {

// Names one channel of one attempt; first thing on its connection. Bounded and checked by the TaskManager that accepts it,
// which passes the socket to the worker of the job.
struct ChannelHandshake {
  JobId job;
  AttemptId attempt;
  uint32_t edge = 0;
  uint32_t producer_subtask = 0;
  uint32_t consumer_subtask = 0;
  bool operator==(const ChannelHandshake&) const = default;
  static constexpr size_t kEncodedBytes = 64;
  std::string Encode() const;                                           // Exactly kEncodedBytes.
  static StatusOr<ChannelHandshake> Decode(std::string_view bytes);     // Magic, version, checksum.
};

// Dials the consumer's TaskManager ("host:port", numeric or resolvable) on `reactor`, sends the handshake, then waits for the first
// credit. Connecting goes on in the background; a failure shows in health(). A peer that is not there yet is tried
// again until `connect_timeout_ms` has passed.
std::unique_ptr<ChannelWriter> NewRemoteWriter(Reactor& reactor, const std::string& address, const ChannelHandshake& handshake,
                                               const TypeInfo& type, int64_t connect_timeout_ms, WakeTarget& producer);

class RemoteReader : public ChannelReader {
 public:
  // Takes the socket whose handshake the TaskManager read. Thread: the consumer's slot. At most once.
  virtual void Attach(int socket) = 0;
};
std::unique_ptr<RemoteReader> NewRemoteReader(Reactor& reactor, const TypeInfo& type, ChannelLimits limits, WakeTarget& consumer);

}  // namespace weir
