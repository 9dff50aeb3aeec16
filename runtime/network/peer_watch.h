// Judges whether the workers at the other ends of remote channels are still there (R32).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/network/remote_channel.h"

namespace weir {

// One heartbeat connection to each peer worker, with pings and a TCP user time-out, on a thread of its own: data sockets
// have no time-out, since a full window behind a long user call is legal. Public calls are thread-safe.
class PeerWatch {
 public:
  // `handshake.edge` of a heartbeat connection; no channel has it.
  static constexpr uint32_t kHeartbeatEdge = UINT32_MAX;

  // A peer is lost when it does not answer for `timeout_ms`, refuses to be reached for as long, or ends the connection.
  // `on_lost` is called on the watch's thread, once per peer and attempt, and must not call back.
  PeerWatch(int64_t timeout_ms, std::function<void(AttemptId attempt, const std::string& address, const std::string& why)> on_lost);
  ~PeerWatch();  // CHECKs Stop.
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;

  // Watches these peers ("host:port" of their TaskManagers' data ports) of the job's attempt instead of any before.
  void Watch(JobId job, AttemptId attempt, const std::set<std::string>& addresses);
  // Takes a heartbeat connection that a peer opened: what comes is read and dropped, until its end or silence.
  void Adopt(int socket);
  void Stop();

 private:
  // kDialing <-> kConnecting -> kConnected -> kLost, and kLost from any; a peer of an older attempt is closed.
  enum class State : uint8_t { kDialing, kConnecting, kConnected, kLost };
  struct Peer {
    std::string address;
    State state = State::kDialing;
    int socket = -1;
    uint32_t dial_count = 0;
    int64_t dial_until_ns = 0;  // A connection that is not there by then is lost.
  };

  void Run();
  void Renew();
  void Dial(Peer& peer);
  void Greet(Peer& peer);
  void DialAgain(Peer& peer, int error);
  void Ping(Peer& peer);
  void Lose(Peer& peer, const std::string& why);
  void DrainAdopted();

  const int64_t timeout_ms_;
  const std::function<void(AttemptId, const std::string&, const std::string&)> on_lost_;
  std::atomic<bool> stopping_{false};
  int wake_[2] = {-1, -1};  // A pipe: ends the wait of the thread.

  std::mutex mutex_;
  JobId job_;  // Guarded by mutex_, as are the next ones: what the thread takes over.
  AttemptId attempt_;
  std::set<std::string> addresses_;
  bool renewed_ = false;
  std::vector<int> handed_over_;

  // Only on the thread.
  ChannelHandshake handshake_;
  std::vector<Peer> peers_;
  std::vector<int> adopted_;
  std::thread thread_;
};

}  // namespace weir
