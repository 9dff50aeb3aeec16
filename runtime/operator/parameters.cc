#include <weir/parameters.h>

#include <charconv>
#include <stdexcept>

namespace weir {
namespace {

template <class T>
T ParseNumber(std::string_view key, const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::invalid_argument("argument --" + std::string(key) + " must be a number, got \"" + text + "\"");
  }
  return value;
}

bool IsKey(const std::string& argument) { return argument.size() > 2 && argument.starts_with("--"); }

}  // namespace

Parameters::Parameters(std::vector<std::string> arguments) : raw_(std::move(arguments)) {
  for (size_t i = 0; i < raw_.size(); ++i) {
    if (!IsKey(raw_[i])) throw std::invalid_argument("argument \"" + raw_[i] + "\" is no --key");
    const std::string key = raw_[i].substr(2);
    if (const size_t equals = key.find('='); equals != std::string::npos) {
      values_[key.substr(0, equals)] = key.substr(equals + 1);
    } else if (i + 1 < raw_.size() && !IsKey(raw_[i + 1])) {
      values_[key] = raw_[++i];
    } else {
      values_[key] = "true";
    }
  }
}

bool Parameters::Has(std::string_view key) const { return values_.find(key) != values_.end(); }

const std::string& Parameters::Required(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) throw std::invalid_argument("required argument --" + std::string(key) + " is missing");
  return found->second;
}

std::string Parameters::Get(std::string_view key, std::string_view fallback) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::string(fallback) : found->second;
}

int64_t Parameters::GetInt(std::string_view key, int64_t fallback) const {
  const auto found = values_.find(key);
  return found == values_.end() ? fallback : ParseNumber<int64_t>(key, found->second);
}

double Parameters::GetDouble(std::string_view key, double fallback) const {
  const auto found = values_.find(key);
  return found == values_.end() ? fallback : ParseNumber<double>(key, found->second);
}

bool Parameters::GetBool(std::string_view key, bool fallback) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return fallback;
  if (found->second == "true") return true;
  if (found->second == "false") return false;
  throw std::invalid_argument("argument --" + std::string(key) + " must be true or false, got \"" + found->second + "\"");
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace weir
