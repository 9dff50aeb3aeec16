#include "taskmanager/worker/job_loader.h"

#include "base/status_macros.h"
#include "runtime/operator/job_library.h"

namespace weir {

StatusOr<std::unique_ptr<LoadedJob>> LoadJob(const JobSource& source) {
  ASSIGN_OR_RETURN(const JobLibrary library, JobLibrary::Load(source.library_path));
  auto job = std::make_unique<LoadedJob>();
  job->stream_graph = std::make_shared<StreamGraph>();
  job->stream_graph->parallelism = source.parallelism;
  job->stream_graph->max_parallelism = source.max_parallelism;
  job->stream_graph->planning = source.planning;
  job->stream_graph->pinned = source.pinned;
  RETURN_IF_ERROR(library.BuildGraph(source.arguments, job->stream_graph));
  ASSIGN_OR_RETURN(job->plan, PlanJob(*job->stream_graph, source.defaults));
  return job;
}

}  // namespace weir
