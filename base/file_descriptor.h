// Owns one file descriptor.
#pragma once

#include <utility>

#include <weir/core/status.h>

namespace weir {

// Closes it in the end. Move-only, thread-compatible.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Close();

 private:
  int fd_ = -1;  // -1 = none.
};

struct DescriptorPair {
  FileDescriptor first;   // Of a pipe: the end to read from.
  FileDescriptor second;  // Of a pipe: the end to write to.
};

// All close on exec. kUnavailable when the process has no descriptors left.
StatusOr<DescriptorPair> NewSocketPair(int type);  // A Unix socket pair, e.g. SOCK_STREAM.
StatusOr<DescriptorPair> NewPipe();

}  // namespace weir
