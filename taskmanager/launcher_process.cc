#include "taskmanager/launcher_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "base/status_macros.h"
#include "proto/child_process.h"
#include "taskmanager/process_group.h"

namespace weir {
namespace {

constexpr size_t kLaunchDescriptors = 3;
constexpr int kControlDescriptor = 3;

class Launcher {
 public:
  Launcher(FileDescriptor socket, std::string worker_program, int signals)
      : socket_(std::move(socket)), worker_program_(std::move(worker_program)), signals_(signals), null_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

  void Run() {
    std::array<pollfd, 2> events = {pollfd{socket_.get(), POLLIN, 0}, pollfd{signals_.get(), POLLIN, 0}};
    while (true) {
      if (::poll(events.data(), events.size(), -1) < 0) continue;
      if (events[1].revents != 0) Reap();
      if (events[0].revents != 0 && !HandleRequest()) break;
    }
    // The TaskManager is gone.
    for (const auto& [process_id, serial] : children_) KillWithGroup(process_id);
    while (true) {
      if (children_.empty()) KillStrays();
      const pid_t ended = ::waitpid(-1, nullptr, 0);
      if (ended > 0) children_.erase(ended);
      if (ended < 0 && errno != EINTR) break;
    }
  }

 private:
  // False at the end of the socket.
  bool HandleRequest() {
    LauncherRequest request;
    alignas(cmsghdr) char control[CMSG_SPACE(kLaunchDescriptors * sizeof(int))];
    iovec part{&request, sizeof(request)};
    msghdr packet{};
    packet.msg_iov = &part;
    packet.msg_iovlen = 1;
    packet.msg_control = control;
    packet.msg_controllen = sizeof(control);
    const ssize_t size = ::recvmsg(socket_.get(), &packet, MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) return true;
    if (size != sizeof(request)) return false;
    std::array<FileDescriptor, kLaunchDescriptors> received;
    const cmsghdr* const rights = CMSG_FIRSTHDR(&packet);
    if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
      const size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count && i < received.size(); ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(rights) + i * sizeof(int), sizeof(int));
        received[i] = FileDescriptor(fd);
      }
    }
    if (request.kind == LauncherRequest::Kind::kLaunch) Launch(request.serial, received);
    if (request.kind == LauncherRequest::Kind::kKill) Kill(request.serial);
    return true;
  }

  void Launch(uint64_t serial, const std::array<FileDescriptor, kLaunchDescriptors>& received) {
    ChildProgram program;
    program.path = worker_program_;
    program.arguments = {"--control-fd", std::to_string(kControlDescriptor)};
    program.own_process_group = true;
    program.descriptors = {{null_.get(), STDIN_FILENO},
                           {received[1].get(), STDOUT_FILENO},
                           {received[2].get(), STDERR_FILENO},
                           {received[0].get(), kControlDescriptor}};
    const StatusOr<pid_t> child = StartChild(program);
    LauncherReply reply;
    reply.serial = serial;
    if (child.ok()) {
      children_[*child] = serial;
      reply.process_id = *child;
    } else {
      reply.kind = LauncherReply::Kind::kNotStarted;
      std::strncpy(reply.reason, child.status().message().c_str(), sizeof(reply.reason) - 1);
    }
    Send(reply);
  }

  void Kill(uint64_t serial) {
    for (const auto& [process_id, child_serial] : children_) {
      if (child_serial == serial) KillWithGroup(process_id);
    }
  }

  // Requires: it is not reaped yet, so that the id is still this child's, and its group's.
  static void KillWithGroup(pid_t process_id) {
    ::kill(process_id, SIGKILL);
    ::kill(-process_id, SIGKILL);
  }

  // Children that are no workers: what dead workers left behind outside their groups. Whatever they leave in turn comes here, too.
  void KillStrays() const {
    const pid_t self = ::getpid();
    for (const ProcessRecord& process : AllProcesses()) {
      if (process.parent == self && !children_.contains(process.process_id)) ::kill(process.process_id, SIGKILL);
    }
  }

  void Reap() {
    signalfd_siginfo ignored[16];
    const ssize_t taken = ::read(signals_.get(), ignored, sizeof(ignored));
    static_cast<void>(taken);
    bool any = false;
    while (const pid_t ended = EndedChild()) {
      any = true;
      const auto child = children_.find(ended);
      if (child != children_.end()) KillWithGroup(ended);
      int status = 0;
      ::waitpid(ended, &status, 0);
      if (child == children_.end()) continue;
      LauncherReply reply;
      reply.kind = LauncherReply::Kind::kExited;
      reply.serial = child->second;
      reply.process_id = ended;
      reply.wait_status = status;
      children_.erase(child);
      Send(reply);
    }
    if (any && children_.empty()) KillStrays();
  }

  // One that has ended and is not reaped; 0: none.
  static pid_t EndedChild() {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
  }

  void Send(const LauncherReply& reply) {
    while (::send(socket_.get(), &reply, sizeof(reply), MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }

  const FileDescriptor socket_;
  const std::string worker_program_;
  const FileDescriptor signals_;
  const FileDescriptor null_;
  std::map<pid_t, uint64_t> children_;  // Alive or not reaped yet, with their serials.
};

}  // namespace

StatusOr<ForkedLauncher> ForkLauncher(const std::string& worker_program) {
  ASSIGN_OR_RETURN(DescriptorPair sockets, NewSocketPair(SOCK_SEQPACKET));
  const pid_t launcher = ::fork();
  if (launcher < 0) return Unavailable(std::string("the launcher cannot be forked: ") + std::strerror(errno));
  if (launcher > 0) return ForkedLauncher{launcher, std::move(sockets.first)};

  sockets.first.Close();
  ::prctl(PR_SET_NAME, "weir-launcher");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::setpgid(0, 0);  // Ctrl-C is for the TaskManager, which stops the workers in order.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &children, nullptr);
  const int signals = ::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals >= 0) Launcher(std::move(sockets.second), worker_program, signals).Run();
  ::_exit(0);
}

}  // namespace weir
