#include "taskmanager/process_group.h"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/file_descriptor.h"

namespace weir {
namespace {

std::optional<ProcessRecord> ReadProcess(pid_t process_id) {
  std::ifstream file("/proc/" + std::to_string(process_id) + "/stat");
  std::string stat;
  std::getline(file, stat, '\0');
  // The name in brackets may hold anything: fields are counted from its end.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(name_end + 1));
  ProcessRecord process;
  process.process_id = process_id;
  std::string skipped;
  fields >> process.state >> process.parent >> process.group;
  constexpr int kFirstSkipped = 6;
  constexpr int kStartTimeField = 22;
  for (int number = kFirstSkipped; number < kStartTimeField; ++number) fields >> skipped;
  fields >> process.start_time;
  if (!fields) return std::nullopt;
  return process;
}

}  // namespace

std::vector<ProcessRecord> AllProcesses() {
  std::vector<ProcessRecord> processes;
  DIR* const directory = ::opendir("/proc");
  if (directory == nullptr) return processes;
  while (const dirent* const entry = ::readdir(directory)) {
    const pid_t process_id = static_cast<pid_t>(std::atol(entry->d_name));
    if (process_id <= 0) continue;
    if (const std::optional<ProcessRecord> process = ReadProcess(process_id)) processes.push_back(*process);
  }
  ::closedir(directory);
  return processes;
}

int KillOrphanedGroup(pid_t leader, uint64_t leader_start_time) {
  if (leader <= 1) return 0;
  int hit = 0;
  const std::vector<ProcessRecord> processes = AllProcesses();
  const auto is_other = [&](const ProcessRecord& each) { return each.process_id == leader && (each.start_time != leader_start_time || each.state != 'Z'); };
  if (std::any_of(processes.begin(), processes.end(), is_other)) return 0;
  for (const ProcessRecord& process : processes) {
    if (process.group != leader || process.state == 'Z' || process.start_time < leader_start_time) continue;
    // First the handle, then the comparison: the handle cannot come to mean another process.
    const FileDescriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, process.process_id, 0)));
    const std::optional<ProcessRecord> now = ReadProcess(process.process_id);
    if (!handle.valid() || !now.has_value() || now->group != leader || now->start_time != process.start_time) continue;
    if (::syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0) == 0) ++hit;
  }
  return hit;
}

}  // namespace weir
