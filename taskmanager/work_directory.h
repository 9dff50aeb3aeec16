// The TaskManager's own directory, <io.tmp.dirs>/weir-<id>: who owns it, which workers it started. By it a starting TaskManager
// ends the workers that an earlier life left behind, so that none outlives its TaskManager whatever happened.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include <weir/core/status.h>

namespace weir {

// A process that cannot be mistaken for a later one with the same id. Text: "<pid> <start time> <boot id>".
struct ProcessIdentity {
  pid_t process_id = 0;
  uint64_t start_time = 0;  // In clock ticks since boot, as /proc/<pid>/stat has it.
  std::string boot_id;
  bool operator==(const ProcessIdentity&) const = default;

  static StatusOr<ProcessIdentity> Of(pid_t process_id);  // kNotFound when there is none.
  std::string ToString() const;
  static StatusOr<ProcessIdentity> FromString(std::string_view text);
  bool IsAlive() const;
};

// SIGKILL, then waits until the process is gone; ok also when it was gone before. kDeadlineExceeded.
Status KillProcess(const ProcessIdentity& process, int64_t timeout_ms);

// Thread-safe after Claim.
class WorkDirectory {
 public:
  // Ends the workers of TaskManagers below `parent` that are dead themselves, with what is left in their process groups, and removes their directories; then makes the
  // one for `id`. kFailedPrecondition when a living TaskManager has that id, kUnavailable when the disk or an unkillable
  // worker is in the way. Only directories of this user are looked at. Blocks.
  static StatusOr<WorkDirectory> Claim(const std::string& parent, const std::string& id);

  const std::string& path() const { return path_; }
  std::string artifact_directory() const { return path_ + "/artifacts"; }
  // A worker keeps state on disk in a directory of it that has its process id as name.
  std::string state_directory() const { return path_ + "/state"; }

  void AddWorker(pid_t process_id) const;
  // It has ended, or is about to; so does what is left in its process group, and its state on disk goes. Blocks.
  void RemoveWorker(pid_t process_id) const;
  void Remove() const;  // The whole directory; all workers have ended.

 private:
  explicit WorkDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace weir
