#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>

#include <weir/io/builtin_sources.h>

#include "runtime/operator/io/socket_dial.h"

namespace weir {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kLineBytesMax = 64 * 1024 * 1024;

class Reader final : public SourceReader<std::string, SocketSplit> {
 public:
  Reader(std::string host, uint16_t port, char delimiter) : host_(std::move(host)), port_(port), delimiter_(delimiter) {}
  ~Reader() override {
    if (fd_ >= 0) ::close(fd_);
  }
  void AddSplit(SocketSplit split) override { splits_.push_back(split); }

  ReadResult Read(Collector<std::string>& out, uint32_t rows_max) override {
    if (splits_.empty()) return {ReadResult::Kind::kNeedsSplit};
    if (fd_ < 0) {
      if (!dial_.has_value()) dial_.emplace(host_, port_);
      if (!dial_->ended()) return {ReadResult::Kind::kWait, dial_->ended_fd()};
      fd_ = dial_->TakeSocket();
    }
    uint32_t rows = 0;
    while (rows < rows_max && EmitLine(out)) ++rows;
    if (rows == rows_max) return {};
    char chunk[kReadBytes];
    const ssize_t count = ::recv(fd_, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (count > 0) {
      buffer_.append(chunk, static_cast<size_t>(count));
      if (buffer_.size() > kLineBytesMax) throw std::runtime_error("line from a socket is longer than 64 MiB, address=" + Address());
      return {};
    }
    if (count == 0) {
      splits_.clear();
      if (!buffer_.empty()) out.Collect(std::exchange(buffer_, {}));
      return {};
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      throw std::runtime_error("cannot read from socket: " + std::string(std::strerror(errno)) + ", address=" + Address());
    }
    return {ReadResult::Kind::kWait, fd_};
  }
  std::vector<SocketSplit> Snapshot() const override { return splits_; }

 private:
  std::string Address() const { return host_ + ":" + std::to_string(port_); }
  bool EmitLine(Collector<std::string>& out) {
    const size_t end = buffer_.find(delimiter_, at_);
    if (end == std::string::npos) {
      buffer_.erase(0, at_);
      at_ = 0;
      return false;
    }
    std::string line = buffer_.substr(at_, end - at_);
    if (delimiter_ == '\n' && line.ends_with('\r')) line.pop_back();
    at_ = end + 1;
    out.Collect(std::move(line));
    return true;
  }

  const std::string host_;
  const uint16_t port_;
  const char delimiter_;
  std::vector<SocketSplit> splits_;
  std::optional<SocketDial> dial_;
  int fd_ = -1;
  std::string buffer_;
  size_t at_ = 0;  // Where the next line starts in it.
};

}  // namespace

std::unique_ptr<SplitEnumerator<SocketSplit>> SocketTextSource::CreateEnumerator(uint32_t, std::optional<std::vector<SocketSplit>> restored) const {
  return std::make_unique<ListEnumerator<SocketSplit>>(restored.value_or(std::vector<SocketSplit>{{}}));
}

std::unique_ptr<SourceReader<std::string, SocketSplit>> SocketTextSource::CreateReader(RuntimeContext&) const {
  return std::make_unique<Reader>(host_, port_, delimiter_);
}

}  // namespace weir
