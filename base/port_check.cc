#include "base/port_check.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir {
namespace {

std::string AddressText(const addrinfo& address) {
  char host[NI_MAXHOST] = "?";
  char port[NI_MAXSERV] = "?";
  ::getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
  return address.ai_family == AF_INET6 ? "[" + std::string(host) + "]:" + port : std::string(host) + ":" + port;
}

// 0, or errno.
int TryListen(const addrinfo& address) {
  const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;
  // As servers do, so that connections of an earlier life do not count.
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.ai_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  const bool listens = ::bind(fd, address.ai_addr, address.ai_addrlen) == 0 && ::listen(fd, 1) == 0;
  const int error = listens ? 0 : errno;
  ::close(fd);
  return error;
}

}  // namespace

Status CheckPortFree(const std::string& host, uint16_t port) {
  if (port == 0) return Status::Ok();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int unresolved = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (unresolved != 0) return InvalidArgument("host has no address, host=" + host + ": " + ::gai_strerror(unresolved));
  Status failure;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int error = TryListen(*address);
    // "localhost" is also an IPv6 address on machines that have no IPv6.
    const bool elsewhere = error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
    if (error == 0 || (elsewhere && (address != found || address->ai_next != nullptr))) continue;
    failure = Unavailable("cannot listen on " + AddressText(*address) + ": " + std::strerror(error));
    break;
  }
  ::freeaddrinfo(found);
  return failure;
}

}  // namespace weir
