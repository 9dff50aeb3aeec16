#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <future>

namespace weir {
namespace {

TEST(ThreadPoolTest, RunsAllAcceptedWorkAlsoAfterStop) {
  ThreadPool pool({.name = "pool", .thread_count = 3});
  std::atomic<int> ran = 0;
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(pool.Submit([&ran] { ++ran; }));
  pool.Stop();
  pool.Stop();  // Twice is fine.
  EXPECT_FALSE(pool.Submit([&ran] { ++ran; }));
  pool.Join();
  EXPECT_EQ(ran, 500);
}

TEST(ThreadPoolTest, RefusesWorkBeyondItsQueue) {
  ThreadPool pool({.name = "pool", .thread_count = 1, .queue_count_max = 2});
  std::promise<void> started;
  std::promise<void> release;
  int ran = 0;
  EXPECT_TRUE(pool.Submit([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(pool.Submit([&ran] { ++ran; }));
  EXPECT_TRUE(pool.Submit([&ran] { ++ran; }));
  EXPECT_FALSE(pool.Submit([&ran] { ++ran; }));
  release.set_value();
  pool.Stop();
  pool.Join();
  EXPECT_EQ(ran, 2);
}

TEST(ThreadPoolTest, NamesItsThreadsAndDestroysWhatItRan) {
  ThreadPool pool({.name = "a-very-long-name"});
  auto token = std::make_shared<int>(0);
  char name[16] = {};
  EXPECT_TRUE(pool.Submit([&name, token] { pthread_getname_np(pthread_self(), name, sizeof(name)); }));
  pool.Stop();
  pool.Join();
  EXPECT_STREQ(name, "a-very-long-n-0");
  EXPECT_EQ(token.use_count(), 1);
}

TEST(ThreadPoolDeathTest, DestroyingAPoolThatWasNotJoinedIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(ThreadPool({.name = "x"}), "CHECK failed");
}

TEST(ThreadPoolDeathTest, EmptyBoundsAreABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(ThreadPool({.name = "x", .thread_count = 0}), "thread_count >= 1");
  EXPECT_DEATH(ThreadPool({.name = "x", .queue_count_max = 0}), "queue_count_max >= 1");
}

}  // namespace
}  // namespace weir
