// What the CLI shows: tables for people, JSON for scripts.
#pragma once

#include <string>

#include "proto/services.pb.h"
#include "runtime/graph/job_graph.h"

namespace weir {

// Flink's blocks: running and restarting jobs, scheduled ones, with `all` ended ones too.
std::string JobTable(const proto::ListJobsReply& jobs, bool running, bool scheduled, bool all);
// All jobs, unless some are asked for.
std::string JobListJson(const proto::ListJobsReply& jobs, bool running, bool scheduled, bool all);
// Message and stack, as people read them.
std::string FailureText(const proto::Failure& failure);
std::string JobText(const proto::JobDetails& job);
// What there is none of, such as a checkpoint before the first, is null.
std::string JobJson(const proto::JobDetails& job);
// The execution plan of a job that was planned and not submitted.
std::string PlanJson(const JobGraph& graph);
// Of a savepoint that was begun (`path` empty) or taken.
std::string SavepointJson(const std::string& job_id, const std::string& trigger_id, const std::string& path);
std::string DisposedJson(const std::string& path);
std::string SubmittedJson(const std::string& job_id, const std::string& state);

}  // namespace weir
