#include "base/file_descriptor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace weir {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void FileDescriptor::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

StatusOr<DescriptorPair> NewSocketPair(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
    return Unavailable(std::string("no socket pair can be made: ") + std::strerror(errno));
  }
  return DescriptorPair{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

StatusOr<DescriptorPair> NewPipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Unavailable(std::string("no pipe can be made: ") + std::strerror(errno));
  return DescriptorPair{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

}  // namespace weir
