#include "benchmarks/driver/run_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

namespace weir::bench {
namespace {

struct ProcessSpan {
  int64_t cpu_begin_ns = std::numeric_limits<int64_t>::max();
  int64_t cpu_end_ns = 0;
  int64_t rss_bytes = 0;
};

// "part-<subtask>-<checkpoint>".
void AddCheckpoint(std::map<uint64_t, CheckpointSpan>& checkpoints, const std::string& name, int64_t barrier_ns, int64_t committed_ns) {
  CheckpointSpan& span = checkpoints[std::strtoull(name.c_str() + name.rfind('-') + 1, nullptr, 10)];
  span.barrier_ns = span.barrier_ns == 0 ? barrier_ns : std::min(span.barrier_ns, barrier_ns);
  span.committed_ns = std::max(span.committed_ns, committed_ns);
}

}  // namespace

StatusOr<RunResult> ReadRun(const std::string& directory) {
  RunResult result;
  int64_t begin_ns = std::numeric_limits<int64_t>::max();
  int64_t end_ns = 0;
  std::map<int64_t, ProcessSpan> processes;
  if (!std::filesystem::exists(directory)) return FailedPrecondition("the run left no files, directory=" + directory);
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    std::ifstream file(entry.path());
    int64_t at_ns = 0;
    int64_t cpu_ns = 0;
    int64_t pid = 0;
    if (name.starts_with("start-")) {
      uint64_t events_left = 0;
      file >> at_ns >> cpu_ns >> pid >> events_left;
      begin_ns = std::min(begin_ns, at_ns);
      result.measured_events += events_left;
      processes[pid].cpu_begin_ns = std::min(processes[pid].cpu_begin_ns, cpu_ns);
    } else if (name.starts_with("part-")) {
      Digest part;
      int64_t rss_bytes = 0;
      int64_t barrier_ns = 0;
      file >> part.rows >> part.sum >> barrier_ns >> at_ns >> cpu_ns >> pid >> rss_bytes;
      result.digest.Merge(part);
      end_ns = std::max(end_ns, at_ns);
      AddCheckpoint(result.checkpoints, name, barrier_ns, at_ns);
      processes[pid].cpu_end_ns = std::max(processes[pid].cpu_end_ns, cpu_ns);
      processes[pid].rss_bytes = std::max(processes[pid].rss_bytes, rss_bytes);
    } else {
      continue;
    }
    if (!file) return Corruption("a file of the run does not read, path=" + entry.path().string());
  }
  if (end_ns == 0 || result.measured_events == 0) return FailedPrecondition("the run left no result, directory=" + directory);
  result.begin_ns = begin_ns;
  result.seconds = static_cast<double>(end_ns - begin_ns) * 1e-9;
  for (const auto& [pid, span] : processes) {
    if (span.cpu_end_ns > span.cpu_begin_ns) result.cpu_seconds += static_cast<double>(span.cpu_end_ns - span.cpu_begin_ns) * 1e-9;
    result.rss_bytes += span.rss_bytes;
  }
  return result;
}

DurationHistogram ReadLatency(const std::string& directory) {
  DurationHistogram histogram;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!entry.path().filename().string().starts_with("latency-")) continue;
    std::ifstream file(entry.path());
    std::string line;
    std::getline(file, line);
    histogram.Merge(DurationHistogram::Parse(line));
  }
  return histogram;
}

std::vector<TaskProgress> ReadProgress(const std::string& directory) {
  std::vector<TaskProgress> all;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!entry.path().filename().string().starts_with("progress-")) continue;
    std::ifstream file(entry.path());
    TaskProgress& progress = all.emplace_back();
    file >> progress.begin_ns >> progress.last_ns >> progress.bucket_ns;
    std::string line;
    std::getline(file, line);
    std::getline(file, line);
    std::istringstream buckets(line);
    for (uint64_t count = 0; buckets >> count;) progress.buckets.push_back(count);
    std::getline(file, line);
    std::istringstream stops(line);
    char colon = 0;
    for (Stop stop; stops >> stop.from_ns >> colon >> stop.length_ns;) progress.stops.push_back(stop);
  }
  return all;
}

std::map<std::string, int64_t> ReadBeats(const std::string& directory) {
  std::map<std::string, int64_t> beats;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("beat-") && !name.starts_with("caught-")) continue;
    std::ifstream file(entry.path());
    file >> beats[name];
  }
  return beats;
}

}  // namespace weir::bench
