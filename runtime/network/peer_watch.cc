#include "runtime/network/peer_watch.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"

namespace weir {
namespace {

constexpr int kPingIntervalMs = 500;
constexpr size_t kAdoptedMax = 10'000;

int64_t NowNs() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

// Also for a peer that says nothing by itself: its silence ends the connection.
void SetTimeouts(int socket, int64_t timeout_ms) {
  const int on = 1;
  const unsigned int user_timeout_ms = static_cast<unsigned int>(timeout_ms);
  const int idle_s = static_cast<int>(std::clamp<int64_t>(timeout_ms / 1'000, 1, 32'767));
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof(idle_s));
}

// Begins to connect, each time to the next of the host's addresses; -1 with errno. Waits for the resolver only, never for the peer.
int BeginToConnect(const std::string& address, uint32_t dial_count, int64_t timeout_ms) {
  const size_t colon = address.rfind(':');
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (colon == std::string::npos || ::getaddrinfo(address.substr(0, colon).c_str(), address.substr(colon + 1).c_str(), &hints, &found) != 0) {
    errno = EHOSTUNREACH;
    return -1;
  }
  std::vector<const addrinfo*> candidates;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) candidates.push_back(each);
  const addrinfo& to = *candidates[dial_count % candidates.size()];
  const int socket = ::socket(to.ai_family, to.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to.ai_protocol);
  if (socket >= 0) SetTimeouts(socket, timeout_ms);
  const bool begun = socket >= 0 && (::connect(socket, to.ai_addr, to.ai_addrlen) == 0 || errno == EINPROGRESS);
  const int error = errno;
  ::freeaddrinfo(found);
  if (!begun && socket >= 0) ::close(socket);
  errno = error;
  return begun ? socket : -1;
}

// How a connection that has begun stands.
enum class Progress : uint8_t { kUnderWay, kConnected, kFailed };

// With errno when it failed.
Progress LookAtConnecting(int socket) {
  pollfd event{socket, POLLOUT, 0};
  if (::poll(&event, 1, 0) <= 0) return Progress::kUnderWay;
  int error = 0;
  socklen_t length = sizeof(error);
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  errno = error;
  return error == 0 ? Progress::kConnected : Progress::kFailed;
}

std::string NoAnswer(int error, int64_t timeout_ms) {
  std::string why = std::strerror(error);
  if (error == ETIMEDOUT) why += ", no answer for " + std::to_string(timeout_ms) + " ms";
  return why;
}

// Drops what came in. Unset while the socket is open and without error; 0 at its end, else the error.
std::optional<int> Drain(int socket) {
  char dropped[256];
  while (true) {
    const ssize_t count = ::recv(socket, dropped, sizeof(dropped), MSG_DONTWAIT);
    if (count > 0) continue;
    if (count == 0) return 0;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::nullopt;
    return errno;
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
  SetTimeouts(socket, timeout_ms_);
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
      if (peer.state == State::kConnecting) Greet(peer);
      if (peer.state == State::kConnected) Ping(peer);
    }
    DrainAdopted();
    // A peer that goes away ends its connection: that wakes at once, pings are for those that cannot.
    std::vector<pollfd> waiting = {{wake_[0], POLLIN, 0}};
    for (const Peer& peer : peers_) {
      if (peer.state == State::kConnecting) waiting.push_back({peer.socket, POLLOUT, 0});
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
  for (const std::string& address : addresses_) peers_.push_back({address, State::kDialing, -1, 0, NowNs() + timeout_ms_ * 1'000'000});
}

void PeerWatch::Dial(Peer& peer) {
  peer.socket = BeginToConnect(peer.address, peer.dial_count++, timeout_ms_);
  if (peer.socket >= 0) {
    peer.state = State::kConnecting;
  } else {
    DialAgain(peer, errno);
  }
}

void PeerWatch::Greet(Peer& peer) {
  const Progress progress = LookAtConnecting(peer.socket);
  if (progress == Progress::kUnderWay) {
    if (NowNs() >= peer.dial_until_ns) DialAgain(peer, ETIMEDOUT);
    return;
  }
  const std::string hello = handshake_.Encode();
  if (progress == Progress::kConnected && ::send(peer.socket, hello.data(), hello.size(), MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(hello.size())) {
    peer.state = State::kConnected;
  } else {
    DialAgain(peer, errno);
  }
}

void PeerWatch::DialAgain(Peer& peer, int error) {
  if (NowNs() >= peer.dial_until_ns) return Lose(peer, "cannot connect: " + NoAnswer(error, timeout_ms_));
  // The next round comes after a ping's interval: the peer's TaskManager may be starting.
  if (peer.socket >= 0) ::close(std::exchange(peer.socket, -1));
  peer.state = State::kDialing;
}

void PeerWatch::Ping(Peer& peer) {
  if (const std::optional<int> end = Drain(peer.socket); end.has_value()) {
    return Lose(peer, *end == 0 ? "its worker closed the heartbeat connection" : "no heartbeat: " + NoAnswer(*end, timeout_ms_));
  }
  if (::send(peer.socket, ".", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 || errno == EAGAIN || errno == EWOULDBLOCK) return;
  Lose(peer, "no heartbeat: " + NoAnswer(errno, timeout_ms_));
}

void PeerWatch::Lose(Peer& peer, const std::string& why) {
  peer.state = State::kLost;
  if (peer.socket >= 0) ::close(std::exchange(peer.socket, -1));
  on_lost_(handshake_.attempt, peer.address, why);
}

void PeerWatch::DrainAdopted() {
  std::erase_if(adopted_, [](int socket) {
    if (!Drain(socket).has_value()) return false;
    ::close(socket);
    return true;
  });
  while (adopted_.size() > kAdoptedMax) {
    ::close(adopted_.front());
    adopted_.erase(adopted_.begin());
  }
}

}  // namespace weir
