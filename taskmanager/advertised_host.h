// The name under which others reach a TaskManager that was not told its own.
#pragma once

#include <string>

namespace weir {

// `bind_host`, unless that stands for all interfaces (0.0.0.0, ::): then the address, in digits, of the one whose route leads
// to `job_manager_address` (host:port). This machine's name, with a warning, when that host has no address or no route. Asks
// the resolver, sends nothing. Thread: any.
std::string AdvertisedHost(const std::string& bind_host, const std::string& job_manager_address);

}  // namespace weir
