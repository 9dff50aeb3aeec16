// Deals the states of a checkpoint out to the subtasks of a job that starts from it. Pure (R20).
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/graph/job_graph.h"
#include "state/checkpoint/checkpoint_metadata.h"

namespace weir {

// What one new subtask starts with.
struct SubtaskRestore {
  bool finished = false;  // It had ended: run no user code (R25).
  TaskSnapshot state;     // Handles by operator of the chain; operators without state are left out.
  bool operator==(const SubtaskRestore&) const = default;
};

struct StateAssignment {
  // By vertex and subtask of the new graph.
  std::vector<std::vector<SubtaskRestore>> subtasks;
  // By vertex: the max parallelism to run with. A defaulted one gives way to the checkpoint's.
  std::vector<uint32_t> max_parallelism;
};

// kInvalidArgument, naming the operator: an explicit max parallelism differs from the checkpoint's, the parallelism exceeds
// it, a state that does not fit what the graph declares (state_evolution.h), or is not declared, or belongs to an operator that the
// graph lacks (unless `allow_non_restored_state`). kCorruption: key groups of the old
// subtasks that are no partition.
//
// Subtasks that had ended (R25) do not run Finish again. With the same parallelism each new subtask is what the old one was. With
// another one, a vertex whose subtasks had all ended stays ended; of one that had ended in part the others' state is dealt out,
// and keyed state of ended subtasks, for which no more input can come, is left behind. kInvalidArgument, naming vertex,
// checkpoint and both parallelisms, where that is not right: such a vertex with a union list, which belongs to all subtasks; a
// vertex put together from operators that had ended and others that had not; an ended subtask that would get more input.
StatusOr<StateAssignment> AssignState(const JobGraph& graph, const CheckpointMetadata& metadata,
                                      bool allow_non_restored_state);

// One operator: states of its old subtasks, in order, to `new_parallelism` new ones. Keyed state goes where key group
// ranges overlap; lists are split evenly by Flink's round robin, or kept as they are when the parallelism is unchanged;
// union lists go to everybody; of broadcast state new subtask i reads the copy of old subtask i mod old parallelism.
std::vector<OperatorSubtaskState> AssignOperatorState(OperatorId operator_id,
                                                      const std::vector<OperatorSubtaskState>& old_subtasks,
                                                      uint32_t new_parallelism, uint32_t max_parallelism);

}  // namespace weir
