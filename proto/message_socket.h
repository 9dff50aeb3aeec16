// Messages over a Unix stream socket, each with at most one file descriptor. Format: proto/README.md, "control messages".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <weir/core/status.h>

#include "base/file_descriptor.h"

namespace weir {

// Of sessions with the JobManager, too.
inline constexpr uint32_t kMessageBytesMax = 64u << 20;
// Of what is wrapped, with ids around it, in a message.
inline constexpr uint32_t kPayloadBytesMax = kMessageBytesMax - (64u << 10);

struct SocketMessage {
  std::string bytes;
  FileDescriptor attached;  // Invalid when none came.
};

// Blocks until the message is in the socket's hands. `attached` (-1 = none) stays the caller's. kInvalidArgument for a message
// above kMessageBytesMax, kUnavailable when the other end is gone.
Status SendMessage(int socket, std::string_view bytes, int attached = -1);

// Blocks for the next message; nothing at the end of the stream. kCorruption for what is no message, kUnavailable when the
// stream breaks off within one. Takes memory only for bytes that have arrived.
StatusOr<std::optional<SocketMessage>> ReceiveMessage(int socket);

}  // namespace weir
