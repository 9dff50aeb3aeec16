#include "benchmarks/driver/resource_watch.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/status_macros.h"
#include "benchmarks/driver/figure.h"

namespace weir::bench {
namespace {

constexpr double kMegabyte = 1024 * 1024;
// What a series may vary by: buffers that a restart has not filled yet, a checkpoint more or less.
const std::map<std::string, double> kSlack = {{"jobmanager_rss_mb", 16}, {"taskmanagers_rss_mb", 16}, {"workers_rss_mb", 64}, {"descriptors", 50},
                                              {"checkpoint_files_mb", 64}, {"other_files_mb", 16}};

double RssMegabytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  file >> total_pages >> resident_pages;
  return static_cast<double>(resident_pages) * 4096 / kMegabyte;
}

// Files come and go below our eyes: what is gone counts nothing.
double DescriptorsOf(pid_t pid) {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator entry("/proc/" + std::to_string(pid) + "/fd", error), end; !error && entry != end; entry.increment(error)) ++count;
  return count;
}

double MegabytesBelow(const std::string& directory, const std::string& but = "") {
  std::error_code error;
  double bytes = 0;
  std::filesystem::recursive_directory_iterator entry(directory, error);
  for (const std::filesystem::recursive_directory_iterator end; !error && entry != end; entry.increment(error)) {
    if (!but.empty() && entry->path() == but) {
      entry.disable_recursion_pending();
      continue;
    }
    std::error_code gone;
    if (entry->is_regular_file(gone)) {
      const uintmax_t size_bytes = entry->file_size(gone);
      if (!gone) bytes += static_cast<double>(size_bytes);
    }
  }
  return bytes / kMegabyte;
}

double Median(std::vector<double> values) { return Spread::Of(std::move(values)).median; }

}  // namespace

void ResourceWatch::Sample() {
  const std::vector<pid_t> workers = cluster_.Workers();
  std::vector<pid_t> task_managers;
  for (uint32_t i = 0; i < cluster_.task_manager_count(); ++i) task_managers.push_back(cluster_.task_manager_pid(i));
  const pid_t job_manager = cluster_.job_manager_pid();
  const auto sum = [](const std::vector<pid_t>& pids, auto&& of) {
    double total = 0;
    for (const pid_t pid : pids) total += of(pid);
    return total;
  };
  samples_["jobmanager_rss_mb"].push_back(RssMegabytes(job_manager));
  samples_["taskmanagers_rss_mb"].push_back(sum(task_managers, RssMegabytes));
  samples_["workers_rss_mb"].push_back(sum(workers, RssMegabytes));
  samples_["descriptors"].push_back(DescriptorsOf(job_manager) + sum(task_managers, DescriptorsOf) + sum(workers, DescriptorsOf));
  const std::string checkpoints = cluster_.directory() + "/checkpoints";
  samples_["checkpoint_files_mb"].push_back(MegabytesBelow(checkpoints));
  samples_["other_files_mb"].push_back(MegabytesBelow(cluster_.directory(), checkpoints));
}

std::vector<ResourceWatch::Growth> ResourceWatch::Growths() const {
  std::vector<Growth> growths;
  for (const auto& [what, values] : samples_) {
    const auto third = static_cast<std::ptrdiff_t>(values.size() / 3);
    if (third == 0) continue;
    growths.push_back({what, Median({values.begin(), values.begin() + third}), Median({values.end() - third, values.end()}),
                       *std::max_element(values.begin(), values.end())});
  }
  return growths;
}

Status ResourceWatch::CheckBounded() const {
  for (const Growth& growth : Growths()) {
    if (growth.late <= growth.early * 1.5 || growth.late <= growth.early + kSlack.at(growth.what)) continue;
    return FailedPrecondition(growth.what + " grows: from " + std::to_string(growth.early) + " to " + std::to_string(growth.late));
  }
  return Status::Ok();
}

}  // namespace weir::bench
