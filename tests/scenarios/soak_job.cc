#include "tests/scenarios/soak_job.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/status_macros.h"
#include "tests/scenarios/jobs/paced_source.h"
#include "tests/scenarios/scenario.h"

namespace weir::scenarios {

int64_t Since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin).count();
}

SoakJob::SoakJob(Cluster& cluster, int64_t rows_per_second)
    : cluster_(cluster), rows_per_second_(rows_per_second), output_(cluster.NewDirectory("out")), stop_file_(cluster.directory() + "/stop") {}

StatusOr<std::unique_ptr<SoakJob>> SoakJob::Start(Cluster& cluster, int64_t rows_per_second) {
  std::unique_ptr<SoakJob> job(new SoakJob(cluster, rows_per_second));
  RETURN_IF_ERROR(job->Submit());
  RETURN_IF_ERROR(job->AwaitCheckpoint(0));
  return job;
}

Status SoakJob::Submit() {
  begin_ = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(id_, cluster_.Submit({"-p", std::to_string(kParallelism), JobPath("scenario_running_count"), "--stop-file", stop_file_, "--keys", "1000",
                                         "--rows-per-second", std::to_string(rows_per_second_), "--checkpoint-interval-ms", "200", "--output", output_}));
  return Status::Ok();
}

Status SoakJob::AwaitCheckpoint(uint64_t newer_than) {
  const auto reached = [newer_than](const JobStatus& status) {
    // Numbers of completed checkpoints only grow; one that this restart restored from does not count.
    return status.running() && status.checkpoint_latest_id > std::max(status.checkpoint_restored_id, newer_than);
  };
  return cluster_.AwaitJob(id_, reached).status();
}

StatusOr<JobStatus> SoakJob::End(const std::string& disturbances) {
  const int64_t rows = (Since(begin_) / 1'000 + 3) * rows_per_second_ / kParallelism;
  std::ofstream(stop_file_ + ".new") << rows << "\n";
  std::filesystem::rename(stop_file_ + ".new", stop_file_);
  ASSIGN_OR_RETURN(JobStatus end, cluster_.AwaitEnd(id_, std::chrono::minutes(20)));
  if (end.state != "FINISHED") return Internal("job ended as " + end.state + ": " + end.failure);
  std::vector<int64_t> values;
  for (int64_t reader = 0; reader < kParallelism; ++reader) {
    for (int64_t i = 0; i < rows; ++i) values.push_back(reader * PacedSource::kRangeRows + i);
  }
  const std::string difference = NumberedDifference(CommittedLines(output_), values);
  if (!difference.empty()) return Internal(difference);
  std::printf("exactly once: %zu records, %s, %u restarts, %llu checkpoints\n", values.size(), disturbances.c_str(), end.restarts,
              static_cast<unsigned long long>(end.checkpoints_completed));
  return end;
}

}  // namespace weir::scenarios
