#include "taskmanager/data_listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <random>

#include "tests/unit/testing/fuzz.h"

namespace weir {
namespace {

ChannelHandshake SomeHandshake() { return {JobId::Random(), {LeaderEpoch{3}, 4}, 1, 2, 3}; }

class DataListenerTest : public ::testing::Test {
 protected:
  void Listen(DataListenerOptions options = {}) {
    StatusOr<std::unique_ptr<DataListener>> listener = DataListener::Start(options, [this](const ChannelHandshake& handshake, FileDescriptor socket) {
      std::lock_guard lock(mutex_);
      accepted_.emplace_back(handshake, std::move(socket));
      changed_.notify_all();
    });
    ASSERT_TRUE(listener.ok()) << listener.status().ToString();
    listener_ = std::move(*listener);
  }

  FileDescriptor Connect() {
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(listener_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return socket;
  }
  static void Send(const FileDescriptor& socket, std::string_view bytes) {
    EXPECT_EQ(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  // Blocks until the other side has closed the connection.
  static bool IsClosed(const FileDescriptor& socket) {
    char byte = 0;
    return ::recv(socket.get(), &byte, 1, 0) <= 0;
  }
  std::pair<ChannelHandshake, FileDescriptor> TakeAccepted() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [this] { return !accepted_.empty(); }));
    std::pair<ChannelHandshake, FileDescriptor> first = std::move(accepted_.front());
    accepted_.erase(accepted_.begin());
    return first;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<ChannelHandshake, FileDescriptor>> accepted_;
  std::unique_ptr<DataListener> listener_;
};

TEST_F(DataListenerTest, AHandshakeIsHandedOnWithItsSocketAndNothingMoreIsRead) {
  Listen();
  const ChannelHandshake sent = SomeHandshake();
  const FileDescriptor client = Connect();
  Send(client, sent.Encode() + "frames");
  const auto [handshake, socket] = TakeAccepted();
  EXPECT_EQ(handshake, sent);
  char bytes[6];
  ASSERT_EQ(::recv(socket.get(), bytes, sizeof(bytes), MSG_WAITALL), 6);
  EXPECT_EQ(std::string_view(bytes, 6), "frames");
}

TEST_F(DataListenerTest, AHandshakeMayComeByteByByte) {
  Listen();
  const ChannelHandshake sent = SomeHandshake();
  const FileDescriptor client = Connect();
  for (const char byte : sent.Encode()) Send(client, std::string_view(&byte, 1));
  EXPECT_EQ(TakeAccepted().first, sent);
}

TEST_F(DataListenerTest, GarbageCostsOnlyItsOwnConnection) {
  Listen();
  testing::Fuzz(SomeHandshake().Encode(), 200, [this](const std::string& bytes) {
    const FileDescriptor client = Connect();
    if (bytes.size() < ChannelHandshake::kEncodedBytes) {
      ::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ::shutdown(client.get(), SHUT_WR);
    } else {
      Send(client, std::string_view(bytes).substr(0, ChannelHandshake::kEncodedBytes));
    }
    EXPECT_TRUE(IsClosed(client));
  });
  EXPECT_GT(listener_->refused_count(), 100u);
  const ChannelHandshake good = SomeHandshake();
  const FileDescriptor client = Connect();
  Send(client, good.Encode());
  EXPECT_EQ(TakeAccepted().first, good);
}

TEST_F(DataListenerTest, ASilentConnectionIsClosedInTimeAndHoldsUpNobody) {
  Listen({.handshake_timeout_ms = 100});
  const FileDescriptor silent = Connect();
  const FileDescriptor partial = Connect();
  Send(partial, "WEIR");
  const ChannelHandshake sent = SomeHandshake();
  const FileDescriptor client = Connect();
  Send(client, sent.Encode());
  EXPECT_EQ(TakeAccepted().first, sent);
  EXPECT_TRUE(IsClosed(silent));
  EXPECT_TRUE(IsClosed(partial));
}

TEST_F(DataListenerTest, BeyondTheBoundTheOldestIsClosed) {
  Listen({.handshake_timeout_ms = 3'600'000, .pending_count_max = 2});
  const FileDescriptor first = Connect();
  const FileDescriptor second = Connect();
  const FileDescriptor third = Connect();
  EXPECT_TRUE(IsClosed(first));
  const ChannelHandshake sent = SomeHandshake();
  Send(third, sent.Encode());
  EXPECT_EQ(TakeAccepted().first, sent);
}

TEST_F(DataListenerTest, AnAddressThatIsTakenOrUnknownIsAnError) {
  Listen();
  const auto none = [](const ChannelHandshake&, FileDescriptor) {};
  EXPECT_EQ(DataListener::Start({.bind_host = "127.0.0.1", .port = listener_->port()}, none).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(DataListener::Start({.bind_host = "no.such.host.invalid"}, none).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace weir
