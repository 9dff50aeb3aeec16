#include "proto/message_socket.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status_macros.h"

namespace weir {
namespace {

constexpr size_t kHeaderBytes = 8;
constexpr std::array<char, 3> kMagic = {'W', 'C', '1'};
constexpr size_t kReadBytesMax = 1 << 20;
// Room for more than one descriptor, so that a peer that sends several is seen and none of them leaks.
constexpr size_t kAttachedMax = 8;

struct Header {
  uint32_t length = 0;
  bool attached = false;
};

std::array<char, kHeaderBytes> Encode(const Header& header) {
  std::array<char, kHeaderBytes> bytes{};
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(header.length >> (8 * i));
  bytes[4] = header.attached ? 1 : 0;
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin() + 5);
  return bytes;
}

StatusOr<Header> Decode(const std::array<char, kHeaderBytes>& bytes) {
  Header header;
  for (int i = 0; i < 4; ++i) header.length |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  if (!std::equal(kMagic.begin(), kMagic.end(), bytes.begin() + 5)) return Corruption("control message has a wrong magic");
  if (bytes[4] != 0 && bytes[4] != 1) return Corruption("control message has a wrong descriptor count");
  if (header.length > kMessageBytesMax) return Corruption("control message is too long, length=" + std::to_string(header.length));
  header.attached = bytes[4] == 1;
  return header;
}

std::string OpenFilesLimit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return "the process may have no more files open, limit=" + std::to_string(limit.rlim_cur) + " (ulimit -n)";
}

Status Broken(const char* what) { return Unavailable(std::string(what) + ": " + std::strerror(errno)); }

// Takes the descriptors of a received piece: the first one is kept when there was none, all others are closed.
Status TakeAttached(msghdr& piece, FileDescriptor& attached) {
  bool surplus = false;
  for (cmsghdr* part = CMSG_FIRSTHDR(&piece); part != nullptr; part = CMSG_NXTHDR(&piece, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      FileDescriptor received(fd);
      if (attached.valid()) {
        surplus = true;
      } else {
        attached = std::move(received);
      }
    }
  }
  if (surplus) return Corruption("control message brings several descriptors");
  // There is room for more than one: what was cut off could not be opened here.
  if ((piece.msg_flags & MSG_CTRUNC) != 0) return ResourceExhausted("the descriptor of a control message cannot be received: " + OpenFilesLimit());
  return Status::Ok();
}

// Reads exactly `size` bytes or to the end of the stream; returns how many there were.
StatusOr<size_t> Read(int socket, char* data, size_t size, FileDescriptor& attached) {
  size_t done = 0;
  while (done < size) {
    alignas(cmsghdr) char control[CMSG_SPACE(kAttachedMax * sizeof(int))];
    iovec part{data + done, size - done};
    msghdr piece{};
    piece.msg_iov = &part;
    piece.msg_iovlen = 1;
    piece.msg_control = control;
    piece.msg_controllen = sizeof(control);
    const ssize_t count = ::recvmsg(socket, &piece, MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Broken("control messages cannot be received");
    RETURN_IF_ERROR(TakeAttached(piece, attached));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

}  // namespace

Status SendMessage(int socket, std::string_view bytes, int attached) {
  if (bytes.size() > kMessageBytesMax) return InvalidArgument("control message is too long, length=" + std::to_string(bytes.size()));
  std::array<char, kHeaderBytes> header = Encode({static_cast<uint32_t>(bytes.size()), attached >= 0});
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  size_t done = 0;
  while (done < kHeaderBytes + bytes.size()) {
    std::array<iovec, 2> parts{};
    int part_count = 0;
    if (done < kHeaderBytes) parts[part_count++] = {header.data() + done, kHeaderBytes - done};
    const size_t body_done = done < kHeaderBytes ? 0 : done - kHeaderBytes;
    if (body_done < bytes.size()) parts[part_count++] = {const_cast<char*>(bytes.data()) + body_done, bytes.size() - body_done};
    msghdr piece{};
    piece.msg_iov = parts.data();
    piece.msg_iovlen = static_cast<size_t>(part_count);
    if (attached >= 0 && done == 0) {  // With the first byte; the receiver takes it from any part of the header.
      piece.msg_control = control;
      piece.msg_controllen = sizeof(control);
      cmsghdr* const rights = CMSG_FIRSTHDR(&piece);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(rights), &attached, sizeof(int));
    }
    const ssize_t count = ::sendmsg(socket, &piece, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Broken("control messages cannot be sent");
    done += static_cast<size_t>(count);
  }
  return Status::Ok();
}

StatusOr<std::optional<SocketMessage>> ReceiveMessage(int socket) {
  SocketMessage message;
  std::array<char, kHeaderBytes> bytes{};
  ASSIGN_OR_RETURN(const size_t header_bytes, Read(socket, bytes.data(), bytes.size(), message.attached));
  if (header_bytes == 0) return std::optional<SocketMessage>();
  if (header_bytes < kHeaderBytes) return Unavailable("control messages break off within a header");
  ASSIGN_OR_RETURN(const Header header, Decode(bytes));
  if (header.attached != message.attached.valid()) return Corruption("control message lacks its descriptor, or brings one unasked");
  while (message.bytes.size() < header.length) {
    const size_t done = message.bytes.size();
    const size_t wanted = std::min<size_t>(header.length - done, kReadBytesMax);
    message.bytes.resize(done + wanted);
    FileDescriptor unasked;
    ASSIGN_OR_RETURN(const size_t count, Read(socket, message.bytes.data() + done, wanted, unasked));
    if (count < wanted) return Unavailable("control messages break off within a message");
    if (unasked.valid()) return Corruption("control message brings a descriptor in its body");
  }
  return std::optional<SocketMessage>(std::move(message));
}

}  // namespace weir
