// A TCP connection that is being made on a thread of its own: name servers and hosts may take minutes to answer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace weir {

// Thread-compatible. A dial that is dropped ends by itself, whenever its host answers.
class SocketDial {
 public:
  SocketDial(std::string host, uint16_t port);

  // Readable once the dial has ended. Owned by the dial.
  int ended_fd() const;
  bool ended() const;
  // The connected socket, owned by the caller from now on. Requires: ended(), once. Throws std::runtime_error with host, port
  // and cause.
  int TakeSocket();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir
