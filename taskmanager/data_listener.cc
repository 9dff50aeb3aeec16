#include "taskmanager/data_listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/status_macros.h"

namespace weir {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kLogPeriod{10};

std::string AddressText(const sockaddr_storage& address, socklen_t length) {
  char host[NI_MAXHOST] = "?";
  char port[NI_MAXSERV] = "?";
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
  return std::string(host) + ":" + port;
}

StatusOr<FileDescriptor> Listen(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string where = host + ":" + std::to_string(port);
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return InvalidArgument("data port: no address for host, host=" + host + ": " + ::gai_strerror(error));
  FileDescriptor listener;
  std::string reason = "no address";
  for (const addrinfo* candidate = found; candidate != nullptr && !listener.valid(); candidate = candidate->ai_next) {
    FileDescriptor socket(::socket(candidate->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    if (socket.valid()) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const bool listening = socket.valid() && ::bind(socket.get(), candidate->ai_addr, candidate->ai_addrlen) == 0 && ::listen(socket.get(), 1'024) == 0;
    if (listening) {
      listener = std::move(socket);
    } else {
      reason = std::strerror(errno);
    }
  }
  ::freeaddrinfo(found);
  if (!listener.valid()) return Unavailable("data port cannot be listened on, address=" + where + ": " + reason);
  return listener;
}

uint16_t PortOf(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

struct DataListener::State {
  struct Pending {
    FileDescriptor socket;
    std::string peer;
    SteadyClock::time_point deadline;
    std::array<char, ChannelHandshake::kEncodedBytes> bytes;
    size_t byte_count = 0;
  };
  enum class Progress : uint8_t { kWaiting, kDone };  // Done: handed on or closed.

  State(const DataListenerOptions& listener_options, OnConnection callback, FileDescriptor socket)
      : options(listener_options), on_connection(std::move(callback)), listener(std::move(socket)), wake(::eventfd(0, EFD_CLOEXEC)) {}

  void Run();
  void Accept();
  Progress Read(Pending& connection);
  void Refuse(Pending& connection, const std::string& why);
  int TimeoutMs() const;

  const DataListenerOptions options;
  const OnConnection on_connection;
  const FileDescriptor listener;
  const FileDescriptor wake;
  std::list<Pending> pending;  // Oldest first; at most pending_count_max.
  std::atomic<uint64_t> refused{0};
  SteadyClock::time_point last_log{};
  uint64_t unlogged = 0;
  bool accepting = true;  // False for a moment when descriptors run out.
  std::atomic<bool> stopping{false};
  std::thread thread;
};

void DataListener::State::Run() {
  while (!stopping) {
    std::vector<pollfd> polled = {{wake.get(), POLLIN, 0}, {accepting ? listener.get() : -1, POLLIN, 0}};
    for (const Pending& connection : pending) polled.push_back({connection.socket.get(), POLLIN, 0});
    if (::poll(polled.data(), polled.size(), TimeoutMs()) < 0) continue;
    if (polled[0].revents != 0) return;
    accepting = true;
    size_t i = 2;
    for (auto connection = pending.begin(); connection != pending.end(); ++i) {
      Progress progress = Progress::kWaiting;
      if (polled[i].revents != 0) progress = Read(*connection);
      if (progress == Progress::kWaiting && SteadyClock::now() >= connection->deadline) {
        Refuse(*connection, "no handshake in time");
        progress = Progress::kDone;
      }
      connection = progress == Progress::kDone ? pending.erase(connection) : std::next(connection);
    }
    if (polled[1].revents != 0) Accept();
  }
}

int DataListener::State::TimeoutMs() const {
  if (!accepting) return 100;
  if (pending.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(pending.front().deadline - SteadyClock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

void DataListener::State::Accept() {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  FileDescriptor socket(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&address), &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    // Without descriptors the connection stays in the queue, and polling would spin.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) accepting = false;
    return;
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (pending.size() >= options.pending_count_max) {
    Refuse(pending.front(), "too many connections without a handshake");
    pending.pop_front();
  }
  Pending& connection = pending.emplace_back();
  connection.socket = std::move(socket);
  connection.peer = AddressText(address, length);
  connection.deadline = SteadyClock::now() + std::chrono::milliseconds(options.handshake_timeout_ms);
}

DataListener::State::Progress DataListener::State::Read(Pending& connection) {
  // Not a byte more than the handshake: what follows belongs to the worker.
  const ssize_t count = ::recv(connection.socket.get(), connection.bytes.data() + connection.byte_count, connection.bytes.size() - connection.byte_count, 0);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return Progress::kWaiting;
  if (count <= 0) {
    Refuse(connection, count == 0 ? "closed before its handshake" : std::strerror(errno));
    return Progress::kDone;
  }
  connection.byte_count += static_cast<size_t>(count);
  if (connection.byte_count < connection.bytes.size()) return Progress::kWaiting;
  const StatusOr<ChannelHandshake> handshake = ChannelHandshake::Decode({connection.bytes.data(), connection.bytes.size()});
  if (!handshake.ok()) {
    Refuse(connection, handshake.status().message());
    return Progress::kDone;
  }
  const int flags = ::fcntl(connection.socket.get(), F_GETFL);
  ::fcntl(connection.socket.get(), F_SETFL, flags & ~O_NONBLOCK);
  on_connection(*handshake, std::move(connection.socket));
  return Progress::kDone;
}

void DataListener::State::Refuse(Pending& connection, const std::string& why) {
  connection.socket.Close();
  ++refused;
  const SteadyClock::time_point now = SteadyClock::now();
  if (last_log != SteadyClock::time_point{} && now - last_log < kLogPeriod) {
    ++unlogged;
    return;
  }
  LOG_WARN("Data connection closed, peer={}, others since the last such line={}: {}", connection.peer, unlogged, why);
  last_log = now;
  unlogged = 0;
}

StatusOr<std::unique_ptr<DataListener>> DataListener::Start(const DataListenerOptions& options, OnConnection on_connection) {
  ASSIGN_OR_RETURN(FileDescriptor socket, Listen(options.bind_host, options.port));
  auto state = std::make_unique<State>(options, std::move(on_connection), std::move(socket));
  state->thread = std::thread([raw = state.get()] { raw->Run(); });
  pthread_setname_np(state->thread.native_handle(), "data-listener");
  return std::unique_ptr<DataListener>(new DataListener(std::move(state)));
}

DataListener::DataListener(std::unique_ptr<State> state) : state_(std::move(state)) {}

DataListener::~DataListener() {
  state_->stopping = true;
  const uint64_t one = 1;
  const ssize_t ignored = ::write(state_->wake.get(), &one, sizeof(one));
  static_cast<void>(ignored);
  state_->thread.join();
}

uint16_t DataListener::port() const { return PortOf(state_->listener.get()); }

uint64_t DataListener::refused_count() const { return state_->refused; }

}  // namespace weir
