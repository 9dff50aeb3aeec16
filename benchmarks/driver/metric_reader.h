// Reads what TaskManagers show to Prometheus, while a job runs.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace weir::bench {

// Rows and calls of the operators that take batches from channels.
struct BatchCounts {
  double rows = 0;
  double calls = 0;
};

// Asks a few times a second until it is destroyed; a thread of its own. A job's counts vanish with its worker, so the last answer counts.
class BatchCountReader final {
 public:
  // `task_managers`: the lines that TaskManagers print at their start. `tasks`: substrings of the names of tasks.
  BatchCountReader(const std::vector<std::string>& task_managers, std::vector<std::string> tasks);
  ~BatchCountReader();
  BatchCountReader(const BatchCountReader&) = delete;
  BatchCountReader& operator=(const BatchCountReader&) = delete;

  BatchCounts last() const;

 private:
  void Run();

  std::vector<uint16_t> ports_;
  const std::vector<std::string> tasks_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  BatchCounts last_;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace weir::bench
