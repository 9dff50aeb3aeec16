#include "jobmanager/slot_assignment.h"

#include <map>

#include "base/check.h"

namespace weir {
namespace {

struct Group {
  uint32_t first_slot = 0;
  uint32_t slot_count = 0;
};

std::map<std::string, Group> GroupsOf(const JobGraph& graph) {
  std::map<std::string, Group> groups;
  std::vector<std::string> order;
  for (const JobVertex& vertex : graph.vertices) {
    if (!groups.contains(vertex.slot_sharing_group)) order.push_back(vertex.slot_sharing_group);
    uint32_t& count = groups[vertex.slot_sharing_group].slot_count;
    count = std::max(count, vertex.parallelism);
  }
  uint32_t next = 0;
  for (const std::string& name : order) {
    groups[name].first_slot = next;
    next += groups[name].slot_count;
  }
  return groups;
}

}  // namespace

uint32_t RequiredSlots(const JobGraph& graph) {
  uint32_t count = 0;
  for (const auto& [name, group] : GroupsOf(graph)) count += group.slot_count;
  return count;
}

std::vector<TaskPlacement> AssignSlots(const JobGraph& graph, const std::vector<SlotId>& slots) {
  const std::map<std::string, Group> groups = GroupsOf(graph);
  CHECK(slots.size() >= RequiredSlots(graph));
  std::vector<TaskPlacement> placements;
  for (uint32_t vertex = 0; vertex < graph.vertices.size(); ++vertex) {
    const Group& group = groups.at(graph.vertices[vertex].slot_sharing_group);
    for (uint32_t subtask = 0; subtask < graph.vertices[vertex].parallelism; ++subtask) {
      placements.push_back({.subtask = {.vertex = {vertex}, .subtask = subtask}, .slot = slots[group.first_slot + subtask]});
    }
  }
  return placements;
}

}  // namespace weir
