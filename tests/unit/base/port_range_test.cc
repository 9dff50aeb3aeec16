#include "base/port_range.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(PortRangeTest, ReadsPortsRangesAndMixes) {
  EXPECT_EQ(*PortRange::Parse("0"), (PortRange{{{0, 0}}}));
  EXPECT_EQ(*PortRange::Parse("9249-9260"), (PortRange{{{9249, 9260}}}));
  EXPECT_EQ(*PortRange::Parse(" 1 , 5-5,65535 "), (PortRange{{{1, 1}, {5, 5}, {65535, 65535}}}));
}

TEST(PortRangeTest, RefusesEverythingElse) {
  for (const char* text : {"", " ", ",", "1,", "-", "1-", "-1", "0-5", "5-4", "65536", "1-2-3", "x", "1 2"}) {
    EXPECT_EQ(PortRange::Parse(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  std::string many = "1";
  for (int i = 0; i < 64; ++i) many += ",1";
  EXPECT_FALSE(PortRange::Parse(many).ok());
  EXPECT_TRUE(PortRange::Parse(many.substr(2)).ok());
}

}  // namespace
}  // namespace weir
