#include "base/exposer.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netdb.h>
#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/port_check.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr char kPrefix[] = "weir_";
// A connection has a thread to itself while its request is awaited: those that say nothing must not take all for long.
constexpr const char* kServerThreads = "8";
constexpr const char* kRequestTimeoutMs = "1000";
constexpr std::chrono::milliseconds kNudgePeriod{5};

// The longest of Flink's logical scopes that `name` begins with; what follows it is the metric's own name.
std::string HelpText(std::string_view name) {
  constexpr std::string_view kScopes[] = {
      "jobmanager_job_operator", "jobmanager_job", "jobmanager", "taskmanager_job_task_operator", "taskmanager_job_task",
      "taskmanager_job",         "taskmanager",
  };
  for (const std::string_view scope : kScopes) {
    if (name.size() > scope.size() && name.starts_with(scope) && name[scope.size()] == '_') {
      return fmt::format("{} (scope: {})", name.substr(scope.size() + 1), scope);
    }
  }
  return std::string(name);
}

prometheus::ClientMetric ToClientMetric(const MetricSample& sample) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : sample.labels) {
    metric.label.push_back({FilterMetricCharacters(name), FilterMetricCharacters(value)});
  }
  if (sample.kind != MetricKind::kHistogram) {
    metric.gauge.value = sample.value;
    return metric;
  }
  metric.summary.sample_count = sample.count;
  metric.summary.sample_sum = std::numeric_limits<double>::quiet_NaN();  // Not kept, as in Flink.
  for (size_t i = 0; i < std::min(sample.quantiles.size(), kMetricQuantiles.size()); ++i) {
    metric.summary.quantile.push_back({kMetricQuantiles[i], sample.quantiles[i]});
  }
  return metric;
}

class Collector final : public prometheus::Collectable {
 public:
  explicit Collector(Exposer::Provider provider) : provider_(std::move(provider)) {}

  // One family per name; of two kinds under one name the first one stays.
  std::vector<prometheus::MetricFamily> Collect() const override {
    std::map<std::string, prometheus::MetricFamily> families;
    for (const MetricSample& sample : provider_()) {
      const std::string name = FilterMetricCharacters(sample.name);
      const auto type = sample.kind == MetricKind::kHistogram ? prometheus::MetricType::Summary
                                                              : prometheus::MetricType::Gauge;
      const auto [family, fresh] = families.try_emplace(name);
      if (fresh) {
        family->second.name = kPrefix + name;
        family->second.help = HelpText(name);
        family->second.type = type;
      }
      if (family->second.type == type) family->second.metric.push_back(ToClientMetric(sample));
    }
    std::vector<prometheus::MetricFamily> collected;
    for (auto& [name, family] : families) collected.push_back(std::move(family));
    return collected;
  }

 private:
  const Exposer::Provider provider_;
};

// The server wants an address; configuration may name a host.
StatusOr<std::string> ResolveHost(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    return InvalidArgument(fmt::format("host has no address, host={} error={}", host, ::gai_strerror(error)));
  }
  char text[INET_ADDRSTRLEN] = {};
  sockaddr_in address{};
  std::memcpy(&address, found->ai_addr, sizeof(address));
  ::freeaddrinfo(found);
  CHECK(::inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text)) != nullptr);
  return std::string(text);
}

// Begins a connection and drops it.
void Nudge(const std::string& address, uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  if (to.sin_addr.s_addr == htonl(INADDR_ANY)) to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  static_cast<void>(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)));
  ::close(fd);
}

}  // namespace

struct Exposer::State {
  std::shared_ptr<Collector> collector;           // The server keeps a weak reference: that is its interface.
  std::unique_ptr<prometheus::Exposer> exposer;   // Destroyed first.
  std::string address;
  uint16_t port = 0;
};

StatusOr<std::unique_ptr<Exposer>> Exposer::Start(const ExposerOptions& options, Provider provider) {
  CHECK(provider != nullptr);
  ASSIGN_OR_RETURN(const std::string address, ResolveHost(options.bind_host));
  auto state = std::make_unique<State>();
  state->collector = std::make_shared<Collector>(std::move(provider));
  std::string last_error = "no port given";
  for (const PortRange::Interval& interval : options.ports.intervals) {
    for (uint32_t port = interval.first; port <= interval.last; ++port) {
      // The server says on stderr that it failed, and not why.
      if (const Status free = CheckPortFree(address, static_cast<uint16_t>(port)); !free.ok()) {
        last_error = free.message();
        continue;
      }
      try {
        state->exposer =
            std::make_unique<prometheus::Exposer>(std::vector<std::string>{"listening_ports", fmt::format("{}:{}", address, port), "num_threads",
                                                                           kServerThreads, "request_timeout_ms", kRequestTimeoutMs});
        state->exposer->RegisterCollectable(state->collector, "/");
        state->address = address;
        state->port = static_cast<uint16_t>(state->exposer->GetListeningPorts().at(0));
        return std::unique_ptr<Exposer>(new Exposer(std::move(state)));
      } catch (const std::exception& error) {
        state->exposer.reset();
        last_error = error.what();
      }
    }
  }
  return Unavailable(fmt::format("no metrics port is free: {}", last_error));
}

Exposer::Exposer(std::unique_ptr<State> state) : state_(std::move(state)) {}

// The HTTP server looks for its end every 2 s only, or after a connection: so connections are made until it has looked.
Exposer::~Exposer() {
  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;  // Guarded by mutex.
  std::thread nudging([&] {
    std::unique_lock lock(mutex);
    do {
      Nudge(state_->address, state_->port);
    } while (!changed.wait_for(lock, kNudgePeriod, [&] { return ended; }));
  });
  state_->exposer.reset();
  {
    std::lock_guard lock(mutex);
    ended = true;
  }
  changed.notify_all();
  nudging.join();
}

uint16_t Exposer::port() const { return state_->port; }

}  // namespace weir
