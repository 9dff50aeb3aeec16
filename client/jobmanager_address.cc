#include "client/jobmanager_address.h"

#include <algorithm>

#include "base/options.h"

namespace weir {
namespace {

constexpr size_t kPortDigitsMax = 5;
constexpr int kPortMax = 65'535;

Status Bad(const std::string& given, const std::string& what) {
  return InvalidArgument("--jobmanager expects host or host:port, got \"" + given + "\": " + what);
}

bool IsPort(const std::string& text) {
  const bool digits = !text.empty() && text.size() <= kPortDigitsMax && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && std::stoi(text) > 0 && std::stoi(text) <= kPortMax;
}

// An IPv6 address needs brackets before a port.
std::string Joined(const std::string& host, const std::string& port) {
  const bool bare_ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return (bare_ipv6 ? "[" + host + "]" : host) + ":" + port;
}

}  // namespace

StatusOr<std::string> JobManagerAddress(const std::string& given, const Configuration& configuration) {
  const std::string configured_port = std::to_string(configuration.Get(options::kJobManagerRpcPort));
  if (given.empty()) return Joined(configuration.Get(options::kJobManagerRpcAddress), configured_port);
  if (given.find('/') != std::string::npos) return Bad(given, "a URL is not understood");
  const size_t bracket = given.find(']');
  const size_t colon = given.find(':', bracket == std::string::npos ? 0 : bracket);
  const bool bare_ipv6 = given.front() != '[' && colon != std::string::npos && given.find(':', colon + 1) != std::string::npos;
  const std::string host = bare_ipv6 ? given : given.substr(0, colon);
  if (host.empty() || (host.front() == '[') != (host.back() == ']')) return Bad(given, "there is no host");
  if (bare_ipv6 || colon == std::string::npos) {
    if (configured_port == "0") return Bad(given, "jobmanager.rpc.port is 0, so a port must be named");
    return Joined(host, configured_port);
  }
  const std::string port = given.substr(colon + 1);
  if (!IsPort(port)) return Bad(given, "\"" + port + "\" is no port from 1 to 65535");
  return Joined(host, port);
}

}  // namespace weir
