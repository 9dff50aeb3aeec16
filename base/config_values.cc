#include "base/config_values.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <span>

#include "base/check.h"
#include "base/status_macros.h"

namespace weir {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};

constexpr Unit kDurationUnits[] = {
    {"", 1'000'000},
    {"d", 86'400'000'000'000}, {"day", 86'400'000'000'000}, {"days", 86'400'000'000'000},
    {"h", 3'600'000'000'000}, {"hour", 3'600'000'000'000}, {"hours", 3'600'000'000'000},
    {"m", 60'000'000'000}, {"min", 60'000'000'000}, {"minute", 60'000'000'000}, {"minutes", 60'000'000'000},
    {"s", 1'000'000'000}, {"sec", 1'000'000'000}, {"secs", 1'000'000'000}, {"second", 1'000'000'000},
    {"seconds", 1'000'000'000},
    {"ms", 1'000'000}, {"milli", 1'000'000}, {"millis", 1'000'000}, {"millisecond", 1'000'000},
    {"milliseconds", 1'000'000},
    {"\u00b5s", 1'000}, {"micro", 1'000}, {"micros", 1'000}, {"microsecond", 1'000}, {"microseconds", 1'000},
    {"ns", 1}, {"nano", 1}, {"nanos", 1}, {"nanosecond", 1}, {"nanoseconds", 1},
};

constexpr int64_t kKibi = 1024;
constexpr Unit kMemoryUnits[] = {
    {"", 1}, {"b", 1}, {"bytes", 1},
    {"k", kKibi}, {"kb", kKibi}, {"kibibytes", kKibi},
    {"m", kKibi * kKibi}, {"mb", kKibi * kKibi}, {"mebibytes", kKibi * kKibi},
    {"g", kKibi * kKibi * kKibi}, {"gb", kKibi * kKibi * kKibi}, {"gibibytes", kKibi * kKibi * kKibi},
    {"t", kKibi * kKibi * kKibi * kKibi}, {"tb", kKibi * kKibi * kKibi * kKibi},
    {"tebibytes", kKibi * kKibi * kKibi * kKibi},
};

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

Status DurationExpected() {
  return InvalidArgument("expected a duration: a number and one of d, h, min, s, ms, \u00b5s, ns (none = ms)");
}

Status MemorySizeExpected() {
  return InvalidArgument("expected a memory size: a number and one of b, kb, mb, gb, tb (none = bytes, 1024 based)");
}

// "<digits> <unit>" in the smallest unit.
StatusOr<int64_t> ParseWithUnit(std::string_view text, std::span<const Unit> units, const Status& expected) {
  text = TrimBlanks(text);
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits == 0) return expected;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (error != std::errc()) return expected.WithContext("number is too large");
  CHECK(end == text.data() + digits);
  const std::string name = ToLower(TrimBlanks(text.substr(digits)));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    int64_t product = 0;
    if (__builtin_mul_overflow(number, unit.factor, &product)) return expected.WithContext("number is too large");
    return product;
  }
  return expected;
}

StatusOr<int64_t> ParseInt(std::string_view text) {
  text = TrimBlanks(text);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return InvalidArgument("expected an integer");
  return value;
}

StatusOr<int64_t> ParseBool(std::string_view text) {
  const std::string lower = ToLower(TrimBlanks(text));
  if (lower == "true") return int64_t{1};
  if (lower == "false") return int64_t{0};
  return InvalidArgument("expected true or false");
}

StatusOr<int64_t> ParseEnum(const OptionInfo& info, std::string_view text) {
  const std::string lower = ToLower(TrimBlanks(text));
  std::string allowed;
  for (const EnumAlias& alias : info.names) {
    if (alias.name.empty()) break;
    if (ToLower(alias.name) == lower) return int64_t{alias.value};
    allowed += (allowed.empty() ? "" : ", ") + std::string(alias.name);
  }
  return InvalidArgument("expected one of " + allowed);
}

// The bound as one would write it for this kind.
std::string BoundText(const OptionInfo& info, int64_t bound) {
  if (info.kind == OptionKind::kDuration) return fmt::format("{} ms", bound);
  if (info.kind == OptionKind::kMemorySize) return fmt::format("{} bytes", bound);
  return fmt::format("{}", bound);
}

template <class T>
Status CheckBounds(const OptionInfo& info, T value) {
  const bool below = value < static_cast<T>(info.min);
  const bool above = value > static_cast<T>(info.max);
  if (!below && !above) return Status::Ok();
  if (info.max == std::numeric_limits<int64_t>::max()) {
    return InvalidArgument("expected at least " + BoundText(info, info.min));
  }
  return InvalidArgument("expected a value from " + BoundText(info, info.min) + " to " + BoundText(info, info.max));
}

StatusOr<int64_t> ParseUnbounded(const OptionInfo& info, std::string_view text) {
  switch (info.kind) {
    case OptionKind::kInt: return ParseInt(text);
    case OptionKind::kBool: return ParseBool(text);
    case OptionKind::kEnum: return ParseEnum(info, text);
    case OptionKind::kDuration: {
      ASSIGN_OR_RETURN(const std::chrono::nanoseconds duration, ParseDuration(text));
      return int64_t{std::chrono::ceil<std::chrono::milliseconds>(duration).count()};
    }
    case OptionKind::kMemorySize: {
      ASSIGN_OR_RETURN(const MemorySize size, ParseMemorySize(text));
      return size.bytes;
    }
    default: CHECK(false);
  }
}

}  // namespace

std::string_view TrimBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  ASSIGN_OR_RETURN(const int64_t nanos, ParseWithUnit(text, kDurationUnits, DurationExpected()));
  return std::chrono::nanoseconds(nanos);
}

StatusOr<MemorySize> ParseMemorySize(std::string_view text) {
  ASSIGN_OR_RETURN(const int64_t bytes, ParseWithUnit(text, kMemoryUnits, MemorySizeExpected()));
  return MemorySize{bytes};
}

StatusOr<double> ParseDouble(std::string_view text) {
  text = TrimBlanks(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return InvalidArgument("expected a number");
  }
  return value;
}

std::vector<std::string> SplitStringList(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(",|:"), text.size());
    const std::string_view part = TrimBlanks(text.substr(0, end));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

StatusOr<int64_t> ParseIntegral(const OptionInfo& info, std::string_view text) {
  ASSIGN_OR_RETURN(const int64_t value, ParseUnbounded(info, text));
  if (info.kind != OptionKind::kEnum) RETURN_IF_ERROR(CheckBounds(info, value));
  return value;
}

Status CheckValue(const OptionInfo& info, std::string_view text) {
  if (!info.unset_text.empty() && TrimBlanks(text) == info.unset_text) return Status::Ok();
  switch (info.kind) {
    case OptionKind::kString:
      return TrimBlanks(text).empty() ? InvalidArgument("expected a text that is not empty") : Status::Ok();
    case OptionKind::kStringList:
      return SplitStringList(text).empty() ? InvalidArgument("expected at least one entry") : Status::Ok();
    case OptionKind::kPortRange:
      return PortRange::Parse(text).status();
    case OptionKind::kDouble: {
      ASSIGN_OR_RETURN(const double value, ParseDouble(text));
      return CheckBounds(info, value);
    }
    case OptionKind::kInt:
    case OptionKind::kBool:
    case OptionKind::kDuration:
    case OptionKind::kMemorySize:
    case OptionKind::kEnum: return ParseIntegral(info, text).status();
  }
  CHECK(false);
}

}  // namespace weir
