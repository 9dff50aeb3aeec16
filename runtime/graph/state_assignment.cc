#include "runtime/graph/state_assignment.h"

#include <map>
#include <optional>

#include "base/check.h"
#include "base/status_macros.h"
#include "runtime/graph/state_evolution.h"

namespace weir {
namespace {

bool Overlap(KeyGroupRange a, KeyGroupRange b) {
  return !a.empty() && !b.empty() && a.start <= b.end && b.start <= a.end;
}

KeyGroupRange Intersection(KeyGroupRange a, KeyGroupRange b) {
  return {.start = std::max(a.start, b.start), .end = std::min(a.end, b.end)};
}

// One item and the handle that holds it.
struct ItemPlace {
  size_t old_subtask;
  size_t handle;
  size_t partition;
  size_t item;
};

// Collects what goes to one new subtask, one handle per old handle that gives something.
class Receiver {
 public:
  void Take(const std::vector<OperatorSubtaskState>& old_subtasks, const ItemPlace& place) {
    const OperatorStatePartition& source =
        old_subtasks[place.old_subtask].operator_state[place.handle].partitions[place.partition];
    PartitionFor(old_subtasks, place).items.push_back(source.items[place.item]);
  }
  // A name without items is still a state that exists.
  void TakeName(const std::vector<OperatorSubtaskState>& old_subtasks, const ItemPlace& place) {
    PartitionFor(old_subtasks, place);
  }
  void Finish(OperatorSubtaskState& state) {
    for (auto& [place, handle] : handles_) state.operator_state.push_back(std::move(handle));
  }

 private:
  OperatorStatePartition& PartitionFor(const std::vector<OperatorSubtaskState>& old_subtasks, const ItemPlace& place) {
    const OperatorStateHandle& source_handle = old_subtasks[place.old_subtask].operator_state[place.handle];
    const OperatorStatePartition& source = source_handle.partitions[place.partition];
    const auto [entry, inserted] = handles_.try_emplace({place.old_subtask, place.handle});
    OperatorStateHandle& handle = entry->second;
    if (inserted) handle.bytes = source_handle.bytes;
    for (OperatorStatePartition& partition : handle.partitions) {
      if (partition.name == source.name && partition.mode == source.mode) return partition;
    }
    handle.partitions.push_back({.name = source.name, .mode = source.mode, .schema = source.schema, .items = {}});
    return handle.partitions.back();
  }

  std::map<std::pair<size_t, size_t>, OperatorStateHandle> handles_;  // By old subtask and handle.
};

using PlacesByName = std::map<std::string, std::vector<ItemPlace>>;

// Items of all partitions of one mode, by name, in the order of the old subtasks.
PlacesByName CollectPlaces(const std::vector<OperatorSubtaskState>& old_subtasks, RedistributionMode mode) {
  PlacesByName places;
  for (size_t subtask = 0; subtask < old_subtasks.size(); ++subtask) {
    const auto& handles = old_subtasks[subtask].operator_state;
    for (size_t handle = 0; handle < handles.size(); ++handle) {
      for (size_t partition = 0; partition < handles[handle].partitions.size(); ++partition) {
        const OperatorStatePartition& source = handles[handle].partitions[partition];
        if (source.mode != mode) continue;
        std::vector<ItemPlace>& list = places[source.name];
        for (size_t item = 0; item < source.items.size(); ++item) list.push_back({subtask, handle, partition, item});
      }
    }
  }
  return places;
}

void AssignEvenSplit(const std::vector<OperatorSubtaskState>& old_subtasks, std::vector<Receiver>& receivers) {
  const size_t new_parallelism = receivers.size();
  size_t start = 0;
  for (const auto& [name, places] : CollectPlaces(old_subtasks, RedistributionMode::kEvenSplit)) {
    const size_t base = places.size() / new_parallelism;
    const size_t remainder = places.size() % new_parallelism;
    size_t next_item = 0;
    for (size_t i = 0; i < new_parallelism; ++i) {
      const size_t target = (i + start) % new_parallelism;
      const size_t count = base + (i < remainder ? 1 : 0);
      for (size_t n = 0; n < count; ++n) receivers[target].Take(old_subtasks, places[next_item++]);
    }
    // Extras of the next name begin where this one's ended, so that they spread.
    start = (start + remainder) % new_parallelism;
    CHECK(next_item == places.size());
  }
}

void TakeWholeSubtask(const std::vector<OperatorSubtaskState>& old_subtasks, size_t old_subtask,
                      RedistributionMode mode, Receiver& receiver) {
  const auto& handles = old_subtasks[old_subtask].operator_state;
  for (size_t handle = 0; handle < handles.size(); ++handle) {
    for (size_t partition = 0; partition < handles[handle].partitions.size(); ++partition) {
      const OperatorStatePartition& source = handles[handle].partitions[partition];
      if (source.mode != mode) continue;
      receiver.TakeName(old_subtasks, {old_subtask, handle, partition, 0});
      for (size_t item = 0; item < source.items.size(); ++item) {
        receiver.Take(old_subtasks, {old_subtask, handle, partition, item});
      }
    }
  }
}

// Subtask i reads copy i mod old parallelism; the next one that has a copy where that subtask had finished.
size_t BroadcastSource(const std::vector<OperatorSubtaskState>& old_subtasks, size_t new_subtask) {
  for (size_t i = 0; i < old_subtasks.size(); ++i) {
    const size_t candidate = (new_subtask + i) % old_subtasks.size();
    for (const OperatorStateHandle& handle : old_subtasks[candidate].operator_state) {
      for (const OperatorStatePartition& partition : handle.partitions) {
        if (partition.mode == RedistributionMode::kBroadcast) return candidate;
      }
    }
  }
  return new_subtask % old_subtasks.size();
}

void AssignKeyed(const std::vector<OperatorSubtaskState>& old_subtasks, uint32_t max_parallelism,
                 std::vector<OperatorSubtaskState>& assigned) {
  const uint32_t new_parallelism = static_cast<uint32_t>(assigned.size());
  for (uint32_t subtask = 0; subtask < new_parallelism; ++subtask) {
    const KeyGroupRange range = KeyGroupRangeOf(max_parallelism, new_parallelism, subtask);
    for (const OperatorSubtaskState& old : old_subtasks) {
      for (const KeyedStateHandle& handle : old.keyed) {
        if (!Overlap(range, handle.key_groups)) continue;
        assigned[subtask].keyed.push_back(
            {.key_groups = Intersection(range, handle.key_groups), .bytes = handle.bytes});
      }
    }
  }
}

// Old subtasks own the key groups that their index gives them, no others; so their union is a partition.
Status CheckKeyGroups(const SavedOperator& op, const VertexCheckpoint& vertex,
                      const std::vector<OperatorSubtaskState>& old_subtasks) {
  for (uint32_t subtask = 0; subtask < old_subtasks.size(); ++subtask) {
    const KeyGroupRange own = KeyGroupRangeOf(vertex.max_parallelism, vertex.parallelism, subtask);
    for (const KeyedStateHandle& handle : old_subtasks[subtask].keyed) {
      if (handle.key_groups.empty() || handle.key_groups.start < own.start || handle.key_groups.end > own.end) {
        return Corruption("key groups of the checkpoint are no partition, operator uid=" + op.uid +
                          " subtask=" + std::to_string(subtask));
      }
    }
  }
  return Status::Ok();
}

// States of one operator in all old subtasks of its vertex; empty where it had none.
std::vector<OperatorSubtaskState> StatesOf(const SavedOperator& op, const VertexCheckpoint& vertex) {
  std::vector<OperatorSubtaskState> states(vertex.subtasks.size());
  for (size_t subtask = 0; subtask < vertex.subtasks.size(); ++subtask) {
    states[subtask].operator_id = op.id;
    for (const OperatorSubtaskState& state : vertex.subtasks[subtask].snapshot.operators) {
      if (state.operator_id == op.id) states[subtask] = state;
    }
  }
  return states;
}

// R20: fixed once it is in a checkpoint; one that the user did not set gives way.
StatusOr<uint32_t> MaxParallelismOf(const JobVertex& vertex, const std::map<OperatorId, OldOperator>& old_operators) {
  uint32_t max_parallelism = vertex.max_parallelism;
  for (const ChainedOperator& op : vertex.chain) {
    const auto old = old_operators.find(op.id);
    if (old == old_operators.end()) continue;
    const uint32_t recorded = old->second.vertex->max_parallelism;
    const bool differs = recorded != max_parallelism;
    if (differs && (vertex.max_parallelism_explicit || max_parallelism != vertex.max_parallelism)) {
      return InvalidArgument("max parallelism differs from the checkpoint's, operator=" + op.name + " job=" +
                             std::to_string(max_parallelism) + " checkpoint=" + std::to_string(recorded));
    }
    max_parallelism = recorded;
  }
  if (vertex.parallelism > max_parallelism) {
    return InvalidArgument("parallelism exceeds the checkpoint's max parallelism, vertex=" + vertex.name +
                           " parallelism=" + std::to_string(vertex.parallelism) +
                           " max=" + std::to_string(max_parallelism));
  }
  return max_parallelism;
}

// How far a subtask had come (R25).
enum class Progress : uint8_t { kRunning, kDrained, kFinished };

Progress ProgressOf(const SubtaskCheckpoint& subtask) {
  if (subtask.finished) return Progress::kFinished;
  return subtask.snapshot.drained ? Progress::kDrained : Progress::kRunning;
}

bool AnyIs(const VertexCheckpoint& vertex, Progress progress) {
  return std::any_of(vertex.subtasks.begin(), vertex.subtasks.end(), [progress](const auto& subtask) { return ProgressOf(subtask) == progress; });
}

// With another parallelism old and new subtasks are not the same ones any more: then what holds is what held for all.
std::vector<Progress> NewProgress(const VertexCheckpoint& old, uint32_t parallelism) {
  if (old.subtasks.size() == parallelism) {
    std::vector<Progress> progress;
    for (const SubtaskCheckpoint& subtask : old.subtasks) progress.push_back(ProgressOf(subtask));
    return progress;
  }
  const Progress all = AnyIs(old, Progress::kRunning) ? Progress::kRunning : AnyIs(old, Progress::kDrained) ? Progress::kDrained : Progress::kFinished;
  return std::vector<Progress>(parallelism, all);
}

// Some had ended, and who has is not known of the new subtasks.
bool EndedInPart(const VertexCheckpoint& old, uint32_t parallelism) {
  return old.subtasks.size() != parallelism && AnyIs(old, Progress::kRunning) && (AnyIs(old, Progress::kDrained) || AnyIs(old, Progress::kFinished));
}

std::string Where(const JobVertex& vertex, const VertexCheckpoint& old, CheckpointId checkpoint) {
  return "vertex=" + vertex.name + " checkpoint=" + std::to_string(checkpoint.value) + " parallelism=" + std::to_string(vertex.parallelism) +
         " parallelism in the checkpoint=" + std::to_string(old.subtasks.size());
}

// Of the new subtasks; all running when no operator of the vertex is in the checkpoint. A new operator in a chain takes the
// progress of the others: what it would have got went through them.
StatusOr<std::vector<Progress>> ProgressOf(const JobVertex& vertex, const std::map<OperatorId, OldOperator>& old_operators, CheckpointId checkpoint) {
  std::optional<std::vector<Progress>> progress;
  for (const ChainedOperator& op : vertex.chain) {
    const auto old = old_operators.find(op.id);
    if (old == old_operators.end()) continue;
    std::vector<Progress> own = NewProgress(*old->second.vertex, vertex.parallelism);
    if (progress.has_value() && *progress != own) {
      return InvalidArgument("the checkpoint was taken when some operators of a chain had ended and others had not, since they were not chained then; operator=" +
                             op.name + " " + Where(vertex, *old->second.vertex, checkpoint));
    }
    progress = std::move(own);
  }
  return progress.value_or(std::vector<Progress>(vertex.parallelism, Progress::kRunning));
}

// The watermark belongs to the task; it survives only where old and new subtask are the same one.
void KeepWatermarks(const JobVertex& vertex, const std::map<OperatorId, OldOperator>& old_operators,
                    std::vector<SubtaskRestore>& subtasks) {
  const auto old = old_operators.find(vertex.id());
  if (old == old_operators.end() || old->second.vertex->subtasks.size() != subtasks.size()) return;
  for (size_t i = 0; i < subtasks.size(); ++i) subtasks[i].state.watermark = old->second.vertex->subtasks[i].snapshot.watermark;
}

Status CheckNoUnionList(const JobVertex& vertex, const ChainedOperator& op, const VertexCheckpoint& old,
                        const std::vector<OperatorSubtaskState>& old_states, CheckpointId checkpoint) {
  for (const OperatorSubtaskState& state : old_states) {
    for (const OperatorStateHandle& handle : state.operator_state) {
      for (const OperatorStatePartition& partition : handle.partitions) {
        if (partition.mode != RedistributionMode::kUnion) continue;
        return InvalidArgument("a vertex of which some subtasks had ended cannot change its parallelism, since operator \"" + op.name +
                               "\" has a union list (\"" + partition.name + "\") to which those belong; restore with the old parallelism; " +
                               Where(vertex, old, checkpoint));
      }
    }
  }
  return Status::Ok();
}

// Finish was called for their keys, and its output is part of the checkpoint. Lists stay: they are commits still to be made.
void LeaveEndedKeysBehind(const VertexCheckpoint& old, std::vector<OperatorSubtaskState>& old_states) {
  for (size_t i = 0; i < old_states.size(); ++i) {
    if (ProgressOf(old.subtasks[i]) != Progress::kRunning) old_states[i].keyed.clear();
  }
}

// An ended subtask takes no more records: whoever feeds it must have ended, too.
Status CheckEndedGetNothing(const JobGraph& graph, const std::vector<std::vector<Progress>>& progress,
                            const std::map<OperatorId, OldOperator>& old_operators, CheckpointId checkpoint) {
  const auto ended = [&](VertexIndex vertex, uint32_t subtask) { return progress[vertex.value][subtask] != Progress::kRunning; };
  for (const JobEdge& edge : graph.edges) {
    const JobVertex& from = graph.vertices[edge.from.value];
    const JobVertex& to = graph.vertices[edge.to.value];
    for (uint32_t producer = 0; producer < from.parallelism; ++producer) {
      if (ended(edge.from, producer)) continue;
      for (const uint32_t consumer : ConsumersOf(graph, edge, producer)) {
        if (!ended(edge.to, consumer)) continue;
        const auto old = old_operators.find(from.id());
        const std::string before = old == old_operators.end() ? "none" : std::to_string(old->second.vertex->subtasks.size());
        return InvalidArgument("a subtask that had ended would get records, which it cannot take any more; restore with the old parallelism; vertex=" +
                               to.name + " subtask=" + std::to_string(consumer) + " checkpoint=" + std::to_string(checkpoint.value) +
                               " records from=" + from.name + " parallelism=" + std::to_string(from.parallelism) +
                               " parallelism in the checkpoint=" + before);
      }
      if (!IsPointwise(edge.partitioner)) break;  // The other producers feed the same subtasks.
    }
  }
  return Status::Ok();
}

}  // namespace

std::vector<OperatorSubtaskState> AssignOperatorState(OperatorId operator_id,
                                                      const std::vector<OperatorSubtaskState>& old_subtasks,
                                                      uint32_t new_parallelism, uint32_t max_parallelism) {
  CHECK(!old_subtasks.empty());
  CHECK(new_parallelism >= 1);
  std::vector<OperatorSubtaskState> assigned(new_parallelism);
  for (OperatorSubtaskState& state : assigned) state.operator_id = operator_id;
  AssignKeyed(old_subtasks, max_parallelism, assigned);
  std::vector<Receiver> receivers(new_parallelism);
  const bool unchanged = old_subtasks.size() == new_parallelism;
  if (!unchanged) AssignEvenSplit(old_subtasks, receivers);
  for (size_t subtask = 0; subtask < new_parallelism; ++subtask) {
    Receiver& receiver = receivers[subtask];
    if (unchanged) TakeWholeSubtask(old_subtasks, subtask, RedistributionMode::kEvenSplit, receiver);
    for (size_t old = 0; old < old_subtasks.size(); ++old) {
      TakeWholeSubtask(old_subtasks, old, RedistributionMode::kUnion, receiver);
    }
    TakeWholeSubtask(old_subtasks, BroadcastSource(old_subtasks, subtask), RedistributionMode::kBroadcast, receiver);
    receiver.Finish(assigned[subtask]);
  }
  return assigned;
}

StatusOr<StateAssignment> AssignState(const JobGraph& graph, const CheckpointMetadata& metadata,
                                      bool allow_non_restored_state) {
  RETURN_IF_ERROR(CheckReports(CompareStates(graph, metadata), allow_non_restored_state));
  const std::map<OperatorId, OldOperator> old_operators = MatchOperators(graph, metadata);
  StateAssignment assignment;
  std::vector<std::vector<Progress>> progress;
  for (const JobVertex& vertex : graph.vertices) {
    ASSIGN_OR_RETURN(const uint32_t max_parallelism, MaxParallelismOf(vertex, old_operators));
    ASSIGN_OR_RETURN(std::vector<Progress> own_progress, ProgressOf(vertex, old_operators, metadata.id));
    std::vector<SubtaskRestore> subtasks(vertex.parallelism);
    for (size_t i = 0; i < subtasks.size(); ++i) {
      subtasks[i].finished = own_progress[i] == Progress::kFinished;
      subtasks[i].state.drained = own_progress[i] == Progress::kDrained;
    }
    progress.push_back(std::move(own_progress));
    KeepWatermarks(vertex, old_operators, subtasks);
    for (const ChainedOperator& op : vertex.chain) {
      const auto old = old_operators.find(op.id);
      if (old == old_operators.end()) continue;
      std::vector<OperatorSubtaskState> old_states = StatesOf(*old->second.op, *old->second.vertex);
      RETURN_IF_ERROR(CheckKeyGroups(*old->second.op, *old->second.vertex, old_states));
      if (EndedInPart(*old->second.vertex, vertex.parallelism)) {
        RETURN_IF_ERROR(CheckNoUnionList(vertex, op, *old->second.vertex, old_states, metadata.id));
        LeaveEndedKeysBehind(*old->second.vertex, old_states);
      }
      std::vector<OperatorSubtaskState> states =
          AssignOperatorState(op.id, old_states, vertex.parallelism, max_parallelism);
      for (uint32_t subtask = 0; subtask < vertex.parallelism; ++subtask) {
        // Also without state: that it was there tells an operator that is restored from one that is new.
        subtasks[subtask].state.operators.push_back(std::move(states[subtask]));
      }
    }
    assignment.subtasks.push_back(std::move(subtasks));
    assignment.max_parallelism.push_back(max_parallelism);
  }
  RETURN_IF_ERROR(CheckEndedGetNothing(graph, progress, old_operators, metadata.id));
  return assignment;
}

}  // namespace weir
