// Processes of a test: started with pipes, read in the background, waited for with a deadline, ended by id.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <weir/core/status.h>

namespace weir::scenarios {

using std::chrono::milliseconds;

struct ProcessOptions {
  std::vector<std::string> command;      // Program (a path) and arguments.
  std::vector<std::string> environment;  // NAME=value, besides the test's own.
  std::string log_prefix;                // stdout and stderr are copied to <prefix>.out and <prefix>.err; empty: not.
};

// One child of the test. Thread: any one; a thread of its own reads the pipes. The destructor kills what still runs.
class Process final {
 public:
  // The child dies with the thread that starts it: call it on the main thread.
  static StatusOr<std::unique_ptr<Process>> Start(const ProcessOptions& options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  std::string output() const;
  std::string error() const;
  // The first whole line of stdout that contains `text`. kDeadlineExceeded, or kUnavailable when stdout ended without it.
  StatusOr<std::string> WaitForLine(std::string_view text, milliseconds timeout);
  void Signal(int signal);  // Nothing once WaitForExit gave a result.
  // The wait status, again at each call once there is one. kDeadlineExceeded.
  StatusOr<int> WaitForExit(milliseconds timeout);

 private:
  Process(pid_t pid, int output, int error, const std::string& log_prefix);
  void Read(int output, int error, std::string log_prefix);

  const pid_t pid_;
  int pidfd_ = -1;
  bool exited_ = false;
  int wait_status_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string output_;  // Guarded by mutex_, as are the next two.
  std::string error_;
  bool at_end_ = false;
  std::thread reader_;
};

// "exited with code 1", "was killed by signal 9".
std::string DescribeEnd(int wait_status);

struct ProcessInfo {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string name;  // As ps shows it, up to 15 characters.
  bool zombie = false;
};

// All processes that have `variable` (NAME=value) in their environment, from /proc; those that end meanwhile are left out.
std::vector<ProcessInfo> ProcessesWith(const std::string& variable);
// Those of `processes` below `ancestor`, at any depth.
std::vector<ProcessInfo> DescendantsOf(pid_t ancestor, const std::vector<ProcessInfo>& processes);
// SIGKILL, then waits for the end. A process that is gone is fine.
Status KillAndAwait(pid_t pid, milliseconds timeout);
// Files outside `directory` that the process has open for writing; devices, pipes and sockets do not count.
std::vector<std::string> FilesWrittenOutside(pid_t pid, const std::string& directory);

// Asks again every 10 ms until `condition` holds: for what has no event to wait for, as /proc and the CLI. False at the deadline.
bool Eventually(milliseconds timeout, const std::function<bool()>& condition);

}  // namespace weir::scenarios
