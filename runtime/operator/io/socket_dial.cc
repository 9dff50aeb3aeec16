#include "runtime/operator/io/socket_dial.h"

#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>

namespace weir {

struct SocketDial::State {
  State(std::string host_name, uint16_t port_number) : host(std::move(host_name)), port(port_number), event(::eventfd(0, EFD_CLOEXEC)) {
    if (event < 0) throw std::runtime_error("cannot connect to " + Address() + ": " + std::strerror(errno));
  }
  ~State() {
    if (socket >= 0) ::close(socket);
    ::close(event);
  }
  std::string Address() const { return host + ":" + std::to_string(port); }
  void Run();

  const std::string host;
  const uint16_t port;
  const int event;
  // Written by the dialing thread before `ended`.
  int socket = -1;
  std::string error;
  std::atomic<bool> ended{false};
};

void SocketDial::State::Run() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); code != 0) {
    error = "cannot resolve the host of " + Address() + ": " + ::gai_strerror(code);
    return;
  }
  for (const addrinfo* address = found; address != nullptr && socket < 0; address = address->ai_next) {
    const int fd = ::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
    if (fd >= 0 && ::connect(fd, address->ai_addr, address->ai_addrlen) == 0) {
      socket = fd;
    } else {
      error = "cannot connect to " + Address() + ": " + std::strerror(errno);
      if (fd >= 0) ::close(fd);
    }
  }
  ::freeaddrinfo(found);
}

SocketDial::SocketDial(std::string host, uint16_t port) : state_(std::make_shared<State>(std::move(host), port)) {
  std::thread([state = state_] {
    state->Run();
    state->ended.store(true, std::memory_order_release);
    ::eventfd_write(state->event, 1);
  }).detach();  // Nobody can make a name server answer; it owns what it touches.
}

int SocketDial::ended_fd() const { return state_->event; }

bool SocketDial::ended() const { return state_->ended.load(std::memory_order_acquire); }

int SocketDial::TakeSocket() {
  if (state_->socket < 0) throw std::runtime_error(state_->error);
  return std::exchange(state_->socket, -1);
}

}  // namespace weir
