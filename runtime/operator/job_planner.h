// From the stream graph that a job's entry built to the job graph that is scheduled: chaining, ids, parallelism.
#pragma once

#include <memory>
#include <vector>

#include "runtime/graph/job_graph.h"
#include <weir/engine/stream_graph.h>

namespace weir {

// A job graph together with the user code behind it. The stream graph outlives the plan.
struct JobPlan {
  JobGraph graph;
  std::vector<std::vector<const StreamNode*>> chains;  // By vertex; head first.
  std::vector<const EdgeRouting*> routings;            // By edge.
};

// What the cluster or client decides where the program is silent.
struct PlanDefaults {
  CheckpointConfig checkpoint;
  std::optional<RestartStrategyConfig> restart;
};

// Chains operators under Flink's conditions, with one difference: an operator with several consumers ends its chain.
// kInvalidArgument names the operator and what to do: a stateful operator without a uid, a uid used twice, a forward edge between
// unequal parallelisms, a keyed operator with max parallelism below its parallelism.
// Sets the parallelism of each node that had none.
StatusOr<JobPlan> PlanJob(StreamGraph& stream_graph, const PlanDefaults& defaults);

}  // namespace weir
