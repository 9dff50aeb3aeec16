#include "benchmarks/loops/tcp_link.h"

#include <arpa/inet.h>

namespace weir::bench {

std::pair<int, int> ConnectedSockets() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    Die("listen");
  }
  const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (one < 0 || ::connect(one, reinterpret_cast<sockaddr*>(&address), length) != 0) Die("connect");
  const int other = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (other < 0) Die("accept");
  ::close(listener);
  const int on = 1;
  for (const int socket : {one, other}) ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return {one, other};
}

}  // namespace weir::bench
