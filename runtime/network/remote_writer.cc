#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <stdexcept>
#include <string>

#include "base/check.h"
#include "base/checksum.h"
#include "runtime/network/frame.h"
#include "runtime/network/reactor_core.h"
#include "runtime/network/remote_channel.h"

namespace weir {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr int64_t kRetryMs = 20;

// Shared by the writer and the callbacks under way, which may end after it. Thread: the slot's.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Reactor& reactor, std::string address, const ChannelHandshake& handshake, const TypeInfo& type, int64_t connect_timeout_ms, WakeTarget& producer)
      : socket_(reactor.core().io),
        resolver_(reactor.core().io),
        timer_(reactor.core().io),
        address_(std::move(address)),
        handshake_(handshake.Encode()),
        type_(type),
        deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(connect_timeout_ms)),
        producer_(&producer) {}

  void Start() {
    const size_t colon = address_.rfind(':');
    if (colon == std::string::npos) return Break("address has no port");
    resolver_.async_resolve(address_.substr(0, colon), address_.substr(colon + 1), [self = shared_from_this()](const ErrorCode& error, Tcp::resolver::results_type found) {
      if (self->closed_) return;
      if (error) return self->Break("cannot resolve: " + error.message());
      self->endpoints_ = std::move(found);
      self->Connect();
    });
  }

  void Close() {
    closed_ = true;
    producer_ = nullptr;
    ErrorCode ignored;
    resolver_.cancel();
    timer_.cancel();
    socket_.close(ignored);
    queue_.clear();
  }

  bool CanSendBatch() {
    const bool can_send = granted_ && credit_batches_ > 0 && (credit_bytes_ > 0 || outstanding_ == 0);
    if (!can_send) wake_on_credit_ = true;
    return can_send;
  }
  bool ReceiverIdle() {
    const bool idle = granted_ && outstanding_ == 0;
    if (!idle) wake_on_credit_ = true;
    return idle;
  }
  uint32_t TakeWorkRequests() { return std::exchange(work_requests_, 0); }
  bool Flushed() const { return ended_ && peer_closed_; }
  const Status& health() const { return health_; }

  void Send(Element element) {
    if (!health_.ok()) return;
    OutFrame& frame = queue_.emplace_back();
    if (element.IsBatch()) {
      --credit_batches_;
      credit_bytes_ -= static_cast<int64_t>(PrepareBatch(std::move(element), frame));
      ++outstanding_;
    } else {
      ended_ = ended_ || element.kind == ElementKind::kEndOfInput;
      frame.encoded = ControlSection(element);
      ControlFrame(element, next_sequence_, frame.encoded).EncodeTo(frame.header.data());
      // The queue moves no frame, so that the text stays where it is.
      frame.buffers[3] = asio::buffer(frame.encoded);
    }
    ++next_sequence_;
    WriteNext();
  }

 private:
  struct OutFrame {
    std::array<std::byte, FrameHeader::kBytes> header;
    Element element;      // Keeps the batch whose memory is sent.
    std::string encoded;  // Rows of types that are not flat; the section of a control element.
    std::array<asio::const_buffer, 4> buffers;
  };

  // Returns the bytes that it takes from the credit: those of its sections.
  uint64_t PrepareBatch(Element element, OutFrame& frame) {
    // Padding may hold what user code left there; a shared batch is not ours to change.
    if (type_.zero_padding != nullptr) {
      if (element.frozen != nullptr) element = Element::Batch(element.frozen->Copy());
      type_.zero_padding(element.batch.rows(), element.batch.size());
    }
    const RecordBatch& batch = element.rows();
    FrameHeader header;
    header.sequence = next_sequence_;
    header.rows = batch.size();
    header.has_hashes = batch.has_hashes();
    header.has_timestamps = batch.has_timestamps();
    header.flat = type_.flat;
    std::string_view rows(static_cast<const char*>(batch.rows()), size_t{batch.size()} * type_.size_bytes);
    if (!type_.flat) {
      ByteWriter writer;
      type_.encode(batch.rows(), batch.size(), writer);
      frame.encoded = writer.Take();
      rows = frame.encoded;
    }
    const size_t column_bytes = size_t{batch.size()} * 8;
    const std::string_view hashes(reinterpret_cast<const char*>(batch.hashes()), header.has_hashes ? column_bytes : 0);
    const std::string_view timestamps(reinterpret_cast<const char*>(batch.timestamps()), header.has_timestamps ? column_bytes : 0);
    header.row_bytes = rows.size();
    if (rows.size() > FrameHeader::kRowBytesMax) {
      const std::string bytes = std::to_string(rows.size());
      queue_.pop_back();  // The frame that cannot be made.
      throw std::length_error("a record is too large to be sent: a batch of " + std::to_string(header.rows) + " takes " + bytes +
                              " bytes, limit=" + std::to_string(FrameHeader::kRowBytesMax));
    }
    Checksum64Stream checksum;
    checksum.Update(hashes);
    checksum.Update(timestamps);
    checksum.Update(rows);
    header.checksum = checksum.Digest();
    header.EncodeTo(frame.header.data());
    frame.buffers = {asio::const_buffer(), asio::buffer(hashes), asio::buffer(timestamps), asio::buffer(rows)};
    frame.element = std::move(element);  // Its block does not move.
    return header.SectionBytes();
  }

  void Connect() {
    asio::async_connect(socket_, endpoints_, [self = shared_from_this()](const ErrorCode& error, const Tcp::endpoint&) {
      if (self->closed_) return;
      if (!error) return self->OnConnected();
      // The peer's TaskManager may be starting.
      if (std::chrono::steady_clock::now() >= self->deadline_) return self->Break("cannot connect: " + error.message());
      ErrorCode ignored;
      self->socket_.close(ignored);
      self->timer_.expires_after(std::chrono::milliseconds(kRetryMs));
      self->timer_.async_wait([self](const ErrorCode& cancelled) {
        if (!cancelled && !self->closed_) self->Connect();
      });
    });
  }

  void OnConnected() {
    ErrorCode ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    asio::async_write(socket_, asio::buffer(handshake_), [self = shared_from_this()](const ErrorCode& error, size_t) {
      if (self->closed_) return;
      if (error) return self->Break("cannot send the handshake: " + error.message());
      self->connected_ = true;
      self->ReadCredit();
      self->WriteNext();
    });
  }

  void WriteNext() {
    if (!connected_ || writing_ || queue_.empty()) return;
    writing_ = true;
    OutFrame& frame = queue_.front();
    frame.buffers[0] = asio::buffer(frame.header);
    // A deque does not move its front while others are added behind.
    asio::async_write(socket_, frame.buffers, [self = shared_from_this()](const ErrorCode& error, size_t) {
      if (self->closed_) return;
      if (error) return self->Break("cannot send: " + error.message());
      self->writing_ = false;
      self->queue_.pop_front();
      self->WriteNext();
    });
  }

  void ReadCredit() {
    asio::async_read(socket_, asio::buffer(credit_), [self = shared_from_this()](const ErrorCode& error, size_t) {
      if (self->closed_) return;
      if (error) return self->OnReadError(error);
      const StatusOr<CreditFrame> credit = CreditFrame::Decode(self->credit_.data());
      if (!credit.ok()) return self->Break(credit.status().message());
      self->OnCredit(*credit);
      self->ReadCredit();
    });
  }

  void OnReadError(const ErrorCode& error) {
    // The consumer closes once it has the end of input.
    peer_closed_ = true;
    if (!ended_ || !queue_.empty()) return Break(error == asio::error::eof ? "the consumer closed the connection" : error.message());
    if (producer_ != nullptr) producer_->Wake();
  }

  void OnCredit(const CreditFrame& credit) {
    credit_batches_ += credit.batches;
    credit_bytes_ += static_cast<int64_t>(credit.bytes);
    // The first grant is the channel's capacity, the others are what was consumed.
    if (granted_) outstanding_ -= std::min<uint64_t>(outstanding_, credit.batches);
    granted_ = true;
    work_requests_ += credit.work_requests;
    const bool wake = std::exchange(wake_on_credit_, false) || credit.work_requests > 0;
    if (wake && producer_ != nullptr) producer_->Wake();
  }

  void Break(const std::string& why) {
    if (!health_.ok()) return;
    health_ = Unavailable("data connection to " + address_ + " broke: " + why);
    peer_closed_ = true;
    ErrorCode ignored;
    socket_.close(ignored);
    if (producer_ != nullptr) producer_->Wake();
  }

  Tcp::socket socket_;
  Tcp::resolver resolver_;
  asio::steady_timer timer_;
  const std::string address_;
  const std::string handshake_;
  const TypeInfo& type_;
  const std::chrono::steady_clock::time_point deadline_;
  WakeTarget* producer_;  // Null once closed.
  Tcp::resolver::results_type endpoints_;
  std::deque<OutFrame> queue_;  // Batches in it are bounded by credit, control elements by the checkpoint rate.
  std::array<std::byte, CreditFrame::kBytes> credit_;
  uint64_t next_sequence_ = 0;
  int64_t credit_batches_ = 0;
  int64_t credit_bytes_ = 0;
  uint64_t outstanding_ = 0;  // Batches sent and not consumed yet.
  uint32_t work_requests_ = 0;
  bool granted_ = false;      // The first credit came: the consumer is there.
  bool connected_ = false;
  bool writing_ = false;
  bool ended_ = false;        // EndOfInput was sent.
  bool peer_closed_ = false;
  bool closed_ = false;
  bool wake_on_credit_ = false;
  Status health_;
};

class RemoteWriter final : public ChannelWriter {
 public:
  explicit RemoteWriter(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~RemoteWriter() override { connection_->Close(); }
  bool CanSendBatch() override { return connection_->CanSendBatch(); }
  void Send(Element element) override { connection_->Send(std::move(element)); }
  bool ReceiverIdle() override { return connection_->ReceiverIdle(); }
  uint32_t TakeWorkRequests() override { return connection_->TakeWorkRequests(); }
  bool Flushed() override { return connection_->Flushed() || !connection_->health().ok(); }
  Status health() const override { return connection_->health(); }

 private:
  std::shared_ptr<Connection> connection_;  // Shared with its callbacks.
};

}  // namespace

std::unique_ptr<ChannelWriter> NewRemoteWriter(Reactor& reactor, const std::string& address, const ChannelHandshake& handshake, const TypeInfo& type,
                                               int64_t connect_timeout_ms, WakeTarget& producer) {
  auto connection = std::make_shared<Connection>(reactor, address, handshake, type, connect_timeout_ms, producer);
  connection->Start();
  return std::make_unique<RemoteWriter>(std::move(connection));
}

}  // namespace weir
