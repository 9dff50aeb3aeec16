// Serves lines to one client, for SocketTextStream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include <weir/core/status.h>

namespace weir::scenarios {

// Listens on a free port of 127.0.0.1; a thread sends `text` to the first client and closes. The destructor waits for it.
class TextServer final {
 public:
  static StatusOr<std::unique_ptr<TextServer>> Start(std::string text);
  ~TextServer();
  TextServer(const TextServer&) = delete;
  TextServer& operator=(const TextServer&) = delete;
  uint16_t port() const { return port_; }

 private:
  TextServer(int listener, uint16_t port, std::string text);
  void Serve();

  const int listener_;
  const uint16_t port_;
  const std::string text_;
  std::thread thread_;
};

// A connection to "host:port" of this machine; -1 when refused.
int ConnectTo(const std::string& address);

}  // namespace weir::scenarios
