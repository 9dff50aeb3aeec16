// Shows metrics to Prometheus over HTTP, in its text format, on any path.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/status.h>

#include "base/metrics.h"
#include "base/port_range.h"

namespace weir {

struct ExposerOptions {
  std::string bind_host = "127.0.0.1";  // A name or an address.
  PortRange ports;                      // Tried in order; the first free one is taken.
};

// Thread-safe. Serves from Start() until it is destroyed.
class Exposer {
 public:
  using Provider = std::function<std::vector<MetricSample>()>;

  // `provider` is called on the server's threads, by several at a time, once per request; it must not throw, and not be
  // slow. kUnavailable when no port of the range is free, kInvalidArgument for a host that has no address.
  static StatusOr<std::unique_ptr<Exposer>> Start(const ExposerOptions& options, Provider provider);
  ~Exposer();  // Waits for requests that are being served.
  Exposer(const Exposer&) = delete;
  Exposer& operator=(const Exposer&) = delete;

  uint16_t port() const;

 private:
  struct State;
  explicit Exposer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace weir
