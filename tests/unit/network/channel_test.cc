// Both kinds of channels against one description, and the remote one against damage.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/checksum.h"
#include "runtime/network/frame.h"
#include "runtime/network/local_channel.h"
#include "runtime/network/peer_watch.h"
#include "runtime/network/remote_channel.h"
#include "tests/unit/testing/fuzz.h"

namespace weir {
namespace {

constexpr std::chrono::seconds kDeadline{20};

class CountingWake final : public WakeTarget {
 public:
  void Wake() override { ++wakes; }
  int wakes = 0;
};

// The numbers of kinds are part of the format: one between them is free.
TEST(FrameTest, ControlElementsComeBackAndFreeKindsAreCorruption) {
  for (uint8_t kind = 2; kind <= 6; ++kind) {
    FrameHeader header;
    header.kind = static_cast<ElementKind>(kind);
    std::byte bytes[FrameHeader::kBytes];
    header.EncodeTo(bytes);
    const StatusOr<FrameHeader> decoded = FrameHeader::Decode(bytes);
    ASSERT_TRUE(decoded.ok()) << int{kind};
    const StatusOr<Element> element = ElementOf(*decoded, {});
    if (kind == 5) {
      EXPECT_EQ(element.status().code(), StatusCode::kCorruption);
    } else {
      ASSERT_TRUE(element.ok()) << int{kind};
      EXPECT_EQ(element->kind, header.kind);
    }
  }
}

Element SavepointBarrier() {
  return Element::Barrier({CheckpointId{10}, 13, std::make_shared<const SavepointOrder>(SavepointOrder{SavepointFormat::kNative, "/savepoints/savepoint-1", true})});
}

TEST(FrameTest, DamagedSavepointOrdersAreCorruption) {
  const std::string section = ControlSection(SavepointBarrier());
  const FrameHeader header = ControlFrame(SavepointBarrier(), 0, section);
  ASSERT_TRUE(ElementOf(header, section).ok());
  testing::Fuzz(section, 2'000, [&](const std::string& bytes) { EXPECT_EQ(ElementOf(header, bytes).status().code(), StatusCode::kCorruption); });
  // One whose checksum is right may still not be what it says.
  testing::Fuzz(section, 2'000, [&](const std::string& bytes) {
    FrameHeader fitting = header;
    fitting.row_bytes = bytes.size();
    fitting.checksum = Checksum64(bytes);
    const StatusOr<Element> element = ElementOf(fitting, bytes);
    const bool relative = element.ok() && element->barrier.savepoint != nullptr && !element->barrier.savepoint->directory.starts_with('/');
    EXPECT_FALSE(relative);
  });
  FrameHeader long_order = header;
  long_order.row_bytes = kOrderBytesMax + 1;
  std::byte bytes[FrameHeader::kBytes];
  long_order.EncodeTo(bytes);
  EXPECT_EQ(FrameHeader::Decode(bytes).status().code(), StatusCode::kCorruption);
}

struct Text {
  std::string text;
  int64_t number;
};

template <class T>
RecordBatch BatchOf(std::vector<T> rows, bool hashes = false, bool timestamps = false) {
  RecordBatch batch(TypeOf<T>(), {static_cast<uint32_t>(std::max<size_t>(1, rows.size())), hashes, timestamps});
  for (size_t i = 0; i < rows.size(); ++i) {
    std::construct_at(batch.Rows<T>() + i, rows[i]);
    if (hashes) batch.hashes()[i] = 1'000 + i;
    if (timestamps) batch.timestamps()[i] = -static_cast<int64_t>(i);
  }
  batch.SetSize(static_cast<uint32_t>(rows.size()));
  return batch;
}

int Listen(uint16_t& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::listen(listener, 1), 0);
  socklen_t length = sizeof(address);
  EXPECT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  port = ntohs(address.sin_port);
  return listener;
}

const ChannelHandshake kHandshake{JobId{{1, 2, 3}}, AttemptId{LeaderEpoch{7}, 3}, 5, 6, 7};

// A writer and a reader on one reactor, joined by a real socket.
template <class T>
struct RemotePair {
  explicit RemotePair(ChannelLimits limits = {}) {
    uint16_t port = 0;
    const int listener = Listen(port);
    writer = NewRemoteWriter(reactor, "127.0.0.1:" + std::to_string(port), kHandshake, TypeOf<T>(), 5'000, producer);
    reader = NewRemoteReader(reactor, TypeOf<T>(), limits, consumer);
    std::thread acceptor([&] {
      const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      std::string bytes(ChannelHandshake::kEncodedBytes, '\0');
      EXPECT_EQ(::recv(socket, bytes.data(), bytes.size(), MSG_WAITALL), static_cast<ssize_t>(bytes.size()));
      const StatusOr<ChannelHandshake> handshake = ChannelHandshake::Decode(bytes);
      EXPECT_TRUE(handshake.ok() && *handshake == kHandshake);
      reactor.Post([this, socket] { reader->Attach(socket); });
    });
    Until([this] { return writer->CanSendBatch(); });
    acceptor.join();
    ::close(listener);
  }
  void Until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "waited in vain";
      reactor.Wait(10'000'000);
    }
  }
  Element Next() {
    std::optional<Element> element;
    Until([&] {
      element = reader->Poll();
      return element.has_value() || !reader->health().ok();
    });
    EXPECT_TRUE(element.has_value()) << reader->health().ToString();
    return element.has_value() ? std::move(*element) : Element::EndOfInput();
  }

  Reactor reactor;
  CountingWake producer;
  CountingWake consumer;
  std::unique_ptr<ChannelWriter> writer;
  std::unique_ptr<RemoteReader> reader;
};

TEST(RemoteChannelTest, CarriesEveryKindOfElementInOrder) {
  RemotePair<Text> pair;
  pair.writer->Send(Element::Batch(BatchOf<Text>({{"one", 1}, {"", 2}}, true, true)));
  pair.writer->Send(Element::Watermark(-5));
  pair.writer->Send(Element::Barrier({CheckpointId{9}, 12, nullptr}));
  pair.writer->Send(Element::Status(StreamStatus::kDrained));
  pair.writer->Send(Element::EndOfInput());
  const Element batch = pair.Next();
  ASSERT_EQ(batch.batch.size(), 2u);
  EXPECT_EQ(batch.batch.Rows<Text>()[0].text, "one");
  EXPECT_EQ(batch.batch.Rows<Text>()[1].number, 2);
  EXPECT_EQ(batch.batch.hashes()[1], 1'001u);
  EXPECT_EQ(batch.batch.timestamps()[1], -1);
  EXPECT_EQ(pair.Next().watermark, -5);
  const Element barrier = pair.Next();
  EXPECT_EQ(barrier.barrier.id, CheckpointId{9});
  EXPECT_EQ(barrier.barrier.timestamp_ms, 12);
  EXPECT_EQ(barrier.barrier.savepoint, nullptr);
  EXPECT_EQ(pair.Next().status, StreamStatus::kDrained);
  EXPECT_EQ(pair.Next().kind, ElementKind::kEndOfInput);
  pair.Until([&] { return pair.writer->Flushed(); });
  EXPECT_TRUE(pair.writer->health().ok());
  EXPECT_TRUE(pair.reader->health().ok());
}

TEST(RemoteChannelTest, BarriersOfSavepointsCarryTheirOrder) {
  RemotePair<Text> pair;
  pair.writer->Send(SavepointBarrier());
  pair.writer->Send(Element::Barrier({CheckpointId{11}, 14, nullptr}));
  const Element barrier = pair.Next();
  ASSERT_NE(barrier.barrier.savepoint, nullptr);
  EXPECT_EQ(*barrier.barrier.savepoint, *SavepointBarrier().barrier.savepoint);
  EXPECT_TRUE(barrier.barrier.stops());
  const Element next = pair.Next();
  EXPECT_EQ(next.barrier.id, CheckpointId{11});
  EXPECT_EQ(next.barrier.savepoint, nullptr);
}

TEST(RemoteChannelTest, FlatRowsArriveAsTheyWere) {
  RemotePair<int64_t> pair;
  std::vector<int64_t> rows(100'000);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i * i);
  pair.writer->Send(Element::Batch(BatchOf<int64_t>(rows)));
  const Element received = pair.Next();
  ASSERT_EQ(received.batch.size(), rows.size());
  EXPECT_TRUE(std::equal(rows.begin(), rows.end(), received.batch.Rows<int64_t>()));
}

TEST(RemoteChannelTest, CreditBoundsWhatIsInFlightAndComesBack) {
  RemotePair<int64_t> pair({.batches_max = 2, .bytes_max = 1 << 20});
  pair.writer->Send(Element::Batch(BatchOf<int64_t>({1})));
  EXPECT_FALSE(pair.writer->ReceiverIdle());
  ASSERT_TRUE(pair.writer->CanSendBatch());
  pair.writer->Send(Element::Batch(BatchOf<int64_t>({2})));
  EXPECT_FALSE(pair.writer->CanSendBatch());
  pair.writer->Send(Element::Watermark(1));  // Needs no credit.
  const int wakes = pair.producer.wakes;
  pair.Next();
  pair.Next();
  pair.Until([&] { return pair.writer->CanSendBatch() && pair.writer->ReceiverIdle(); });
  EXPECT_GT(pair.producer.wakes, wakes);
}

TEST(RemoteChannelTest, AnEmptyChannelTakesABatchOfAnySize) {
  RemotePair<int64_t> pair({.batches_max = 4, .bytes_max = 8});
  ASSERT_TRUE(pair.writer->CanSendBatch());
  pair.writer->Send(Element::Batch(BatchOf<int64_t>(std::vector<int64_t>(1'000, 1))));
  EXPECT_FALSE(pair.writer->CanSendBatch());
  pair.Next();
  pair.Until([&] { return pair.writer->CanSendBatch(); });
}

TEST(RemoteChannelTest, WorkRequestsReachTheProducer) {
  RemotePair<int64_t> pair;
  pair.reader->RequestWork(3);
  uint32_t requests = 0;
  pair.Until([&] { return (requests += pair.writer->TakeWorkRequests()) == 3; });
  EXPECT_EQ(pair.writer->TakeWorkRequests(), 0u);
}

TEST(RemoteChannelTest, AnEndThatDisappearsBreaksTheOther) {
  RemotePair<int64_t> pair;
  pair.writer.reset();
  pair.Until([&] { return !pair.reader->health().ok(); });
  EXPECT_EQ(pair.reader->health().code(), StatusCode::kUnavailable);
}

TEST(RemoteChannelTest, AConsumerThatIsNotThereIsAnErrorAfterTheTimeOut) {
  uint16_t port = 0;
  ::close(Listen(port));  // A port where nobody listens.
  Reactor reactor;
  CountingWake producer;
  const auto writer = NewRemoteWriter(reactor, "127.0.0.1:" + std::to_string(port), kHandshake, TypeOf<int64_t>(), 50, producer);
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (writer->health().ok()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    reactor.Wait(10'000'000);
  }
  EXPECT_NE(writer->health().message().find("cannot connect"), std::string::npos);
}

// Random bytes, and good frames with flipped bits, in the place of a producer: never a crash, always a broken channel or
// an unchanged element.
TEST(RemoteChannelTest, DamagedFramesBreakTheChannelAndNothingElse) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    int sockets[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    Reactor reactor;
    CountingWake consumer;
    const auto reader = NewRemoteReader(reactor, TypeOf<Text>(), {}, consumer);
    reader->Attach(sockets[0]);
    std::string bytes(64 + random() % 200, '\0');
    if (round % 2 == 0) {
      for (char& byte : bytes) byte = static_cast<char>(random());
    } else {
      ControlFrame(Element::Watermark(5), 0, {}).EncodeTo(reinterpret_cast<std::byte*>(bytes.data()));
      bytes[random() % 64] ^= static_cast<char>(1 + random() % 255);
    }
    ASSERT_EQ(::send(sockets[1], bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    ::close(sockets[1]);
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (reader->health().ok()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      reactor.Wait(1'000'000);
      EXPECT_FALSE(reader->Poll().has_value());
    }
  }
}

TEST(ChannelHandshakeTest, DecodesWhatItEncodedAndRefusesTheRest) {
  const std::string good = kHandshake.Encode();
  ASSERT_EQ(good.size(), ChannelHandshake::kEncodedBytes);
  const StatusOr<ChannelHandshake> decoded = ChannelHandshake::Decode(good);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, kHandshake);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_EQ(ChannelHandshake::Decode(bad).status().code(), StatusCode::kCorruption) << i;
  }
  EXPECT_FALSE(ChannelHandshake::Decode(good.substr(1)).ok());
}

TEST(PeerWatchTest, SaysHelloAndNoticesAPeerThatGoesAway) {
  uint16_t port = 0;
  const int listener = Listen(port);
  const std::string address = "127.0.0.1:" + std::to_string(port);
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> lost;
  PeerWatch watch(5'000, [&](AttemptId attempt, const std::string& peer, const std::string&) {
    std::lock_guard lock(mutex);
    EXPECT_EQ(attempt, kHandshake.attempt);
    lost.push_back(peer);
    changed.notify_all();
  });
  watch.Watch(kHandshake.job, kHandshake.attempt, {address});
  const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  std::string hello(ChannelHandshake::kEncodedBytes, '\0');
  ASSERT_EQ(::recv(socket, hello.data(), hello.size(), MSG_WAITALL), static_cast<ssize_t>(hello.size()));
  const StatusOr<ChannelHandshake> handshake = ChannelHandshake::Decode(hello);
  ASSERT_TRUE(handshake.ok());
  EXPECT_EQ(handshake->edge, PeerWatch::kHeartbeatEdge);
  char ping = 0;
  ASSERT_EQ(::recv(socket, &ping, 1, MSG_WAITALL), 1);
  {
    std::lock_guard lock(mutex);
    EXPECT_TRUE(lost.empty());
  }
  ::close(socket);
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, kDeadline, [&] { return !lost.empty(); }));
    EXPECT_EQ(lost.front(), address);
  }
  watch.Stop();
  ::close(listener);
}

TEST(PeerWatchTest, APeerOfAnOlderAttemptIsForgottenNotLost) {
  uint16_t port = 0;
  const int listener = Listen(port);
  std::atomic<int> lost{0};
  PeerWatch watch(5'000, [&](AttemptId, const std::string&, const std::string&) { ++lost; });
  watch.Watch(kHandshake.job, kHandshake.attempt, {"127.0.0.1:" + std::to_string(port)});
  const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  watch.Watch(kHandshake.job, AttemptId{LeaderEpoch{7}, 4}, {});
  // The end of its connection shows that the old peer was let go.
  char dropped[128];
  while (::recv(socket, dropped, sizeof(dropped), 0) > 0) {
  }
  watch.Stop();
  EXPECT_EQ(lost, 0);
  ::close(socket);
  ::close(listener);
}

// A socket that listens and answers nobody: one connection fills its queue, the kernel drops what others send to it.
class SilentListener {
 public:
  SilentListener() : listener_(Listen(port_)) {
    EXPECT_EQ(::listen(listener_, 0), 0);
    EXPECT_TRUE(Fill());
  }
  ~SilentListener() {
    ::close(queued_);
    ::close(listener_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  bool Fill() {
    queued_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port_);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(queued_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
  }

  uint16_t port_ = 0;
  int listener_;
  int queued_ = -1;
};

TEST(PeerWatchTest, APeerThatDoesNotAnswerDelaysNoOtherNorTheEnd) {
  const SilentListener silent;
  uint16_t port = 0;
  const int listener = Listen(port);
  constexpr int64_t kForeverMs = 1'000'000;
  PeerWatch watch(kForeverMs, [](AttemptId, const std::string&, const std::string& why) { ADD_FAILURE() << why; });
  // Dialled in this order.
  const std::set<std::string> peers = {silent.address(), "localhost:" + std::to_string(port)};
  ASSERT_EQ(*peers.begin(), silent.address());
  watch.Watch(kHandshake.job, kHandshake.attempt, peers);
  const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  std::string hello(ChannelHandshake::kEncodedBytes + 2, '\0');
  EXPECT_EQ(::recv(socket, hello.data(), hello.size(), MSG_WAITALL), static_cast<ssize_t>(hello.size()));
  watch.Stop();
  ::close(socket);
  ::close(listener);
}

TEST(PeerWatchTest, APeerThatDoesNotAnswerIsLostAfterTheTimeOut) {
  const SilentListener silent;
  std::promise<std::string> lost;
  PeerWatch watch(100, [&](AttemptId, const std::string& peer, const std::string& why) {
    EXPECT_EQ(peer, silent.address());
    lost.set_value(why);
  });
  watch.Watch(kHandshake.job, kHandshake.attempt, {silent.address()});
  EXPECT_EQ(lost.get_future().get(), "cannot connect: Connection timed out, no answer for 100 ms");
  watch.Stop();
}

TEST(LocalChannelTest, MovesBatchesByPointerWithinItsBounds) {
  CountingWake producer;
  CountingWake consumer;
  auto [writer, reader] = NewLocalChannel({.batches_max = 2, .bytes_max = 1 << 20}, producer, consumer);
  RecordBatch batch = BatchOf<Text>({{"one", 1}});
  const void* const rows = batch.rows();
  writer->Send(Element::Batch(std::move(batch)));
  EXPECT_EQ(consumer.wakes, 1);
  writer->Send(Element::Batch(BatchOf<Text>({{"two", 2}})));
  EXPECT_FALSE(writer->CanSendBatch());
  EXPECT_FALSE(writer->ReceiverIdle());
  const std::optional<Element> first = reader->Poll();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->batch.rows(), rows);
  EXPECT_TRUE(writer->CanSendBatch());
  EXPECT_EQ(producer.wakes, 1);
  EXPECT_TRUE(reader->Poll().has_value());
  EXPECT_EQ(producer.wakes, 2);
  EXPECT_TRUE(writer->ReceiverIdle());
}

}  // namespace
}  // namespace weir
