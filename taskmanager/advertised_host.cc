#include "taskmanager/advertised_host.h"

#include <limits.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace weir {
namespace {

// The address of this machine on the way to `to`, in digits; empty with errno. Connecting a datagram socket only asks for a route.
std::string LocalAddressTowards(const addrinfo& to) {
  const int socket = ::socket(to.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return "";
  sockaddr_storage own{};
  socklen_t length = sizeof(own);
  char text[NI_MAXHOST] = {};
  const bool found = ::connect(socket, to.ai_addr, to.ai_addrlen) == 0 && ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &length) == 0 &&
                     ::getnameinfo(reinterpret_cast<const sockaddr*>(&own), length, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) == 0;
  const int error = errno;
  ::close(socket);
  errno = error;
  return found ? text : "";
}

}  // namespace

std::string AdvertisedHost(const std::string& bind_host, const std::string& job_manager_address) {
  if (bind_host != "0.0.0.0" && bind_host != "::") return bind_host;
  const size_t colon = job_manager_address.rfind(':');
  addrinfo hints{};
  hints.ai_family = bind_host == "::" ? AF_UNSPEC : AF_INET;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  std::string host;
  std::string reason;
  const int error = colon == std::string::npos
                        ? EAI_NONAME
                        : ::getaddrinfo(job_manager_address.substr(0, colon).c_str(), job_manager_address.substr(colon + 1).c_str(), &hints, &found);
  if (error != 0) {
    reason = ::gai_strerror(error);
  } else {
    for (const addrinfo* candidate = found; candidate != nullptr && host.empty(); candidate = candidate->ai_next) {
      host = LocalAddressTowards(*candidate);
      if (host.empty()) reason = std::strerror(errno);
    }
    ::freeaddrinfo(found);
  }
  if (!host.empty()) return host;
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0 || name[0] == 0) std::strcpy(name, "localhost");
  LOG_WARN("No way to the JobManager is known yet, so others shall reach this TaskManager as {} (set taskmanager.host to change that), address={}: {}", name,
           job_manager_address, reason);
  return name;
}

}  // namespace weir
