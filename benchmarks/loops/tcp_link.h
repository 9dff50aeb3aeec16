// One end of a connection between two workers of a loop, over loopback TCP, without blocking.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "benchmarks/loops/worker.h"

namespace weir::bench {

// Two connected sockets on 127.0.0.1.
std::pair<int, int> ConnectedSockets();

// Rows that fill whole chunks leave in one write; the receiver takes what has come in one read. Thread: its worker's.
template <class Row>
class TcpLink {
 public:
  // `chunk_rows`: how many rows Append may add between two calls of Blocked.
  TcpLink(int socket, size_t chunk_rows)
      : socket_(socket), chunk_rows_(chunk_rows), capacity_(4 * chunk_rows), out_(new Row[capacity_]), in_(new std::byte[kReceiveBytes]) {}
  ~TcpLink() { ::close(socket_); }
  TcpLink(const TcpLink&) = delete;
  TcpLink& operator=(const TcpLink&) = delete;

  // ---- Sending ----
  bool Blocked() const { return count_ + chunk_rows_ > capacity_; }
  void Append(const Row& row) { out_[count_++] = row; }
  void AppendAll(const Row* rows, size_t count) {
    std::memcpy(&out_[count_], rows, count * sizeof(Row));
    count_ += count;
  }
  size_t waiting() const { return count_; }
  // Sends what the socket takes; whether anything left.
  bool Flush() {
    const size_t total = count_ * sizeof(Row);
    bool progress = false;
    while (sent_ < total) {
      const ssize_t sent = ::send(socket_, reinterpret_cast<const std::byte*>(out_.get()) + sent_, total - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return progress;
      if (sent < 0) Die("send");
      sent_ += static_cast<size_t>(sent);
      progress = true;
    }
    count_ = sent_ = 0;
    return progress;
  }
  // Nothing comes behind what was appended. Requires: nothing waits.
  void CloseSending() {
    if (!std::exchange(closed_, true)) ::shutdown(socket_, SHUT_WR);
  }

  // ---- Receiving ----
  bool ended() const { return ended_; }
  // Hands `take(rows, count)` what has come; it returns how many rows it took, the others come again with those behind
  // them. Whether anything came.
  template <class Take>
  bool Receive(Take&& take) {
    if (ended_) return false;
    const ssize_t received = ::recv(socket_, in_.get() + kept_, kReceiveBytes - kept_, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (received < 0) Die("recv");
    if (received == 0) return ended_ = true;
    const size_t total = kept_ + static_cast<size_t>(received);
    const size_t taken = sizeof(Row) * take(reinterpret_cast<const Row*>(in_.get()), total / sizeof(Row));
    kept_ = total - taken;
    std::memmove(in_.get(), in_.get() + taken, kept_);
    return true;
  }

  pollfd Awaited() const {
    const short sending = count_ != 0 ? POLLOUT : 0;
    return {ended_ && sending == 0 ? -1 : socket_, static_cast<short>((ended_ ? 0 : POLLIN) | sending), 0};
  }

 private:
  static constexpr size_t kReceiveBytes = 128 * 1024;

  const int socket_;
  const size_t chunk_rows_;
  const size_t capacity_;
  std::unique_ptr<Row[]> out_;
  size_t count_ = 0;  // Rows in out_.
  size_t sent_ = 0;   // Bytes of out_ that are on their way.
  bool closed_ = false;
  std::unique_ptr<std::byte[]> in_;
  size_t kept_ = 0;  // Bytes of an incomplete row at the front of in_.
  bool ended_ = false;
};

// A link for each pair of workers: links[a][b] is a's end towards b, null for a == b.
template <class Row>
using TcpLinks = std::vector<std::vector<std::unique_ptr<TcpLink<Row>>>>;

template <class Row>
TcpLinks<Row> ConnectWorkers(uint32_t workers, size_t chunk_rows) {
  TcpLinks<Row> links(workers);
  for (auto& row : links) row.resize(workers);
  for (uint32_t a = 0; a < workers; ++a) {
    for (uint32_t b = a + 1; b < workers; ++b) {
      const auto [one, other] = ConnectedSockets();
      links[a][b] = std::make_unique<TcpLink<Row>>(one, chunk_rows);
      links[b][a] = std::make_unique<TcpLink<Row>>(other, chunk_rows);
    }
  }
  return links;
}

}  // namespace weir::bench
