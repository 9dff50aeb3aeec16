#include "taskmanager/work_directory.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/status_macros.h"
#include "base/file_descriptor.h"
#include "taskmanager/process_group.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "weir-";
constexpr std::string_view kOwnerFile = "owner";
constexpr std::string_view kWorkerPrefix = "worker-";
constexpr int64_t kKillTimeoutMs = 10'000;

std::string ReadSmallFile(const std::string& path) {
  std::ifstream file(path);
  std::string text(4'096, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

std::string BootId() {
  std::string id = ReadSmallFile("/proc/sys/kernel/random/boot_id");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id.empty() ? "unknown" : id;
}

// A directory of our own that nobody else can write to: what it names may be trusted, and killed.
bool IsOurs(const fs::path& directory) {
  struct stat status {};
  return ::lstat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & 022) == 0;
}

std::vector<fs::path> List(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) entries.push_back(entry->path());
  return entries;
}

// What a dead worker's job had forked.
void EndGroupOf(const ProcessIdentity& worker) {
  const int hit = KillOrphanedGroup(worker.process_id, worker.start_time);
  if (hit != 0) LOG_WARN("Processes that a worker left behind are ended, worker pid={}, count={}", worker.process_id, hit);
}

Status EndWorkersOf(const fs::path& directory) {
  for (const fs::path& file : List(directory)) {
    if (!file.filename().string().starts_with(kWorkerPrefix)) continue;
    const StatusOr<ProcessIdentity> worker = ProcessIdentity::FromString(ReadSmallFile(file.string()));
    if (!worker.ok()) continue;  // Written halfway: the worker ended with its launcher's socket.
    if (worker->IsAlive()) LOG_WARN("Worker of an earlier TaskManager is ended, pid={}, directory={}", worker->process_id, directory.string());
    RETURN_IF_ERROR(KillProcess(*worker, kKillTimeoutMs));
    EndGroupOf(*worker);
  }
  return Status::Ok();
}

// The content appears at once and whole.
Status WriteFile(const std::string& path, const std::string& content) {
  const std::string temporary = path + ".tmp";
  {
    std::ofstream file(temporary, std::ios::trunc);
    file << content;
    if (!file.flush()) return Unavailable("file cannot be written, path=" + temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return Unavailable("file cannot be written, path=" + path + ": " + std::strerror(errno));
  return Status::Ok();
}

// Ids come from the configuration: only what cannot leave the directory.
std::string FileName(const std::string& id) {
  std::string name(kPrefix);
  for (const char c : id) name += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-' ? c : '_';
  return name;
}

}  // namespace

StatusOr<ProcessIdentity> ProcessIdentity::Of(pid_t process_id) {
  const std::string stat = ReadSmallFile("/proc/" + std::to_string(process_id) + "/stat");
  // The name in brackets may hold anything: fields are counted from its end.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return NotFound("no such process, pid=" + std::to_string(process_id));
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  char state = 0;
  constexpr int kStartTimeField = 22;
  fields >> state;
  for (int number = 4; number <= kStartTimeField; ++number) fields >> field;
  ProcessIdentity identity{process_id, 0, BootId()};
  identity.start_time = std::strtoull(field.c_str(), nullptr, 10);
  if (!fields || identity.start_time == 0) return NotFound("process has no start time, pid=" + std::to_string(process_id));
  if (state == 'Z' || state == 'X') return NotFound("process has ended, pid=" + std::to_string(process_id));
  return identity;
}

std::string ProcessIdentity::ToString() const { return std::to_string(process_id) + " " + std::to_string(start_time) + " " + boot_id; }

StatusOr<ProcessIdentity> ProcessIdentity::FromString(std::string_view text) {
  std::istringstream fields{std::string(text)};
  ProcessIdentity identity;
  if (!(fields >> identity.process_id >> identity.start_time >> identity.boot_id) || identity.process_id <= 1) {
    return InvalidArgument("no process identity: " + std::string(text.substr(0, 100)));
  }
  return identity;
}

bool ProcessIdentity::IsAlive() const {
  const StatusOr<ProcessIdentity> now = Of(process_id);
  return now.ok() && *now == *this;
}

Status KillProcess(const ProcessIdentity& process, int64_t timeout_ms) {
  // First the handle, then the comparison: the handle cannot come to mean another process.
  const FileDescriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, process.process_id, 0)));
  if (!process.IsAlive()) return Status::Ok();
  if (!handle.valid()) return Unavailable("process cannot be opened, pid=" + std::to_string(process.process_id) + ": " + std::strerror(errno));
  if (::syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH) {
    return Unavailable("process cannot be killed, pid=" + std::to_string(process.process_id) + ": " + std::strerror(errno));
  }
  pollfd ended{handle.get(), POLLIN, 0};
  if (::poll(&ended, 1, static_cast<int>(timeout_ms)) == 1 || !process.IsAlive()) return Status::Ok();
  return DeadlineExceeded("process does not end after SIGKILL, pid=" + std::to_string(process.process_id));
}

StatusOr<WorkDirectory> WorkDirectory::Claim(const std::string& parent, const std::string& id) {
  std::error_code error;
  fs::create_directories(parent, error);
  const fs::path own = fs::path(parent) / FileName(id);
  for (const fs::path& directory : List(parent)) {
    if (!directory.filename().string().starts_with(kPrefix) || !IsOurs(directory) || !fs::exists(directory / kOwnerFile, error)) continue;
    const StatusOr<ProcessIdentity> owner = ProcessIdentity::FromString(ReadSmallFile((directory / kOwnerFile).string()));
    if (owner.ok() && owner->IsAlive()) {
      if (directory != own || owner->process_id == ::getpid()) continue;
      return FailedPrecondition("a TaskManager with this id runs already, id=" + id + ", pid=" + std::to_string(owner->process_id) +
                                ": give this one another taskmanager.resource-id");
    }
    RETURN_IF_ERROR(EndWorkersOf(directory));
    fs::remove_all(directory, error);
  }
  if (::mkdir(own.c_str(), 0700) != 0 && errno != EEXIST) return Unavailable("directory cannot be made, path=" + own.string() + ": " + std::strerror(errno));
  if (!IsOurs(own)) return Unavailable("directory belongs to somebody else or is writable for others, path=" + own.string());
  ASSIGN_OR_RETURN(const ProcessIdentity self, ProcessIdentity::Of(::getpid()));
  RETURN_IF_ERROR(WriteFile((own / kOwnerFile).string(), self.ToString()));
  WorkDirectory claimed(own.string());
  fs::remove_all(claimed.artifact_directory(), error);
  if (!fs::create_directory(claimed.artifact_directory(), error)) return Unavailable("directory cannot be made, path=" + claimed.artifact_directory());
  return claimed;
}

void WorkDirectory::AddWorker(pid_t process_id) const {
  const StatusOr<ProcessIdentity> worker = ProcessIdentity::Of(process_id);
  if (!worker.ok()) return;  // Gone already.
  const Status written = WriteFile(path_ + "/" + std::string(kWorkerPrefix) + std::to_string(process_id), worker->ToString());
  if (!written.ok()) LOG_WARN("Worker is not recorded: {}", written.ToString());
}

void WorkDirectory::RemoveWorker(pid_t process_id) const {
  const std::string file = path_ + "/" + std::string(kWorkerPrefix) + std::to_string(process_id);
  // The launcher has ended what the job forked, unless it was killed itself: then the worker may be about to die with it.
  if (const StatusOr<ProcessIdentity> worker = ProcessIdentity::FromString(ReadSmallFile(file)); worker.ok()) {
    const Status ended = KillProcess(*worker, kKillTimeoutMs);
    if (!ended.ok()) LOG_WARN("Worker does not end: {}", ended.ToString());
    EndGroupOf(*worker);
    std::error_code error;
    fs::remove_all(state_directory() + "/" + std::to_string(process_id), error);
    if (error) LOG_WARN("State of a worker is left on disk, pid={}: {}", process_id, error.message());
  }
  ::unlink(file.c_str());
}

void WorkDirectory::Remove() const {
  std::error_code error;
  fs::remove_all(path_, error);
}

}  // namespace weir
