// Which subtask runs in which slot: slot sharing, as a pure function.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/graph/job_graph.h"

namespace weir {

// A slot of the cluster.
struct SlotId {
  std::string task_manager;
  SlotIndex index;
  auto operator<=>(const SlotId&) const = default;
};

struct TaskPlacement {
  SubtaskId subtask;
  SlotId slot;
  bool operator==(const TaskPlacement&) const = default;
};

// Sum over the slot sharing groups of the largest parallelism in each.
uint32_t RequiredSlots(const JobGraph& graph);

// One slot holds one subtask of each vertex of a group: subtask i goes to the group's slot i. Groups take slots in the order of
// their first vertex. Requires: at least RequiredSlots(graph) slots. Placements are ordered by subtask.
std::vector<TaskPlacement> AssignSlots(const JobGraph& graph, const std::vector<SlotId>& slots);

}  // namespace weir
