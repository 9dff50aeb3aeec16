// Files on POSIX systems. What makes it right on NFS too: link(2) as the exclusive creation, and after any failure of
// link a look at the link count, since a repeated request may report EEXIST for our own success.
#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/check.h"
#include "base/file_system.h"
#include "base/status_macros.h"

namespace weir {
namespace {

Status ErrnoStatus(const char* what, const std::string& path, int error) {
  const std::string message = std::string(what) + " failed, path=" + path + " error=" + std::strerror(error);
  if (error == ENOENT) return NotFound(message);
  if (error == EPERM || error == EOPNOTSUPP || error == ENOSYS) return FailedPrecondition(message);
  return Unavailable(message);
}

// For calls whose only named failure is "passing fault".
Status UnavailableStatus(const char* what, const std::string& path, int error) {
  return Unavailable(ErrnoStatus(what, path, error).message());
}

Status CheckPath(const std::string& path) {
  if (path.empty() || path.front() != '/') return InvalidArgument("path is not absolute, path=" + path);
  if (path.find('\0') != std::string::npos) return InvalidArgument("path holds a zero byte");
  return Status::Ok();
}

// A path that names a file: absolute, last part neither empty nor a dot name for a directory.
Status CheckFilePath(const std::string& path) {
  RETURN_IF_ERROR(CheckPath(path));
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.empty() || name == "." || name == "..") return InvalidArgument("path names no file, path=" + path);
  return Status::Ok();
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

int OpenRetrying(const std::string& path, int flags, mode_t mode = 0) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

Status SyncDirectory(const std::string& directory) {
  const int fd = OpenRetrying(directory, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return UnavailableStatus("open of directory", directory, errno);
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error != 0) return UnavailableStatus("fsync of directory", directory, error);
  return Status::Ok();
}

Status WriteAll(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return UnavailableStatus("write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return Status::Ok();
}

Status MakeDirectories(const std::string& directory) {
  RETURN_IF_ERROR(CheckPath(directory));
  std::vector<std::string> missing;  // Deepest first.
  std::string path = directory;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  struct stat stat {};
  while (::stat(path.c_str(), &stat) != 0) {
    if (errno != ENOENT) return UnavailableStatus("stat", path, errno);
    missing.push_back(path);
    path = ParentOf(path);
  }
  if (!S_ISDIR(stat.st_mode)) return Unavailable("create of directory failed, no directory, path=" + path);
  // Somebody else may have made the deepest existing one a moment ago and not have fsynced its parent yet. Best effort:
  // a parent that we may not open was not made by us.
  if (path != "/") static_cast<void>(SyncDirectory(ParentOf(path)).ok());
  for (auto made = missing.rbegin(); made != missing.rend(); ++made) {
    if (::mkdir(made->c_str(), 0755) != 0 && errno != EEXIST) {
      return UnavailableStatus("create of directory", *made, errno);
    }
    RETURN_IF_ERROR(SyncDirectory(ParentOf(*made)));
  }
  return Status::Ok();
}

bool SameFile(const std::string& a, const std::string& b) {
  struct stat stat_a {};
  struct stat stat_b {};
  return ::lstat(a.c_str(), &stat_a) == 0 && ::lstat(b.c_str(), &stat_b) == 0 && stat_a.st_dev == stat_b.st_dev &&
         stat_a.st_ino == stat_b.st_ino;
}

// Gives `from` the second name `to`. Ok also when `to` is that file already.
Status LinkExclusive(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return Status::Ok();
  const int error = errno;
  if (SameFile(from, to)) return Status::Ok();
  if (error == EEXIST) return AlreadyExists("file exists, path=" + to);
  return ErrnoStatus("link", to, error);
}

constexpr size_t kTemporaryDigits = 16;

// "/dir/.name.<16 hex>"; the name is cut so that the result stays a legal one.
std::string TemporaryPathFor(const std::string& path) {
  uint64_t random = 0;
  CHECK(getrandom(&random, sizeof(random), 0) == sizeof(random));
  char suffix[24];
  std::snprintf(suffix, sizeof(suffix), ".%016llx", static_cast<unsigned long long>(random));
  const size_t slash = path.rfind('/');
  return path.substr(0, slash + 1) + "." + path.substr(slash + 1, 200) + suffix;
}

class PosixDurableFile final : public DurableFile {
 public:
  PosixDurableFile(int fd, std::string path, std::string temporary_path)
      : fd_(fd), path_(std::move(path)), temporary_path_(std::move(temporary_path)) {}
  ~PosixDurableFile() override { Discard(); }
  PosixDurableFile(const PosixDurableFile&) = delete;
  PosixDurableFile& operator=(const PosixDurableFile&) = delete;

  Status Append(std::string_view bytes) override {
    if (fd_ < 0) return FailedPrecondition("file is published or failed before, path=" + path_);
    Status status = WriteAll(fd_, path_, bytes);
    written_bytes_ += bytes.size();
    if (status.ok()) status = WriteBehind();
    if (!status.ok()) Discard();
    return status;
  }

  Status Publish() override { return PublishUnder(path_); }

  Status PublishAs(const std::string& path) override {
    Status status = CheckFilePath(path);
    if (status.ok()) status = MakeDirectories(ParentOf(path));
    if (status.ok()) return PublishUnder(path);
    Discard();
    return status;
  }

 private:
  Status PublishUnder(const std::string& path) {
    if (fd_ < 0) return FailedPrecondition("file is published or failed before, path=" + path_);
    Status status = SyncAndClose();
    if (status.ok()) status = LinkExclusive(temporary_path_, path);
    if (status.code() == StatusCode::kNotFound) status = Unavailable(status.message());  // The directory went away.
    const bool linked_or_taken = status.ok() || status.code() == StatusCode::kAlreadyExists;
    Discard();
    if (!linked_or_taken) return status;
    // When the name is taken: whoever took it may not have come this far yet, and our caller is about to trust it.
    // A failure leaves the linked file where it is, others may have read it (R5).
    RETURN_IF_ERROR(SyncDirectory(ParentOf(path)));
    return status;
  }

  // The disk works while we write, and the fsync at the end has little left: without this all of a large file waits for it.
  Status WriteBehind() {
    for (; written_bytes_ - flushed_bytes_ >= kFlushBytes; flushed_bytes_ += kFlushBytes) {
      int failed = FlushRange(flushed_bytes_, SYNC_FILE_RANGE_WRITE);
      // No more than two pieces are on their way: what others write need not queue behind a whole file.
      if (failed == 0 && flushed_bytes_ >= 2 * kFlushBytes) {
        failed = FlushRange(flushed_bytes_ - 2 * kFlushBytes, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
      }
      if (failed != 0) return UnavailableStatus("write", path_, failed);
    }
    return Status::Ok();
  }
  // Zero or an errno: a failed write must not be lost here (R33). File systems without it are left to fsync.
  int FlushRange(uint64_t offset, unsigned flags) const {
    if (::sync_file_range(fd_, static_cast<off64_t>(offset), static_cast<off64_t>(kFlushBytes), flags) == 0) return 0;
    return errno == ENOSYS || errno == EINVAL || errno == ESPIPE ? 0 : errno;
  }

  Status SyncAndClose() {
    const int sync_error = ::fsync(fd_) == 0 ? 0 : errno;
    const int close_error = ::close(fd_) == 0 ? 0 : errno;  // Never repeated: the descriptor is gone either way.
    fd_ = -1;
    if (sync_error != 0) return UnavailableStatus("fsync", path_, sync_error);
    if (close_error != 0) return UnavailableStatus("close", path_, close_error);
    return Status::Ok();
  }

  void Discard() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
    temporary_path_.clear();
  }

  static constexpr uint64_t kFlushBytes = 8 * 1024 * 1024;

  int fd_;                      // -1 once published or failed.
  std::string path_;            // The final name, unless another is given.
  std::string temporary_path_;  // Empty once removed.
  uint64_t written_bytes_ = 0;
  uint64_t flushed_bytes_ = 0;  // On their way to the disk, or there.
};

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(int fd, std::string path, uint64_t size_bytes) : fd_(fd), path_(std::move(path)), size_bytes_(size_bytes) {}
  ~PosixReadableFile() override { ::close(fd_); }
  PosixReadableFile(const PosixReadableFile&) = delete;
  PosixReadableFile& operator=(const PosixReadableFile&) = delete;

  uint64_t size_bytes() const override { return size_bytes_; }

  Status ReadAt(uint64_t offset, char* target, size_t size_bytes) override {
    while (size_bytes > 0) {
      const ssize_t count = ::pread(fd_, target, size_bytes, static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return UnavailableStatus("read", path_, errno);
      if (count == 0) return Corruption("file ends early, path=" + path_ + " offset=" + std::to_string(offset));
      offset += static_cast<uint64_t>(count);
      target += count;
      size_bytes -= static_cast<size_t>(count);
    }
    return Status::Ok();
  }

 private:
  const int fd_;
  const std::string path_;
  const uint64_t size_bytes_;
};

class PosixFileSystem final : public FileSystem {
 public:
  StatusOr<std::unique_ptr<DurableFile>> Create(const std::string& path) override {
    RETURN_IF_ERROR(CheckFilePath(path));
    RETURN_IF_ERROR(CreateDirectories(ParentOf(path)));
    std::string temporary_path = TemporaryPathFor(path);
    const int fd = OpenRetrying(temporary_path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0) return UnavailableStatus("create", temporary_path, errno);
    return std::unique_ptr<DurableFile>(std::make_unique<PosixDurableFile>(fd, path, std::move(temporary_path)));
  }

  Status CreateExclusive(const std::string& path, std::string_view content) override {
    ASSIGN_OR_RETURN(const std::unique_ptr<DurableFile> file, Create(path));
    RETURN_IF_ERROR(file->Append(content));
    return file->Publish();
  }

  StatusOr<std::string> ReadFile(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    const int fd = OpenRetrying(path, O_RDONLY);
    if (fd < 0) return errno == ENOENT ? ErrnoStatus("open", path, ENOENT) : UnavailableStatus("open", path, errno);
    StatusOr<std::string> content = ReadAll(fd, path);
    ::close(fd);
    return content;
  }

  StatusOr<std::unique_ptr<ReadableFile>> OpenForReading(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    const int fd = OpenRetrying(path, O_RDONLY);
    if (fd < 0) return errno == ENOENT ? ErrnoStatus("open", path, ENOENT) : UnavailableStatus("open", path, errno);
    struct stat stat {};
    const int error = ::fstat(fd, &stat) == 0 ? 0 : errno;
    std::unique_ptr<ReadableFile> file = std::make_unique<PosixReadableFile>(fd, path, static_cast<uint64_t>(stat.st_size));
    if (error != 0) return UnavailableStatus("stat", path, error);
    return file;
  }

  StatusOr<uint64_t> FileSize(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    struct stat stat {};
    if (::stat(path.c_str(), &stat) != 0) {
      return errno == ENOENT ? ErrnoStatus("stat", path, ENOENT) : UnavailableStatus("stat", path, errno);
    }
    return static_cast<uint64_t>(stat.st_size);
  }

  StatusOr<bool> Exists(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    struct stat stat {};
    if (::stat(path.c_str(), &stat) == 0) return true;
    if (errno == ENOENT) return false;
    return UnavailableStatus("stat", path, errno);
  }

  StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  Status CreateDirectories(const std::string& directory) override { return MakeDirectories(directory); }
  Status MoveExclusive(const std::string& from, const std::string& to) override;
  Status LinkExclusive(const std::string& from, const std::string& to) override;

  // Not made durable: a file that comes back after a power failure is garbage again, and found as such (R18).
  Status Remove(const std::string& path) override {
    RETURN_IF_ERROR(CheckFilePath(path));
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return Status::Ok();
    if (errno == EISDIR) return InvalidArgument("path is a directory, path=" + path);
    return UnavailableStatus("unlink", path, errno);
  }

  Status RemoveDirectory(const std::string& path) override {
    RETURN_IF_ERROR(CheckFilePath(path));  // Never "/".
    struct stat stat {};
    if (::lstat(path.c_str(), &stat) != 0) {
      return errno == ENOENT ? Status::Ok() : UnavailableStatus("stat", path, errno);
    }
    if (!S_ISDIR(stat.st_mode)) return InvalidArgument("path is no directory, path=" + path);
    std::error_code error;
    std::filesystem::remove_all(path, error);  // Follows no symbolic link.
    if (error && error.value() != ENOENT) return UnavailableStatus("remove of directory", path, error.value());
    return Status::Ok();
  }

 private:
  static StatusOr<std::string> ReadAll(int fd, const std::string& path) {
    struct stat stat {};
    if (::fstat(fd, &stat) != 0) return UnavailableStatus("stat", path, errno);
    std::string content;
    content.resize(static_cast<size_t>(stat.st_size) + 1);  // One more, so that the end is seen without growing.
    size_t read_bytes = 0;
    while (true) {
      if (read_bytes == content.size()) content.resize(content.size() * 2);  // What stat cannot size: /proc.
      const ssize_t count = ::read(fd, content.data() + read_bytes, content.size() - read_bytes);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return UnavailableStatus("read", path, errno);
      if (count == 0) break;
      read_bytes += static_cast<size_t>(count);
    }
    content.resize(read_bytes);
    return content;
  }
};

StatusOr<std::vector<std::string>> PosixFileSystem::List(const std::string& directory) {
  RETURN_IF_ERROR(CheckPath(directory));
  std::vector<std::string> names;
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) {
    if (errno == ENOENT) return names;
    return UnavailableStatus("open of directory", directory, errno);
  }
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return UnavailableStatus("read of directory", directory, error);
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixFileSystem::MoveExclusive(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(CheckFilePath(from));
  RETURN_IF_ERROR(CheckFilePath(to));
  if (from == to) return InvalidArgument("move onto itself, path=" + from);
  Status status = weir::LinkExclusive(from, to);
  if (status.code() == StatusCode::kNotFound) {
    ASSIGN_OR_RETURN(const bool source_exists, Exists(from));
    ASSIGN_OR_RETURN(const bool target_exists, Exists(to));
    if (source_exists || !target_exists) return status;  // The target's directory, or both files, are missing.
    return SyncDirectory(ParentOf(to));                  // An earlier call did it all.
  }
  if (!status.ok()) return status;
  RETURN_IF_ERROR(SyncDirectory(ParentOf(to)));  // Before the old name goes: one of them always survives.
  if (::unlink(from.c_str()) != 0 && errno != ENOENT) return UnavailableStatus("unlink", from, errno);
  return SyncDirectory(ParentOf(from));
}

Status PosixFileSystem::LinkExclusive(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(CheckFilePath(from));
  RETURN_IF_ERROR(CheckFilePath(to));
  RETURN_IF_ERROR(CreateDirectories(ParentOf(to)));
  if (::link(from.c_str(), to.c_str()) != 0) {
    const int error = errno;
    // Another device, no hard links there, too many of them, or not ours: a copy serves.
    if (error == EXDEV || error == EPERM || error == EMLINK || error == ENOTSUP) {
      return FailedPrecondition("file cannot be linked, path=" + to + ": " + std::strerror(error));
    }
    if (error == EEXIST && !SameFile(from, to)) return AlreadyExists("file exists, path=" + to);
    if (error != EEXIST) return ErrnoStatus("link", to, error);
  }
  return SyncDirectory(ParentOf(to));
}

}  // namespace

std::string_view NameBehindTemporary(std::string_view name) {
  if (name.size() < kTemporaryDigits + 3 || name.front() != '.') return {};
  const std::string_view digits = name.substr(name.size() - kTemporaryDigits);
  const std::string_view behind = name.substr(1, name.size() - kTemporaryDigits - 2);
  if (name[behind.size() + 1] != '.' || digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) return {};
  return behind;
}

std::unique_ptr<FileSystem> NewPosixFileSystem() { return std::make_unique<PosixFileSystem>(); }

}  // namespace weir
