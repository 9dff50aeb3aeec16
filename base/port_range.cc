#include "base/port_range.h"

#include <charconv>

#include "base/status_macros.h"

namespace weir {
namespace {

constexpr size_t kIntervalCountMax = 64;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Status Malformed() {
  return InvalidArgument("expected a port or port range, such as 0, 9249, 9249-9260 or several with commas");
}

StatusOr<uint16_t> ParsePort(std::string_view text) {
  text = Trim(text);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return Malformed();
  return port;
}

StatusOr<PortRange::Interval> ParseInterval(std::string_view text) {
  const size_t dash = text.find('-');
  ASSIGN_OR_RETURN(const uint16_t first, ParsePort(text.substr(0, dash)));
  if (dash == std::string_view::npos) return PortRange::Interval{first, first};
  ASSIGN_OR_RETURN(const uint16_t last, ParsePort(text.substr(dash + 1)));
  if (first == 0 || first > last) return Malformed();
  return PortRange::Interval{first, last};
}

}  // namespace

StatusOr<PortRange> PortRange::Parse(std::string_view text) {
  PortRange range;
  while (true) {
    const size_t comma = text.find(',');
    ASSIGN_OR_RETURN(const Interval interval, ParseInterval(text.substr(0, comma)));
    range.intervals.push_back(interval);
    if (range.intervals.size() > kIntervalCountMax) return Malformed();
    if (comma == std::string_view::npos) return range;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace weir
