#include "tests/scenarios/text_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace weir::scenarios {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

StatusOr<std::unique_ptr<TextServer>> TextServer::Start(std::string text) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return Unavailable("the test cannot listen on a port");
  }
  return std::unique_ptr<TextServer>(new TextServer(listener, ntohs(address.sin_port), std::move(text)));
}

TextServer::TextServer(int listener, uint16_t port, std::string text)
    : listener_(listener), port_(port), text_(std::move(text)), thread_([this] { Serve(); }) {}

TextServer::~TextServer() {
  ::shutdown(listener_, SHUT_RDWR);  // Ends an accept that nobody came for.
  thread_.join();
  ::close(listener_);
}

void TextServer::Serve() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  for (size_t sent = 0; sent < text_.size();) {
    const ssize_t count = ::send(client, text_.data() + sent, text_.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<size_t>(count);
  }
  ::close(client);
}

int ConnectTo(const std::string& host_and_port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(static_cast<uint16_t>(std::atoi(host_and_port.substr(host_and_port.rfind(':') + 1).c_str())));
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return socket;
  ::close(socket);
  return -1;
}

}  // namespace weir::scenarios
