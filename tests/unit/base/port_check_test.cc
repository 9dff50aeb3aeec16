#include "base/port_check.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace weir {
namespace {

// A listening socket on a port that the system chose.
class Listener {
 public:
  Listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0) << std::strerror(errno);
    EXPECT_EQ(::listen(fd_, 1), 0);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { ::close(fd_); }
  uint16_t port() const { return port_; }

 private:
  const int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  uint16_t port_ = 0;
};

TEST(PortCheckTest, APortInUseIsNamedWithAddressAndReason) {
  const Listener listener;
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const Status taken = CheckPortFree(host, listener.port());
    EXPECT_EQ(taken.code(), StatusCode::kUnavailable);
    EXPECT_EQ(taken.message(), "cannot listen on 127.0.0.1:" + std::to_string(listener.port()) + ": Address already in use");
  }
}

TEST(PortCheckTest, AnAddressOfAnotherMachineIsNamed) {
  const Status elsewhere = CheckPortFree("192.0.2.1", 9);  // Of documentation only (RFC 5737).
  EXPECT_EQ(elsewhere.code(), StatusCode::kUnavailable);
  EXPECT_EQ(elsewhere.message(), "cannot listen on 192.0.2.1:9: Cannot assign requested address");
}

TEST(PortCheckTest, AnyPortIsFreeAndCheckingTakesNothing) {
  EXPECT_TRUE(CheckPortFree("localhost", 0).ok());
  uint16_t port = 0;
  {
    const Listener listener;
    port = listener.port();
  }
  EXPECT_TRUE(CheckPortFree("127.0.0.1", port).ok());
  EXPECT_TRUE(CheckPortFree("127.0.0.1", port).ok());
}

TEST(PortCheckTest, AHostWithoutAddressIsAnError) { EXPECT_EQ(CheckPortFree("no such host", 9).code(), StatusCode::kInvalidArgument); }

}  // namespace
}  // namespace weir
