// Accepts data connections for all workers: reads the handshake of each and hands the socket on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <weir/core/status.h>

#include "base/file_descriptor.h"
#include "runtime/network/remote_channel.h"

namespace weir {

struct DataListenerOptions {
  std::string bind_host = "127.0.0.1";  // A name or an address.
  uint16_t port = 0;                    // 0 = any free one.
  int64_t handshake_timeout_ms = 5'000;
  uint32_t pending_count_max = 256;     // Connections without a handshake; beyond it the oldest is closed.
};

// One thread. Whatever strangers send, it costs them their connection and us a bounded number of log lines.
class DataListener {
 public:
  // On the listener's thread, with a checked handshake and a blocking socket.
  using OnConnection = std::function<void(const ChannelHandshake&, FileDescriptor)>;

  // kUnavailable when the address cannot be listened on.
  static StatusOr<std::unique_ptr<DataListener>> Start(const DataListenerOptions& options, OnConnection on_connection);
  ~DataListener();  // Stops and waits.
  DataListener(const DataListener&) = delete;
  DataListener& operator=(const DataListener&) = delete;

  uint16_t port() const;
  uint64_t refused_count() const;  // Connections closed without a handshake. Thread-safe.

 private:
  struct State;
  explicit DataListener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir
