#include "proto/message_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "tests/unit/testing/fuzz.h"

namespace weir {
namespace {

DescriptorPair Pair() {
  StatusOr<DescriptorPair> pair = NewSocketPair(SOCK_STREAM);
  EXPECT_TRUE(pair.ok());
  return std::move(*pair);
}

// The bytes of a whole stream with two messages.
std::string StreamOfTwo() {
  DescriptorPair pair = Pair();
  EXPECT_TRUE(SendMessage(pair.second.get(), "first").ok());
  EXPECT_TRUE(SendMessage(pair.second.get(), std::string(300, 'x')).ok());
  pair.second.Close();
  std::string bytes(1'000, 0);
  const ssize_t count = ::recv(pair.first.get(), bytes.data(), bytes.size(), MSG_WAITALL);
  bytes.resize(static_cast<size_t>(count));
  return bytes;
}

TEST(MessageSocketTest, MessagesOfAnySizeArriveInOrder) {
  DescriptorPair pair = Pair();
  std::thread sender([&] {
    for (const size_t size : {0u, 1u, 7u, 100'000u, 5'000'000u}) EXPECT_TRUE(SendMessage(pair.second.get(), std::string(size, 'a')).ok());
    pair.second.Close();
  });
  for (const size_t size : {0u, 1u, 7u, 100'000u, 5'000'000u}) {
    StatusOr<std::optional<SocketMessage>> message = ReceiveMessage(pair.first.get());
    ASSERT_TRUE(message.ok()) << message.status().ToString();
    ASSERT_TRUE(message->has_value());
    EXPECT_EQ((*message)->bytes, std::string(size, 'a'));
    EXPECT_FALSE((*message)->attached.valid());
  }
  const StatusOr<std::optional<SocketMessage>> end = ReceiveMessage(pair.first.get());
  ASSERT_TRUE(end.ok());
  EXPECT_FALSE(end->has_value());
  sender.join();
}

TEST(MessageSocketTest, EachDescriptorArrivesWithItsMessage) {
  DescriptorPair pair = Pair();
  DescriptorPair pipe = std::move(*NewPipe());
  ASSERT_TRUE(SendMessage(pair.second.get(), "plain").ok());
  ASSERT_TRUE(SendMessage(pair.second.get(), "with", pipe.second.get()).ok());
  ASSERT_TRUE(SendMessage(pair.second.get(), "plain again").ok());
  EXPECT_FALSE((*ReceiveMessage(pair.first.get()))->attached.valid());
  const SocketMessage with = std::move(**ReceiveMessage(pair.first.get()));
  ASSERT_TRUE(with.attached.valid());
  EXPECT_EQ(with.bytes, "with");
  EXPECT_FALSE((*ReceiveMessage(pair.first.get()))->attached.valid());
  // It is the same pipe.
  ASSERT_EQ(::write(with.attached.get(), "!", 1), 1);
  char byte = 0;
  ASSERT_EQ(::read(pipe.first.get(), &byte, 1), 1);
  EXPECT_EQ(byte, '!');
}

TEST(MessageSocketTest, TooLongMessagesAreRefusedOnBothSides) {
  DescriptorPair pair = Pair();
  EXPECT_EQ(SendMessage(pair.second.get(), std::string(kMessageBytesMax + 1, 'x')).code(), StatusCode::kInvalidArgument);
  const char header[8] = {'\xff', '\xff', '\xff', '\x7f', 0, 'W', 'C', '1'};
  ASSERT_EQ(::send(pair.second.get(), header, sizeof(header), 0), 8);
  EXPECT_EQ(ReceiveMessage(pair.first.get()).status().code(), StatusCode::kCorruption);
}

TEST(MessageSocketTest, StreamsThatBreakOffAreUnavailable) {
  const std::string stream = StreamOfTwo();
  for (const size_t size : {3u, 10u, 20u}) {
    DescriptorPair pair = Pair();
    ASSERT_EQ(::send(pair.second.get(), stream.data(), size, 0), static_cast<ssize_t>(size));
    pair.second.Close();
    StatusOr<std::optional<SocketMessage>> message = ReceiveMessage(pair.first.get());
    while (message.ok() && message->has_value()) message = ReceiveMessage(pair.first.get());
    EXPECT_EQ(message.status().code(), StatusCode::kUnavailable) << size;
  }
}

TEST(MessageSocketTest, SendingToAClosedEndIsUnavailable) {
  DescriptorPair pair = Pair();
  pair.first.Close();
  EXPECT_EQ(SendMessage(pair.second.get(), "x").code(), StatusCode::kUnavailable);
}

TEST(MessageSocketTest, DamagedStreamsNeverCrashOrHang) {
  testing::Fuzz(StreamOfTwo(), 4'000, [](const std::string& bytes) {
    DescriptorPair pair = Pair();
    ASSERT_EQ(::send(pair.second.get(), bytes.data(), bytes.size(), MSG_DONTWAIT), static_cast<ssize_t>(bytes.size()));
    pair.second.Close();
    for (uint32_t count = 0; count < 1'000; ++count) {
      const StatusOr<std::optional<SocketMessage>> message = ReceiveMessage(pair.first.get());
      if (!message.ok() || !message->has_value()) return;
    }
    FAIL() << "the stream has no end";
  });
}

}  // namespace
}  // namespace weir
