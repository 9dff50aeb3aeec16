#include "client/jobmanager_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

StatusOr<std::string> Address(const std::string& given, const std::vector<std::string>& properties = {}) {
  return JobManagerAddress(given, *Configuration::Parse("", "", properties));
}

TEST(JobManagerAddressTest, NothingGivenIsTheConfiguredOne) {
  EXPECT_EQ(*Address(""), "localhost:6123");
  EXPECT_EQ(*Address("", {"jobmanager.rpc.address=a.example", "jobmanager.rpc.port=7"}), "a.example:7");
  EXPECT_EQ(*Address("", {"jobmanager.rpc.address=::1"}), "[::1]:6123");
}

TEST(JobManagerAddressTest, AHostAloneTakesTheConfiguredPort) {
  EXPECT_EQ(*Address("localhost"), "localhost:6123");
  EXPECT_EQ(*Address("10.0.0.7", {"jobmanager.rpc.port=7000"}), "10.0.0.7:7000");
  EXPECT_EQ(*Address("::1"), "[::1]:6123");
  EXPECT_EQ(*Address("[fe80::1]"), "[fe80::1]:6123");
  const StatusOr<std::string> none = Address("localhost", {"jobmanager.rpc.port=0"});
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.status().message(), ::testing::HasSubstr("jobmanager.rpc.port is 0"));
}

TEST(JobManagerAddressTest, AGivenPortCounts) {
  EXPECT_EQ(*Address("localhost:1"), "localhost:1");
  EXPECT_EQ(*Address("a.example:65535", {"jobmanager.rpc.port=7"}), "a.example:65535");
  EXPECT_EQ(*Address("[::1]:8081"), "[::1]:8081");
}

TEST(JobManagerAddressTest, WhatIsWrongIsNamed) {
  for (const char* port : {"", "0", "65536", "99999999999", "abc", "80x", "-1", " 80"}) {
    const std::string given = "localhost:" + std::string(port);
    const StatusOr<std::string> refused = Address(given);
    ASSERT_FALSE(refused.ok()) << given;
    EXPECT_THAT(refused.status().message(), ::testing::HasSubstr("\"" + given + "\"")) << given;
    EXPECT_THAT(refused.status().message(), ::testing::HasSubstr("\"" + std::string(port) + "\" is no port")) << given;
  }
  for (const char* given : {":80", "http://localhost:80", "[::1", "]:80", "[]x"}) {
    const StatusOr<std::string> refused = Address(given);
    ASSERT_FALSE(refused.ok()) << given << " became " << *refused;
    EXPECT_THAT(refused.status().message(), ::testing::HasSubstr(given));
  }
}

}  // namespace
}  // namespace weir
