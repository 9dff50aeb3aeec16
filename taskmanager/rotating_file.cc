#include "taskmanager/rotating_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace weir {

RotatingFile::RotatingFile(std::string path, RotationLimits limits) : path_(std::move(path)), limits_(limits) {}

bool RotatingFile::Open() {
  if (file_.valid()) return true;
  const auto open = [this] { return FileDescriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)); };
  file_ = open();
  if (!file_.valid() && errno == ENOENT) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
    errno = error.value();
    if (!error) file_ = open();
  }
  struct stat status {};
  if (file_.valid() && ::fstat(file_.get(), &status) == 0) size_bytes_ = static_cast<uint64_t>(status.st_size);
  return file_.valid();
}

void RotatingFile::Rotate() {
  file_.Close();
  size_bytes_ = 0;
  const auto name = [this](uint32_t number) { return number == 0 ? path_ : path_ + "." + std::to_string(number); };
  ::unlink(name(limits_.old_file_count_max).c_str());
  for (uint32_t number = limits_.old_file_count_max; number > 0; --number) ::rename(name(number - 1).c_str(), name(number).c_str());
}

void RotatingFile::Append(std::string_view bytes) {
  const bool open = Open();
  if (open && size_bytes_ > 0 && size_bytes_ + bytes.size() > limits_.size_bytes_max) Rotate();
  while (!bytes.empty() && Open()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    bytes.remove_prefix(static_cast<size_t>(count));
    size_bytes_ += static_cast<uint64_t>(count);
  }
  if (bytes.empty() || failed_) return;
  failed_ = true;
  LOG_WARN("Output of a worker cannot be written and is dropped, path={}: {}", path_, std::strerror(errno));
}

}  // namespace weir
