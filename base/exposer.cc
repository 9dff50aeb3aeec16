#include "base/exposer.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netdb.h>
#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include <exception>
#include <limits>
#include <map>

#include "base/check.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr char kPrefix[] = "weir_";
constexpr size_t kServerThreadCount = 2;

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

}  // namespace

struct Exposer::State {
  std::shared_ptr<Collector> collector;           // The server keeps a weak reference: that is its interface.
  std::unique_ptr<prometheus::Exposer> exposer;   // Destroyed first.
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
      try {
        state->exposer =
            std::make_unique<prometheus::Exposer>(fmt::format("{}:{}", address, port), kServerThreadCount);
        state->exposer->RegisterCollectable(state->collector, "/");
        state->port = static_cast<uint16_t>(state->exposer->GetListeningPorts().at(0));
        return std::unique_ptr<Exposer>(new Exposer(std::move(state)));
      } catch (const std::exception& error) {
        state->exposer.reset();
        last_error = error.what();
      }
    }
  }
  return Unavailable(fmt::format("metrics port is not free, host={} error={}", options.bind_host, last_error));
}

Exposer::Exposer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Exposer::~Exposer() = default;

uint16_t Exposer::port() const { return state_->port; }

}  // namespace weir
