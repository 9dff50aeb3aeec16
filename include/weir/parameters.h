// Arguments of a job: `--key value`, `--key=value`, `--flag`, in any order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

// Immutable. Errors are std::invalid_argument with the offending name and value: they end planning with a message.
class Parameters {
 public:
  explicit Parameters(std::vector<std::string> arguments);

  bool Has(std::string_view key) const;
  const std::string& Required(std::string_view key) const;
  std::string Get(std::string_view key, std::string_view fallback) const;
  int64_t GetInt(std::string_view key, int64_t fallback) const;
  double GetDouble(std::string_view key, double fallback) const;
  bool GetBool(std::string_view key, bool fallback) const;
  const std::vector<std::string>& raw() const { return raw_; }

 private:
  std::vector<std::string> raw_;
  std::map<std::string, std::string, std::less<>> values_;
};

// The parts of `text` between occurrences of `separator`; empty parts are left out.
std::vector<std::string_view> Split(std::string_view text, char separator);

}  // namespace weir
