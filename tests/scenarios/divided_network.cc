#include "tests/scenarios/divided_network.h"

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/check.h"
#include "base/status_macros.h"

namespace weir::scenarios {
namespace {

constexpr milliseconds kCommandTimeout = std::chrono::seconds(10);
constexpr uint32_t kHosts = 2;

std::string RouterAddress(uint32_t host) { return "10.77." + std::to_string(host + 1) + ".1"; }
std::string HostAddress(uint32_t host) { return "10.77." + std::to_string(host + 1) + ".2"; }

Status RunScript(const std::string& script) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Process> shell, Process::Start({{"/bin/sh", "-ec", "PATH=$PATH:/usr/sbin:/sbin\n" + script}, {}, {}}));
  ASSIGN_OR_RETURN(const int end, shell->WaitForExit(kCommandTimeout));
  return end == 0 ? Status::Ok() : Unavailable("network of namespaces: `" + script + "` " + DescribeEnd(end) + ": " + shell->error());
}

bool Write(const char* path, const std::string& text) { return static_cast<bool>(std::ofstream(path) << text << std::flush); }

// Root makes a network namespace as it is, others inside a user namespace in which they are root.
Status EnterOwnNamespaces() {
  if (::unshare(CLONE_NEWNET) == 0) return Status::Ok();
  const std::string uid = std::to_string(::getuid());
  const std::string gid = std::to_string(::getgid());
  const bool entered = ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && Write("/proc/self/setgroups", "deny") &&
                       Write("/proc/self/uid_map", "0 " + uid + " 1") && Write("/proc/self/gid_map", "0 " + gid + " 1");
  if (entered) return Status::Ok();
  return FailedPrecondition(std::string("network namespaces are not permitted here, be root or allow user namespaces: ") + std::strerror(errno));
}

}  // namespace

StatusOr<std::unique_ptr<DividedNetwork>> DividedNetwork::Enter() {
  RETURN_IF_ERROR(EnterOwnNamespaces());
  std::unique_ptr<DividedNetwork> network(new DividedNetwork());
  RETURN_IF_ERROR(RunScript("ip link set lo up; echo 1 > /proc/sys/net/ipv4/ip_forward"));
  for (uint32_t host = 0; host < kHosts; ++host) {
    ASSIGN_OR_RETURN(std::unique_ptr<Process> keeper,
                     Process::Start({{"/usr/bin/unshare", "--net", "/bin/sh", "-c", "echo entered; exec sleep infinity"}, {}, {}}));
    RETURN_IF_ERROR(keeper->WaitForLine("entered", kCommandTimeout).status());
    const std::string pid = std::to_string(keeper->pid());
    const std::string link = "host" + std::to_string(host);
    const std::string inside = "nsenter --net=/proc/" + pid + "/ns/net ip ";
    RETURN_IF_ERROR(RunScript("ip link add " + link + " type veth peer name eth0 netns " + pid + "; ip addr add " + RouterAddress(host) + "/24 dev " + link +
                              "; ip link set " + link + " up; " + inside + "link set lo up; " + inside + "addr add " + HostAddress(host) + "/24 dev eth0; " +
                              inside + "link set eth0 up; " + inside + "route add default via " + RouterAddress(host)));
    network->hosts_.push_back(std::move(keeper));
  }
  return network;
}

std::vector<std::string> DividedNetwork::TaskManagerPrefix(uint32_t host) const {
  CHECK(host < hosts_.size());
  // Of a setting given twice the last one counts.
  const std::string settings = " -D jobmanager.rpc.address=" + RouterAddress(host) + " -D taskmanager.bind-host=0.0.0.0";
  return {"/usr/bin/nsenter", "--net=/proc/" + std::to_string(hosts_[host]->pid()) + "/ns/net", "/bin/sh", "-c", "exec \"$@\"" + settings, "sh"};
}

Status DividedNetwork::Divide(Cut cut) {
  CHECK(rules_.empty());
  // A route of this kind drops without an ICMP message.
  const auto rule = [](uint32_t from, uint32_t to) { return "pref 10 from " + HostAddress(from) + " to " + HostAddress(to) + " blackhole"; };
  if (cut != Cut::kSecondToFirst) rules_.push_back(rule(0, 1));
  if (cut != Cut::kFirstToSecond) rules_.push_back(rule(1, 0));
  std::string script;
  for (const std::string& each : rules_) script += "ip rule add " + each + "\n";
  return RunScript(script);
}

Status DividedNetwork::Heal() {
  CHECK(!rules_.empty());
  std::string script;
  for (const std::string& each : rules_) script += "ip rule del " + each + "\n";
  rules_.clear();
  return RunScript(script);
}

}  // namespace weir::scenarios
