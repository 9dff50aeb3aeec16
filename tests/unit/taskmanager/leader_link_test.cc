#include "taskmanager/leader_link.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using Action = LeaderLink::Action;
using State = LeaderLink::State;
using Verdict = LeaderLink::Verdict;

constexpr LeaderLink::Options kOptions{.heartbeat_interval_ms = 10, .heartbeat_timeout_ms = 100, .backoff_initial_ms = 20, .backoff_max_ms = 80};

// Ticks every 10 ms until `until_ms`; returns the first action and when it came.
std::pair<Action, int64_t> TickUntil(LeaderLink& link, int64_t from_ms, int64_t until_ms) {
  for (int64_t now_ms = from_ms; now_ms <= until_ms; now_ms += 10) {
    const Action action = link.Tick(now_ms, 1.0);
    if (action != Action::kNone) return {action, now_ms};
  }
  return {Action::kNone, until_ms};
}

LeaderLink Registered(LeaderEpoch epoch) {
  LeaderLink link(kOptions, 0);
  EXPECT_EQ(link.Tick(0, 0), Action::kConnect);
  EXPECT_EQ(link.OnRegistered(epoch, 0, 0, 0), Verdict::kAccept);
  return link;
}

TEST(LeaderLinkTest, ConnectsAtOnceAndThenWithGrowingPauses) {
  LeaderLink link(kOptions, 0);
  EXPECT_EQ(link.Tick(0, 0), Action::kConnect);
  int64_t now_ms = 0;
  for (const int64_t pause_ms : {20, 40, 80, 80}) {
    link.OnDisconnected(now_ms, 1.0);
    const auto [action, at_ms] = TickUntil(link, now_ms, now_ms + 1'000);
    EXPECT_EQ(action, Action::kConnect);
    EXPECT_EQ(at_ms - now_ms, pause_ms);
    now_ms = at_ms;
  }
}

TEST(LeaderLinkTest, ARegistrationResetsThePause) {
  LeaderLink link(kOptions, 0);
  link.Tick(0, 0);
  link.OnDisconnected(0, 1.0);
  EXPECT_EQ(TickUntil(link, 0, 100).first, Action::kConnect);
  link.OnDisconnected(20, 1.0);
  EXPECT_EQ(TickUntil(link, 20, 100).second, 60);
  EXPECT_EQ(link.OnRegistered(LeaderEpoch{1}, 0, 0, 60), Verdict::kAccept);
  link.OnDisconnected(60, 1.0);
  EXPECT_EQ(TickUntil(link, 60, 200).second, 80);
}

TEST(LeaderLinkTest, ASilentLeaderIsLostAndALivelyOneIsNot) {
  LeaderLink link = Registered(LeaderEpoch{1});
  for (int64_t now_ms = 0; now_ms <= 500; now_ms += 10) {
    EXPECT_EQ(link.Tick(now_ms, 0), Action::kNone);
    EXPECT_EQ(link.OnCommand(LeaderEpoch{1}, now_ms), Verdict::kAccept);
  }
  const auto [action, at_ms] = TickUntil(link, 510, 1'000);
  EXPECT_EQ(action, Action::kLeaderLost);
  EXPECT_EQ(at_ms, 600);
  EXPECT_EQ(link.state(), State::kWaiting);
}

TEST(LeaderLinkTest, TheLeaseEndsAlsoWhileReconnecting) {
  LeaderLink link = Registered(LeaderEpoch{1});
  link.OnDisconnected(10, 0);
  bool lost = false;
  for (int64_t now_ms = 10; now_ms <= 300 && !lost; now_ms += 10) {
    const Action action = link.Tick(now_ms, 0);
    if (action == Action::kConnect) link.OnDisconnected(now_ms, 0);
    lost = action == Action::kLeaderLost;
    if (lost) {
      EXPECT_EQ(now_ms, 100);
    }
  }
  EXPECT_TRUE(lost);
}

TEST(LeaderLinkTest, WithoutALeaseNothingIsLost) {
  LeaderLink link(kOptions, 0);
  EXPECT_EQ(link.Tick(0, 0), Action::kConnect);
  EXPECT_EQ(TickUntil(link, 10, 1'000), std::make_pair(Action::kDrop, int64_t{100}));  // The registration is not answered.
}

TEST(LeaderLinkTest, AStallIsNoticedAtTheNextTick) {
  LeaderLink link = Registered(LeaderEpoch{1});
  EXPECT_EQ(link.Tick(10, 0), Action::kNone);
  EXPECT_EQ(link.OnCommand(LeaderEpoch{1}, 150), Verdict::kAccept);  // Was in the queue all the time.
  EXPECT_EQ(link.Tick(150, 0), Action::kStalled);
}

TEST(LeaderLinkTest, DeposedLeadersAreNotBelieved) {
  LeaderLink link = Registered(LeaderEpoch{5});
  EXPECT_EQ(link.OnCommand(LeaderEpoch{4}, 1), Verdict::kStaleLeader);
  EXPECT_EQ(link.OnCommand(LeaderEpoch{6}, 2), Verdict::kAccept);
  EXPECT_EQ(link.epoch(), LeaderEpoch{6});
  link.OnDisconnected(3, 0);
  EXPECT_EQ(link.OnCommand(LeaderEpoch{6}, 4), Verdict::kNotRegistered);
  EXPECT_EQ(TickUntil(link, 10, 100).first, Action::kConnect);
  EXPECT_EQ(link.OnRegistered(LeaderEpoch{5}, 0, 0, 30), Verdict::kStaleLeader);
  EXPECT_EQ(link.OnRegistered(LeaderEpoch{7}, 0, 0, 30), Verdict::kAccept);
  EXPECT_EQ(link.OnRegistered(LeaderEpoch{7}, 0, 0, 30), Verdict::kNotRegistered);  // Double.
}

TEST(LeaderLinkTest, NoConnectionWhilePaused) {
  LeaderLink link(kOptions, 0);
  link.Pause();
  EXPECT_EQ(TickUntil(link, 0, 300).first, Action::kNone);
  link.Resume();
  EXPECT_EQ(link.Tick(310, 0), Action::kConnect);
}

TEST(LeaderLinkTest, TheLeadersIntervalsCount) {
  LeaderLink link(kOptions, 0);
  link.Tick(0, 0);
  EXPECT_EQ(link.OnRegistered(LeaderEpoch{1}, 50, 400, 0), Verdict::kAccept);
  EXPECT_EQ(link.heartbeat_interval_ms(), 50);
  EXPECT_EQ(TickUntil(link, 10, 1'000), std::make_pair(Action::kLeaderLost, int64_t{400}));
}

}  // namespace
}  // namespace weir
