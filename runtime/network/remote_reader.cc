#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "runtime/element/block_pool.h"
#include "runtime/network/frame.h"
#include "runtime/network/reactor_core.h"
#include "runtime/network/remote_channel.h"

namespace weir {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

// Shared by the reader and the callbacks under way, which may end after it. Thread: the slot's.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Reactor& reactor, const TypeInfo& type, ChannelLimits limits, WakeTarget& consumer)
      : socket_(reactor.core().io), type_(type), limits_(limits), consumer_(&consumer), pool_(std::make_shared<BlockPool>()) {}

  void Attach(int socket) {
    if (attached_) {
      ::close(socket);
      return;
    }
    attached_ = true;
    ErrorCode error;
    socket_.assign(Tcp::v4(), socket, error);
    if (error) {
      ::close(socket);
      return Break("cannot use the socket: " + error.message());
    }
    socket_.set_option(Tcp::no_delay(true), error);
    credit_.batches += limits_.batches_max;
    credit_.bytes += limits_.bytes_max;
    SendCredit();
    ReadHeader();
  }

  void Close() {
    closed_ = true;
    consumer_ = nullptr;
    ErrorCode ignored;
    socket_.close(ignored);
    queue_.clear();
  }

  const Element* Peek() {
    if (queue_.empty() || !Decode(queue_.front())) return nullptr;
    return &queue_.front().element;
  }

  std::optional<Element> Poll() {
    if (queue_.empty() || !Decode(queue_.front())) return std::nullopt;
    Received received = std::move(queue_.front());
    queue_.pop_front();
    if (received.element.IsBatch()) {
      --queued_batches_;
      ++credit_.batches;
      credit_.bytes += received.credit_bytes;
      if (credit_.batches * 2 >= limits_.batches_max || queued_batches_ == 0) SendCredit();
    }
    return std::move(received.element);
  }

  void RequestWork(uint32_t count) {
    credit_.work_requests += count;
    SendCredit();
  }
  const Status& health() const { return health_; }

 private:
  struct Received {
    Element element;
    std::string encoded;  // Rows that the task has not decoded yet.
    uint32_t encoded_rows = 0;
    size_t credit_bytes = 0;
  };

  // On the task's side of the boundary: a user's serializer may be slow, or throw.
  bool Decode(Received& received) {
    if (received.encoded_rows == 0) return true;
    RecordBatch& batch = received.element.batch;
    ByteReader reader(received.encoded);
    if (!type_.decode(batch.rows(), received.encoded_rows, reader)) {
      Break("rows do not decode");
      return false;
    }
    batch.SetSize(received.encoded_rows);
    received.encoded_rows = 0;
    if (!reader.AtEnd()) {
      Break("rows are longer than what they hold");
      return false;
    }
    received.encoded.clear();
    return true;
  }

  void ReadHeader() {
    asio::async_read(socket_, asio::buffer(header_bytes_), [self = shared_from_this()](const ErrorCode& error, size_t) {
      if (self->closed_) return;
      if (error) return self->Break(error == asio::error::eof ? "the producer closed the connection" : error.message());
      self->OnHeader();
    });
  }

  void OnHeader() {
    StatusOr<FrameHeader> decoded = FrameHeader::Decode(header_bytes_.data());
    if (!decoded.ok()) return Break(decoded.status().message());
    header_ = *decoded;
    if (header_.sequence != next_sequence_++) return Break("a frame is missing, sequence=" + std::to_string(header_.sequence));
    if (header_.kind != ElementKind::kBatch) {
      return header_.row_bytes == 0 ? OnControl() : ReadControlSection();
    }
    // The producer keeps to its credit; one that does not is broken or hostile.
    if (queued_batches_ >= limits_.batches_max) return Break("the producer sent more than its credit");
    const bool lengths_fit = header_.flat ? header_.row_bytes == uint64_t{header_.rows} * type_.size_bytes : header_.row_bytes >= header_.rows / 64;
    if (header_.flat != type_.flat || !lengths_fit) {
      return Break("a frame does not fit its record type, rows=" + std::to_string(header_.rows) + ", bytes=" + std::to_string(header_.row_bytes) +
                   ", bytes of a row=" + std::to_string(type_.size_bytes));
    }
    ReadSections();
  }

  // The order of a savepoint, behind its barrier's header; its length was checked.
  void ReadControlSection() {
    current_ = {};
    current_.encoded.resize(header_.row_bytes);
    asio::async_read(socket_, asio::buffer(current_.encoded), [self = shared_from_this()](const ErrorCode& error, size_t) {
      if (self->closed_) return;
      if (error) return self->Break(error == asio::error::eof ? "the producer closed the connection" : error.message());
      self->OnControl();
    });
  }

  void OnControl() {
    StatusOr<Element> element = ElementOf(header_, header_.row_bytes == 0 ? std::string_view() : std::string_view(current_.encoded));
    if (!element.ok()) return Break(element.status().message());
    Push({std::move(*element), {}, 0, 0});
  }

  void ReadSections() {
    current_ = {};
    current_.element.batch = RecordBatch(type_, {header_.rows, header_.has_hashes, header_.has_timestamps}, pool_);
    RecordBatch& batch = current_.element.batch;
    const size_t column_bytes = size_t{header_.rows} * 8;
    std::array<asio::mutable_buffer, 3> sections;
    if (header_.has_hashes) sections[0] = asio::buffer(batch.hashes(), column_bytes);
    if (header_.has_timestamps) sections[1] = asio::buffer(batch.timestamps(), column_bytes);
    if (type_.flat) {
      sections[2] = asio::buffer(batch.rows(), header_.row_bytes);
    } else {
      current_.encoded.resize(header_.row_bytes);
      sections[2] = asio::buffer(current_.encoded);
    }
    asio::async_read(socket_, sections, [self = shared_from_this(), sections](const ErrorCode& error, size_t) {
      if (self->closed_) return;
      if (error) return self->Break(error == asio::error::eof ? "the producer closed the connection" : error.message());
      Checksum64Stream checksum;
      for (const asio::mutable_buffer& section : sections) checksum.Update({static_cast<const char*>(section.data()), section.size()});
      if (checksum.Digest() != self->header_.checksum) return self->Break("a frame has a wrong checksum");
      self->OnBatch();
    });
  }

  void OnBatch() {
    current_.credit_bytes = header_.SectionBytes();  // What the producer took.
    if (type_.flat) {
      current_.element.batch.SetSize(header_.rows);
    } else {
      current_.encoded_rows = header_.rows;
    }
    ++queued_batches_;
    Push(std::move(current_));
  }

  void Push(Received received) {
    const bool ended = received.element.kind == ElementKind::kEndOfInput;
    queue_.push_back(std::move(received));
    if (consumer_ != nullptr) consumer_->Wake();
    if (!ended) return ReadHeader();
    // The end is in our hands: closing tells the producer so.
    ended_ = true;
    ErrorCode ignored;
    socket_.close(ignored);
  }

  void SendCredit() {
    if (!attached_ || credit_writing_ || ended_ || !health_.ok()) return;
    if (credit_.batches == 0 && credit_.work_requests == 0) return;
    credit_.EncodeTo(credit_bytes_.data());
    credit_ = {};
    credit_writing_ = true;
    asio::async_write(socket_, asio::buffer(credit_bytes_), [self = shared_from_this()](const ErrorCode& error, size_t) {
      self->credit_writing_ = false;
      if (self->closed_ || self->ended_) return;
      if (error) return self->Break("cannot return credit: " + error.message());
      self->SendCredit();
    });
  }

  void Break(const std::string& why) {
    if (!health_.ok() || ended_) return;
    health_ = Unavailable("data connection from the producer broke: " + why);
    ErrorCode ignored;
    socket_.close(ignored);
    if (consumer_ != nullptr) consumer_->Wake();
  }

  Tcp::socket socket_;
  const TypeInfo& type_;
  const ChannelLimits limits_;
  WakeTarget* consumer_;  // Null once closed.
  std::shared_ptr<BlockPool> pool_;
  std::array<std::byte, FrameHeader::kBytes> header_bytes_;
  std::array<std::byte, CreditFrame::kBytes> credit_bytes_;
  FrameHeader header_;
  Received current_;              // Being read.
  std::deque<Received> queue_;    // Batches in it are bounded by credit.
  uint64_t next_sequence_ = 0;
  uint32_t queued_batches_ = 0;
  CreditFrame credit_;            // To be sent.
  bool attached_ = false;
  bool credit_writing_ = false;
  bool ended_ = false;
  bool closed_ = false;
  Status health_;
};

class Reader final : public RemoteReader {
 public:
  explicit Reader(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~Reader() override { connection_->Close(); }
  void Attach(int socket) override { connection_->Attach(socket); }
  std::optional<Element> Poll() override { return connection_->Poll(); }
  const Element* Peek() override { return connection_->Peek(); }
  void RequestWork(uint32_t count) override { connection_->RequestWork(count); }
  Status health() const override { return connection_->health(); }

 private:
  std::shared_ptr<Connection> connection_;  // Shared with its callbacks.
};

}  // namespace

std::unique_ptr<RemoteReader> NewRemoteReader(Reactor& reactor, const TypeInfo& type, ChannelLimits limits, WakeTarget& consumer) {
  return std::make_unique<Reader>(std::make_shared<Connection>(reactor, type, limits, consumer));
}

}  // namespace weir
