// Whether a server will be able to listen somewhere, with the system's reason when not: libraries that listen keep it to themselves.
#pragma once

#include <cstdint>
#include <string>

#include <weir/core/status.h>

namespace weir {

// Listens on all addresses of `host` and stops at once. Ok when the port is free on each that this machine has, and for port 0.
// kUnavailable names address, port and errno; kInvalidArgument: `host` has no address. Thread-safe; asks the resolver.
// Whoever listens next may still be late: somebody else can take the port meanwhile.
Status CheckPortFree(const std::string& host, uint16_t port);

}  // namespace weir
