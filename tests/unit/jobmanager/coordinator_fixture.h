// A coordinator with two sources, a count and a sink.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "jobmanager/checkpoint_coordinator.h"
#include "tests/unit/testing/graphs.h"

namespace weir::testing {

inline constexpr AttemptId kAttempt{.epoch = {1}, .restart = 1};
inline constexpr SubtaskId kSource0{.vertex = {0}, .subtask = 0};
inline constexpr SubtaskId kSource1{.vertex = {0}, .subtask = 1};
inline constexpr SubtaskId kCount{.vertex = {1}, .subtask = 0};
inline constexpr SubtaskId kSink{.vertex = {2}, .subtask = 0};

// Two sources, one count, one sink; interval 100, time-out 1000, pause 0 unless changed.
class CoordinatorFixture : public ::testing::Test {
 protected:
  CoordinatorFixture() {
    graph_.checkpoint.interval_ms = 100;
    graph_.checkpoint.timeout_ms = 1'000;
  }
  void Start(std::vector<SubtaskId> finished = {}, CheckpointId last_id = {}) {
    coordinator_.emplace(graph_, JobId{}, std::vector<CheckpointId>{});
    Step(CoordinatorEvent::AttemptStarted{.attempt = kAttempt, .last_id = last_id, .wall_offset_ms = 5'000, .finished = std::move(finished), .drained = {}});
  }
  CheckpointCoordinator::Actions Step(const CoordinatorEvent::Any& event) { return coordinator_->Step(event, now_ms_); }
  CheckpointCoordinator::Actions TickAt(int64_t now_ms) {
    now_ms_ = now_ms;
    return Step(CoordinatorEvent::Tick{});
  }
  CheckpointCoordinator::Actions Ack(SubtaskId subtask, uint64_t id, bool drained = false, AttemptId attempt = kAttempt) {
    return Step(CoordinatorEvent::Acknowledged{.attempt = attempt, .subtask = subtask, .id = {id}, .snapshot = {.operators = {}, .drained = drained}});
  }
  CheckpointCoordinator::Actions AckAll(uint64_t id, bool drained = false) {
    CheckpointCoordinator::Actions last;
    for (const SubtaskId subtask : {kSource0, kSource1, kCount, kSink}) last = Ack(subtask, id, drained);
    return last;
  }
  CheckpointCoordinator::Actions Drain(SubtaskId subtask) { return Step(CoordinatorEvent::TaskDrained{kAttempt, subtask}); }
  CheckpointCoordinator::Actions Finish(SubtaskId subtask) { return Step(CoordinatorEvent::TaskFinished{kAttempt, subtask}); }

  JobGraph graph_ = LineGraph(2, 1, 1);
  int64_t now_ms_ = 0;
  std::optional<CheckpointCoordinator> coordinator_;
};

}  // namespace weir::testing
