// One task of a worker, with what is kept around it: its place in a slot, its peers, its account of time.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "runtime/task/slot_loop.h"
#include "runtime/task/step_watch.h"
#include "runtime/task/stream_task.h"

namespace weir {

struct DeployedTask {
  DeployedTask(SlotLoop& slot_loop, SlotTask::Threading threading, StepWatch::Limits limits)
      : loop(slot_loop), slot_task(slot_loop, threading), watch(limits) {}

  // Appends the task's counters and times. `now_ns` is monotonic; rates are those since the last call. Thread: any, one at a time.
  void AddMetrics(int64_t now_ns, std::vector<MetricSample>& samples);

  SlotLoop& loop;
  SlotTask slot_task;
  StreamTask* task = nullptr;  // The body of slot_task.
  MetricLabels labels;
  std::set<std::string> peers;  // Data addresses of workers at the other ends of its channels.
  StepWatch watch;              // Thread: the watchdog's.

 private:
  // Of the last AddMetrics call.
  int64_t sampled_ns_ = 0;
  std::array<int64_t, 3> sampled_times_{};
};

}  // namespace weir
