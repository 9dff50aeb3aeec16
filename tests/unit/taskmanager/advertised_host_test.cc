#include "taskmanager/advertised_host.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace weir {
namespace {

TEST(AdvertisedHostTest, IsTheInterfaceThatTheTaskManagerListensOn) {
  EXPECT_EQ(AdvertisedHost("localhost", "no.such.host.invalid:1"), "localhost");
  EXPECT_EQ(AdvertisedHost("192.0.2.7", "127.0.0.1:1"), "192.0.2.7");
}

TEST(AdvertisedHostTest, IsTheAddressOnTheWayToTheJobManagerWhenItListensOnAll) {
  EXPECT_EQ(AdvertisedHost("0.0.0.0", "127.0.0.1:6123"), "127.0.0.1");
  EXPECT_EQ(AdvertisedHost("0.0.0.0", "localhost:6123"), "127.0.0.1");
  EXPECT_EQ(AdvertisedHost("::", "127.0.0.1:6123"), "127.0.0.1");
}

TEST(AdvertisedHostTest, IsThisMachinesNameWhenNoWayIsKnown) {
  char name[256] = {};
  ASSERT_EQ(::gethostname(name, sizeof(name) - 1), 0);
  EXPECT_EQ(AdvertisedHost("0.0.0.0", "no.such.host.invalid:6123"), name);
  EXPECT_EQ(AdvertisedHost("0.0.0.0", "no port"), name);
}

}  // namespace
}  // namespace weir
