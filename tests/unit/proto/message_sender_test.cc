#include "proto/message_sender.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <string>

#include "proto/message_socket.h"

namespace weir {
namespace {

TEST(MessageSenderTest, SendsInOrderAndFlushes) {
  DescriptorPair pair = std::move(*NewSocketPair(SOCK_STREAM));
  MessageSender sender(pair.second.get(), {.thread_name = "sender"});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(sender.Send(std::to_string(i)));
  EXPECT_TRUE(sender.Flush(10'000));
  for (int i = 0; i < 100; ++i) EXPECT_EQ((**ReceiveMessage(pair.first.get())).bytes, std::to_string(i));
  sender.Stop();
  sender.Join();
  EXPECT_FALSE(sender.Send("late"));
}

TEST(MessageSenderTest, AFullQueueRefusesAndNeverWaits) {
  DescriptorPair pair = std::move(*NewSocketPair(SOCK_STREAM));
  MessageSender sender(pair.second.get(), {.thread_name = "sender", .queue_count_max = 8, .queue_bytes_max = 1 << 20});
  const std::string large(512 * 1024, 'x');  // More than the socket holds: nobody reads.
  int accepted = 0;
  while (sender.Send(large)) ASSERT_LT(++accepted, 10);
  EXPECT_FALSE(sender.Send(large));
  EXPECT_FALSE(sender.SendIfRoom("metrics"));
  EXPECT_FALSE(sender.Flush(0));
  sender.Stop();  // Ends the send that waits.
  sender.Join();
}

TEST(MessageSenderTest, ABrokenConnectionIsReportedOnce) {
  DescriptorPair pair = std::move(*NewSocketPair(SOCK_STREAM));
  pair.first.Close();
  std::promise<Status> failed;
  MessageSender sender(pair.second.get(), {.thread_name = "sender", .on_failure = [&](const Status& status) { failed.set_value(status); }});
  ASSERT_TRUE(sender.Send("x"));
  EXPECT_EQ(failed.get_future().get().code(), StatusCode::kUnavailable);
  EXPECT_FALSE(sender.Send("y"));
  EXPECT_FALSE(sender.Flush(10'000));
  sender.Stop();
  sender.Join();
}

}  // namespace
}  // namespace weir
