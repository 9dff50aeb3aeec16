#include "base/event_loop.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <future>
#include <string>
#include <vector>

namespace weir {
namespace {

struct RunningLoop {
  EventLoop loop{"test-loop"};
  void Finish() {
    loop.Stop();
    loop.Join();
  }
};

TEST(EventLoopTest, RunsClosuresInTheOrderOfTheCalls) {
  RunningLoop running;
  std::vector<int> seen;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(running.loop.Post([&seen, i] { seen.push_back(i); }));
  running.Finish();
  ASSERT_EQ(seen.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[i], i);
}

TEST(EventLoopTest, KnowsItsThreadAndNamesIt) {
  EventLoop loop("a-name-longer-than-15");
  std::string name(64, '\0');
  EXPECT_FALSE(loop.InLoopThread());
  bool inside = false;
  loop.Post([&] { inside = loop.InLoopThread(); });
  // The name is set by the constructing thread, so it is there for whatever was posted after.
  loop.Post([&] { pthread_getname_np(pthread_self(), name.data(), name.size()); });
  loop.Stop();
  loop.Join();
  EXPECT_TRUE(inside);
  EXPECT_STREQ(name.c_str(), "a-name-longer-t");
}

TEST(EventLoopTest, StopRunsWhatWasPostedAndDropsTimersAndNewWork) {
  RunningLoop running;
  auto token = std::make_shared<int>(0);
  bool posted_ran = false;
  running.loop.PostDelayed(1'000'000'000'000'000'000, [token] { *token = 1; });
  running.loop.Post([&] { posted_ran = true; });
  running.loop.Stop();
  EXPECT_FALSE(running.loop.Post([token] { *token = 2; }));
  EXPECT_EQ(running.loop.PostDelayed(0, [token] { *token = 3; }), 0u);
  running.loop.Stop();  // Twice is fine.
  running.loop.Join();
  EXPECT_TRUE(posted_ran);
  EXPECT_EQ(*token, 0);
  EXPECT_EQ(token.use_count(), 1);  // Dropped closures are destroyed.
}

TEST(EventLoopTest, TimersFireByDeadlineAndAmongEqualsInOrder) {
  RunningLoop running;
  std::vector<int> seen;
  std::promise<void> done;
  running.loop.Post([&] {
    running.loop.PostDelayed(2, [&] {
      seen.push_back(3);
      done.set_value();
    });
    running.loop.PostDelayed(0, [&] { seen.push_back(1); });
    running.loop.PostDelayed(0, [&] { seen.push_back(2); });
  });
  done.get_future().wait();
  running.Finish();
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
}

TEST(EventLoopTest, CancelledTimerNeverFiresEvenWhenDue) {
  RunningLoop running;
  bool fired = false;
  std::promise<void> done;
  running.loop.Post([&] {
    EventLoop::TimerId victim = 0;
    auto victim_id = std::make_shared<EventLoop::TimerId>();
    running.loop.PostDelayed(0, [&running, victim_id] { running.loop.CancelTimer(*victim_id); });
    victim = running.loop.PostDelayed(0, [&fired] { fired = true; });
    *victim_id = victim;
    running.loop.PostDelayed(0, [&done] { done.set_value(); });
    running.loop.CancelTimer(987654);  // Unknown or fired: nothing happens.
  });
  done.get_future().wait();
  running.Finish();
  EXPECT_FALSE(fired);
}

TEST(EventLoopTest, ClosuresThatPostThemselvesDoNotStarveTimers) {
  RunningLoop running;
  std::atomic<bool> fired = false;
  std::function<void()> again = [&] {
    if (!fired) running.loop.Post(again);
  };
  running.loop.PostDelayed(1, [&] { fired = true; });
  running.loop.Post(again);
  while (!fired) std::this_thread::yield();
  running.Finish();
}

TEST(EventLoopTest, TimersThatRearmThemselvesDoNotStarveClosures) {
  RunningLoop running;
  std::atomic<bool> ran = false;
  std::function<void()> again = [&] {
    if (!ran) running.loop.PostDelayed(0, again);
  };
  running.loop.PostDelayed(0, again);
  running.loop.Post([&] { ran = true; });
  while (!ran) std::this_thread::yield();
  running.Finish();
}

TEST(EventLoopTest, ManyThreadsMayPost) {
  RunningLoop running;
  int count = 0;  // Loop-owned.
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) running.loop.Post([&count] { ++count; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  running.Finish();
  EXPECT_EQ(count, 4000);
}

TEST(EventLoopDeathTest, DestroyingALoopThatWasNotJoinedIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH({ EventLoop loop("x"); }, "CHECK failed");
}

}  // namespace
}  // namespace weir
