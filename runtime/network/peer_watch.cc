#include "runtime/network/peer_watch.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/check.h"

namespace weir {
namespace {

constexpr int kPingIntervalMs = 500;
constexpr size_t kAdoptedMax = 10'000;

int64_t NowNs() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

void SetTimeouts(int socket, int64_t timeout_ms) {
  const unsigned int user_timeout_ms = static_cast<unsigned int>(timeout_ms);
  const timeval send_timeout{timeout_ms / 1'000, (timeout_ms % 1'000) * 1'000};
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &send_timeout, sizeof(send_timeout));
}

// Connects and says hello; -1 with errno.
int DialPeer(const std::string& address, const std::string& hello, int64_t timeout_ms) {
  const size_t colon = address.rfind(':');
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (colon == std::string::npos || ::getaddrinfo(address.substr(0, colon).c_str(), address.substr(colon + 1).c_str(), &hints, &found) != 0) {
    errno = EHOSTUNREACH;
    return -1;
  }
  int socket = -1;
  for (const addrinfo* candidate = found; candidate != nullptr && socket < 0; candidate = candidate->ai_next) {
    socket = ::socket(candidate->ai_family, candidate->ai_socktype | SOCK_CLOEXEC, candidate->ai_protocol);
    if (socket < 0) continue;
    SetTimeouts(socket, timeout_ms);  // The send time-out bounds the connect as well.
    const bool greeted = ::connect(socket, candidate->ai_addr, candidate->ai_addrlen) == 0 &&
                         ::send(socket, hello.data(), hello.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(hello.size());
    if (greeted) break;
    const int error = errno;
    ::close(socket);
    socket = -1;
    errno = error;
  }
  ::freeaddrinfo(found);
  return socket;
}

// True while the socket is open and without error; drops what came in.
bool Drain(int socket) {
  char dropped[256];
  while (true) {
    const ssize_t count = ::recv(socket, dropped, sizeof(dropped), MSG_DONTWAIT);
    if (count > 0) continue;
    if (count == 0) return false;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  }
}

}  // namespace

PeerWatch::PeerWatch(int64_t timeout_ms, std::function<void(AttemptId, const std::string&, const std::string&)> on_lost)
    : timeout_ms_(timeout_ms), on_lost_(std::move(on_lost)) {
  CHECK(::pipe2(wake_, O_CLOEXEC | O_NONBLOCK) == 0);
  thread_ = std::thread([this] { Run(); });
}

PeerWatch::~PeerWatch() {
  CHECK(stopping_.load());
  ::close(wake_[0]);
  ::close(wake_[1]);
}

void PeerWatch::Watch(JobId job, AttemptId attempt, const std::set<std::string>& addresses) {
  {
    std::lock_guard lock(mutex_);
    job_ = job;
    attempt_ = attempt;
    addresses_ = addresses;
    renewed_ = true;
  }
  (void)!::write(wake_[1], "w", 1);  // A full pipe wakes as well.
}

void PeerWatch::Adopt(int socket) {
  std::lock_guard lock(mutex_);
  handed_over_.push_back(socket);
}

void PeerWatch::Stop() {
  stopping_.store(true);
  (void)!::write(wake_[1], "s", 1);
  thread_.join();
  for (const Peer& peer : peers_) {
    if (peer.socket >= 0) ::close(peer.socket);
  }
  for (const int socket : adopted_) ::close(socket);
  for (const int socket : handed_over_) ::close(socket);
}

void PeerWatch::Run() {
  pthread_setname_np(pthread_self(), "peer-watch");
  while (!stopping_.load()) {
    Renew();
    for (Peer& peer : peers_) {
      if (stopping_.load()) return;
      if (peer.state == State::kDialing) Dial(peer);
      if (peer.state == State::kConnected) Ping(peer);
    }
    DrainAdopted();
    // A peer that goes away ends its connection: that wakes at once, pings are for those that cannot.
    std::vector<pollfd> waiting = {{wake_[0], POLLIN, 0}};
    for (const Peer& peer : peers_) {
      if (peer.state == State::kConnected) waiting.push_back({peer.socket, POLLIN, 0});
    }
    ::poll(waiting.data(), waiting.size(), kPingIntervalMs);
    char woken[64];
    while (::read(wake_[0], woken, sizeof(woken)) > 0) {
    }
  }
}

void PeerWatch::Renew() {
  std::lock_guard lock(mutex_);
  adopted_.insert(adopted_.end(), handed_over_.begin(), handed_over_.end());
  handed_over_.clear();
  if (!renewed_) return;
  renewed_ = false;
  for (const Peer& peer : peers_) {
    if (peer.socket >= 0) ::close(peer.socket);
  }
  peers_.clear();
  handshake_ = {job_, attempt_, kHeartbeatEdge, 0, 0};
  for (const std::string& address : addresses_) peers_.push_back({address, State::kDialing, -1, NowNs() + timeout_ms_ * 1'000'000});
}

void PeerWatch::Dial(Peer& peer) {
  peer.socket = DialPeer(peer.address, handshake_.Encode(), timeout_ms_);
  if (peer.socket >= 0) {
    peer.state = State::kConnected;
  } else if (NowNs() >= peer.dial_until_ns) {
    Lose(peer, std::string("cannot connect: ") + std::strerror(errno));
  }
}

void PeerWatch::Ping(Peer& peer) {
  if (!Drain(peer.socket)) return Lose(peer, "its worker closed the heartbeat connection");
  if (::send(peer.socket, ".", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 || errno == EAGAIN || errno == EWOULDBLOCK) return;
  Lose(peer, std::string("no heartbeat: ") + std::strerror(errno));
}

void PeerWatch::Lose(Peer& peer, const std::string& why) {
  peer.state = State::kLost;
  if (peer.socket >= 0) ::close(std::exchange(peer.socket, -1));
  on_lost_(handshake_.attempt, peer.address, why);
}

void PeerWatch::DrainAdopted() {
  std::erase_if(adopted_, [](int socket) {
    if (Drain(socket)) return false;
    ::close(socket);
    return true;
  });
  while (adopted_.size() > kAdoptedMax) {
    ::close(adopted_.front());
    adopted_.erase(adopted_.begin());
  }
}

}  // namespace weir
