// The configuration of one process: the settings of a YAML file, overridden by -D key=value, over the defaults of
// options.h. Everything is checked when it is loaded, so that reading an option cannot fail.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <weir/core/status.h>

#include "base/config_option.h"
#include "base/config_values.h"

namespace weir {

// True for keys whose values are shown as ****** (passwords, tokens, ...).
bool IsSecretKey(std::string_view key);

struct ConfigEntry {
  std::string key;
  std::string value;   // ****** for secrets.
  std::string source;  // "/etc/weir/weir-conf.yaml:12", "-D" or "default".
};

struct ConfigSetting;  // config_yaml.h

// Thread-compatible; read-only after loading.
class Configuration {
 public:
  Configuration() = default;  // All defaults.

  // `yaml` is the content of `file_name` (empty: no file); `dynamic_properties` are "key=value", or "key" for true, the
  // last one of a key wins. kInvalidArgument names file and line, key, value and what is expected.
  static StatusOr<Configuration> Parse(std::string_view yaml, const std::string& file_name,
                                       const std::vector<std::string>& dynamic_properties);

  // Durations are rounded up to whole milliseconds.
  template <class T>
  T Get(const ConfigOption<T>& option) const;
  template <class T>
  std::optional<T> Get(const ConfigOption<std::optional<T>>& option) const;

  bool IsSet(std::string_view key) const { return values_.contains(std::string(key)); }  // `key` in its newest spelling.

  // Unknown, unsupported, empty: one sentence each, for the log. Bounded.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // Every option with its value and where it comes from, then unknown keys; secrets masked. For people.
  std::vector<ConfigEntry> Entries() const;

  // What was set, as "key=value" with newest keys and unmasked secrets: to hand it on to a child process.
  std::vector<std::string> AsDynamicProperties() const;

 private:
  struct Value {
    std::string text;
    std::string source;
  };

  Status Apply(const std::vector<ConfigSetting>& settings);  // One source; a later call overrides an earlier one.
  void WarnOfUnknownKey(const ConfigSetting& setting);
  Status CheckTogether() const;  // Rules over more than one option.

  std::string RawText(const OptionInfo& info) const;  // Requires: set, or with a default.
  bool HasValue(const OptionInfo& info) const;
  static std::string ToStringValue(const std::string& text);
  static std::vector<std::string> ToStringList(const std::string& text);
  static int64_t ToInt(const OptionInfo& info, const std::string& text);  // Also bool, enum, milliseconds, bytes.
  static double ToDouble(const std::string& text);
  static PortRange ToPortRange(const std::string& text);

  template <class T>
  static T Convert(const OptionInfo& info, const std::string& text);

  std::map<std::string, Value> values_;   // By newest key; valid values of known options only.
  std::map<std::string, Value> unknown_;  // Kept for Entries() and AsDynamicProperties().
  std::vector<std::string> warnings_;     // At most kWarningCountMax and one that says so.
};

// Reads <config_dir>/weir-conf.yaml; `config_dir` empty: the environment's WEIR_CONF_DIR; that empty too: no file, only
// defaults and `dynamic_properties`. kNotFound when a directory is named and has no such file.
StatusOr<Configuration> LoadConfiguration(const std::string& config_dir,
                                          const std::vector<std::string>& dynamic_properties);

// Takes --configDir DIR, --configDir=DIR, --config-dir, -c DIR, -D key=value and -Dkey=value out of a program's arguments.
struct ConfigArguments {
  std::string config_dir;
  std::vector<std::string> dynamic_properties;
  std::vector<std::string> rest;  // In their order, without the program's name.
};
// kInvalidArgument when an option lacks its value. Arguments after "--" are left alone.
StatusOr<ConfigArguments> TakeConfigArguments(std::span<const char* const> arguments);

template <class T>
T Configuration::Convert(const OptionInfo& info, const std::string& text) {
  if constexpr (std::is_same_v<T, std::string>) {
    return ToStringValue(text);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return ToStringList(text);
  } else if constexpr (std::is_same_v<T, double>) {
    return ToDouble(text);
  } else if constexpr (std::is_same_v<T, PortRange>) {
    return ToPortRange(text);
  } else if constexpr (std::is_same_v<T, MemorySize>) {
    return MemorySize{ToInt(info, text)};
  } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
    return std::chrono::milliseconds(ToInt(info, text));
  } else {
    static_assert(std::is_same_v<T, int64_t> || std::is_same_v<T, bool> || std::is_enum_v<T>);
    return static_cast<T>(ToInt(info, text));
  }
}

template <class T>
T Configuration::Get(const ConfigOption<T>& option) const {
  return Convert<T>(option.info, RawText(option.info));
}

template <class T>
std::optional<T> Configuration::Get(const ConfigOption<std::optional<T>>& option) const {
  if (!HasValue(option.info)) return std::nullopt;
  return Convert<T>(option.info, RawText(option.info));
}

}  // namespace weir
