// Watches of descriptors that belong to somebody else.
#include "runtime/network/reactor.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include "base/file_descriptor.h"

namespace weir {
namespace {

TEST(Reactor, AWatchFiresOnceAndNotAfterItsOwnerLeft) {
  Reactor reactor;
  const DescriptorPair kept = *NewPipe();
  const DescriptorPair left = *NewPipe();
  const int owners[2] = {};
  int fired_kept = 0;
  int fired_left = 0;
  reactor.WatchReadable(kept.first.get(), &owners[0], [&] { ++fired_kept; });
  reactor.WatchReadable(left.first.get(), &owners[1], [&] { ++fired_left; });
  reactor.UnwatchAll(&owners[1]);
  ASSERT_EQ(::write(kept.second.get(), "x", 1), 1);
  ASSERT_EQ(::write(left.second.get(), "x", 1), 1);
  reactor.Wait(10'000'000'000);
  reactor.Poll();
  EXPECT_EQ(fired_kept, 1);
  EXPECT_EQ(fired_left, 0);
}

}  // namespace
}  // namespace weir
