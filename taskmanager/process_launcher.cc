#include "taskmanager/process_launcher.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "proto/child_process.h"

namespace weir {
namespace {

bool SendRequest(int socket, const LauncherRequest& request, const std::array<int, 3>* descriptors) {
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = {};
  iovec part{const_cast<LauncherRequest*>(&request), sizeof(request)};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  if (descriptors != nullptr) {
    packet.msg_control = control;
    packet.msg_controllen = sizeof(control);
    cmsghdr* const rights = CMSG_FIRSTHDR(&packet);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(*descriptors));
    std::memcpy(CMSG_DATA(rights), descriptors->data(), sizeof(*descriptors));
  }
  ssize_t sent = 0;
  do sent = ::sendmsg(socket, &packet, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == sizeof(request);
}

}  // namespace

ProcessLauncher::~ProcessLauncher() { CHECK(!reader_.joinable()); }

void ProcessLauncher::Start(WorkerLauncherEvents& events) {
  CHECK(events_ == nullptr);
  events_ = &events;
  reader_ = std::thread([this] { ReadReplies(); });
}

void ProcessLauncher::Launch(WorkerSerial serial, WorkerEndpoints endpoints) {
  {
    std::lock_guard lock(mutex_);
    alive_.insert(serial);
  }
  const std::array<int, 3> descriptors = {endpoints.control.get(), endpoints.output.get(), endpoints.error.get()};
  LauncherRequest request;
  request.serial = serial.value;
  // A failure means that the launcher is gone: the reader notices and reports every worker as ended.
  if (!SendRequest(socket_.get(), request, &descriptors)) LOG_ERROR("The launcher takes no request, worker={}", serial.value);
}

void ProcessLauncher::Kill(WorkerSerial serial) {
  LauncherRequest request;
  request.kind = LauncherRequest::Kind::kKill;
  request.serial = serial.value;
  if (!SendRequest(socket_.get(), request, nullptr)) LOG_ERROR("The launcher takes no request, worker={}", serial.value);
}

void ProcessLauncher::ReadReplies() {
  while (true) {
    LauncherReply reply;
    const ssize_t size = ::recv(socket_.get(), &reply, sizeof(reply), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size != sizeof(reply)) break;
    const WorkerSerial serial{reply.serial};
    if (reply.kind == LauncherReply::Kind::kStarted) {
      events_->OnWorkerStarted(serial, reply.process_id);
      continue;
    }
    {
      std::lock_guard lock(mutex_);
      if (alive_.erase(serial) == 0) continue;
    }
    const bool exited = reply.kind == LauncherReply::Kind::kExited;
    reply.reason[sizeof(reply.reason) - 1] = '\0';
    events_->OnWorkerExited(serial, exited ? DescribeExit(reply.wait_status) : std::string("cannot be started: ") + reply.reason);
  }
  // The launcher kills its workers before it ends, and they die with it in any case.
  std::set<WorkerSerial> gone;
  {
    std::lock_guard lock(mutex_);
    gone.swap(alive_);
  }
  for (const WorkerSerial serial : gone) events_->OnWorkerExited(serial, stopping_ ? "was killed when the launcher stopped" : "died with the launcher");
  if (!stopping_) events_->OnLauncherLost();
}

void ProcessLauncher::Stop() {
  stopping_ = true;
  ::shutdown(socket_.get(), SHUT_WR);  // The launcher kills all workers, ends, and so ends the reader.
}

void ProcessLauncher::Join() {
  CHECK(stopping_.load());
  if (reader_.joinable()) reader_.join();
  while (::waitpid(launcher_id_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace weir
