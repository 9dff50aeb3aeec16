#include "base/strand.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

namespace weir {
namespace {

TEST(StrandTest, RunsWorkInItsOrderOneAtATime) {
  ThreadPool pool({.name = "pool", .thread_count = 3});
  const std::shared_ptr<Strand> strand = Strand::On(pool);
  std::vector<int> seen;  // Unguarded: only one closure runs at a time.
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(strand->Post([&seen, i] { seen.push_back(i); }));
  std::promise<void> last;
  EXPECT_TRUE(strand->Post([&last] { last.set_value(); }));
  last.get_future().wait();
  ASSERT_EQ(seen.size(), 1'000u);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
  pool.Stop();
  pool.Join();
}

TEST(StrandTest, SaysSoWhenThePoolRefusesAndKeepsWhatItAccepted) {
  ThreadPool pool({.name = "pool"});
  const std::shared_ptr<Strand> strand = Strand::On(pool);
  std::promise<void> started;
  std::promise<void> release;
  int ran = 0;
  EXPECT_TRUE(strand->Post([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(strand->Post([&ran] { ++ran; }));
  pool.Stop();
  // It runs already: what comes now still finds a thread.
  EXPECT_TRUE(strand->Post([&ran] { ++ran; }));
  release.set_value();
  pool.Join();
  EXPECT_EQ(ran, 2);
  EXPECT_FALSE(strand->Post([&ran] { ++ran; }));
  EXPECT_EQ(ran, 2);
}

TEST(StrandTest, WorkThatAFullPoolRefusedMayBePostedAgain) {
  ThreadPool pool({.name = "pool", .queue_count_max = 1});
  const std::shared_ptr<Strand> strand = Strand::On(pool);
  std::promise<void> started;
  std::promise<void> release;
  EXPECT_TRUE(pool.Submit([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(pool.Submit([] {}));
  int ran = 0;
  EXPECT_FALSE(strand->Post([&ran] { ++ran; }));
  release.set_value();
  while (!strand->Post([&ran] { ++ran; })) std::this_thread::yield();
  pool.Stop();
  pool.Join();
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace weir
