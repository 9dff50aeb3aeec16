#include "base/config.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "base/config_foreign_keys.h"
#include "base/config_yaml.h"
#include "base/file_system.h"
#include "base/options.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr size_t kWarningCountMax = 100;
constexpr size_t kShownSizeMaxBytes = 100;
constexpr char kMasked[] = "******";
constexpr char kFileName[] = "weir-conf.yaml";
constexpr std::string_view kTmpDirsPlaceholder = "${io.tmp.dirs}";

constexpr std::string_view kSecretWords[] = {
    "password", "secret", "fs.azure.account.key", "apikey",      "auth-params", "service-key",
    "token",    "basic-auth", "jaas.config",      "http-headers",
};

const OptionInfo* FindOption(std::string_view key) {
  for (const OptionInfo* info : options::All()) {
    if (info->key == key) return info;
    if (!key.empty() && (info->older_keys[0] == key || info->older_keys[1] == key)) return info;
  }
  return nullptr;
}

// 0 for the newest spelling, then older ones.
size_t SpellingRank(const OptionInfo& info, std::string_view key) {
  if (info.key == key) return 0;
  return info.older_keys[0] == key ? 1 : 2;
}

// Short enough for a log line, and no secret.
std::string Shown(std::string_view key, std::string_view value) {
  if (IsSecretKey(key)) return kMasked;
  if (value.size() <= kShownSizeMaxBytes) return std::string(value);
  return fmt::format("{}...", value.substr(0, kShownSizeMaxBytes));
}

Status BadValue(const ConfigSetting& setting, std::string_view expected) {
  return InvalidArgument(fmt::format("bad configuration value, at {} key={} value=\"{}\": {}", setting.source, setting.key,
                                     Shown(setting.key, setting.text), expected));
}

// Levenshtein.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

struct Nearest {
  std::string_view key;
  size_t distance;
};

Nearest NearestKey(std::string_view key) {
  Nearest nearest{options::All().front()->key, SIZE_MAX};
  const auto consider = [&](std::string_view candidate) {
    if (candidate.empty()) return;
    const size_t distance = EditDistance(key, candidate);
    if (distance < nearest.distance) nearest = {candidate, distance};
  };
  for (const OptionInfo* info : options::All()) {
    consider(info->key);
    for (const std::string_view older : info->older_keys) consider(older);
  }
  return nearest;
}

std::string DescribeUnknownKey(const ConfigSetting& setting) {
  const std::string where = fmt::format("key={} at {}", setting.key, setting.source);
  const ForeignKey foreign = ClassifyForeignKey(setting.key);
  if (foreign == ForeignKey::kJvmOnly) return fmt::format("configuration key is for JVMs only, ignored, {}", where);
  const Nearest nearest = NearestKey(setting.key);
  if (foreign == ForeignKey::kFlink || (foreign == ForeignKey::kFlinkFamily && nearest.distance > 2)) {
    return fmt::format("configuration key is known to Flink, not supported yet, {}", where);
  }
  // Beyond a third of its letters nothing is near.
  if (nearest.distance * 3 > setting.key.size()) return fmt::format("configuration key is unknown, {}", where);
  return fmt::format("configuration key is unknown, {}, nearest={}", where, nearest.key);
}

StatusOr<std::vector<ConfigSetting>> ParseDynamicProperties(const std::vector<std::string>& properties) {
  std::vector<ConfigSetting> settings;
  for (const std::string& property : properties) {
    const size_t equals = property.find('=');
    ConfigSetting setting;
    setting.key = TrimBlanks(std::string_view(property).substr(0, equals));
    setting.text = equals == std::string::npos ? "true" : TrimBlanks(std::string_view(property).substr(equals + 1));
    setting.source = "-D";
    if (setting.text.empty()) setting.shape = ConfigSetting::Shape::kNothing;
    if (setting.key.empty()) {
      return InvalidArgument("bad configuration value, at -D: expected key=value, the key is empty");
    }
    // The last one of a key wins.
    std::erase_if(settings, [&](const ConfigSetting& earlier) { return earlier.key == setting.key; });
    settings.push_back(std::move(setting));
  }
  return settings;
}

}  // namespace

bool IsSecretKey(std::string_view key) {
  std::string lower(key);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return std::any_of(std::begin(kSecretWords), std::end(kSecretWords),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

StatusOr<Configuration> Configuration::Parse(std::string_view yaml, const std::string& file_name,
                                             const std::vector<std::string>& dynamic_properties) {
  Configuration configuration;
  ASSIGN_OR_RETURN(const std::vector<ConfigSetting> from_file, FlattenYaml(yaml, file_name));
  ASSIGN_OR_RETURN(const std::vector<ConfigSetting> from_arguments, ParseDynamicProperties(dynamic_properties));
  RETURN_IF_ERROR(configuration.Apply(from_file));
  RETURN_IF_ERROR(configuration.Apply(from_arguments));
  RETURN_IF_ERROR(configuration.CheckTogether());
  return configuration;
}

Status Configuration::Apply(const std::vector<ConfigSetting>& settings) {
  std::map<std::string_view, size_t> ranks;  // Of the spellings taken from this source, by newest key.
  for (const ConfigSetting& setting : settings) {
    const OptionInfo* info = FindOption(setting.key);
    if (info == nullptr) {
      WarnOfUnknownKey(setting);
      unknown_[setting.key] = {setting.text, setting.source};
      continue;
    }
    if (setting.shape == ConfigSetting::Shape::kNothing) {
      if (warnings_.size() < kWarningCountMax) {
        warnings_.push_back(
            fmt::format("configuration key has no value, ignored, key={} at {}", setting.key, setting.source));
      }
      continue;
    }
    if (setting.shape == ConfigSetting::Shape::kList && info->kind != OptionKind::kStringList) {
      return BadValue(setting, "expected a single value, got a list");
    }
    if (const Status status = CheckValue(*info, setting.text); !status.ok()) return BadValue(setting, status.message());
    const size_t rank = SpellingRank(*info, setting.key);
    const auto [taken, fresh] = ranks.emplace(info->key, rank);
    if (!fresh && taken->second < rank) continue;  // A newer spelling is there already.
    taken->second = rank;
    if (TrimBlanks(setting.text) == info->unset_text) {
      values_.erase(std::string(info->key));
    } else {
      values_[std::string(info->key)] = {std::string(TrimBlanks(setting.text)), setting.source};
    }
  }
  return Status::Ok();
}

void Configuration::WarnOfUnknownKey(const ConfigSetting& setting) {
  if (warnings_.size() < kWarningCountMax) {
    warnings_.push_back(DescribeUnknownKey(setting));
  } else if (warnings_.size() == kWarningCountMax) {
    warnings_.push_back("more configuration keys are unknown or empty, not listed");
  }
}

Status Configuration::CheckTogether() const {
  const auto check_below = [this](const auto& smaller, const auto& larger, bool may_be_equal) {
    const auto a = Get(smaller);
    const auto b = Get(larger);
    if (a < b || (may_be_equal && a == b)) return Status::Ok();
    return InvalidArgument(fmt::format("bad configuration: {} ({}) must be larger than {} ({})", larger.info.key,
                                       RawText(larger.info), smaller.info.key, RawText(smaller.info)));
  };
  RETURN_IF_ERROR(check_below(options::kHeartbeatInterval, options::kHeartbeatTimeout, false));
  return check_below(options::kRestartStrategyExponentialDelayInitialBackoff,
                     options::kRestartStrategyExponentialDelayMaxBackoff, true);
}

std::vector<ConfigEntry> Configuration::Entries() const {
  std::vector<ConfigEntry> entries;
  for (const OptionInfo* info : options::All()) {
    const auto value = values_.find(std::string(info->key));
    if (value != values_.end()) {
      entries.push_back({std::string(info->key), IsSecretKey(info->key) ? kMasked : RawText(*info), value->second.source});
    } else if (HasValue(*info)) {
      entries.push_back({std::string(info->key), RawText(*info), "default"});
    }
  }
  for (const auto& [key, value] : unknown_) {
    entries.push_back({key, IsSecretKey(key) ? kMasked : value.text, value.source});
  }
  return entries;
}

std::vector<std::string> Configuration::AsDynamicProperties() const {
  std::vector<std::string> properties;
  for (const auto& [key, value] : values_) properties.push_back(key + "=" + value.text);
  for (const auto& [key, value] : unknown_) properties.push_back(key + "=" + value.text);
  return properties;
}

bool Configuration::HasValue(const OptionInfo& info) const {
  return !info.default_text.empty() || values_.contains(std::string(info.key));
}

std::string Configuration::RawText(const OptionInfo& info) const {
  const auto value = values_.find(std::string(info.key));
  std::string text = value != values_.end() ? value->second.text : std::string(info.default_text);
  CHECK(!text.empty());
  if (info.kind != OptionKind::kString) return text;
  const size_t placeholder = text.find(kTmpDirsPlaceholder);
  if (placeholder == std::string::npos) return text;
  return text.replace(placeholder, kTmpDirsPlaceholder.size(), Get(options::kIoTmpDirs).front());
}

std::string Configuration::ToStringValue(const std::string& text) { return text; }

std::vector<std::string> Configuration::ToStringList(const std::string& text) { return SplitStringList(text); }

// The values were checked when they were loaded, the defaults by a test: a failure below is a bug.
int64_t Configuration::ToInt(const OptionInfo& info, const std::string& text) { return *ParseIntegral(info, text); }

double Configuration::ToDouble(const std::string& text) { return *ParseDouble(text); }

PortRange Configuration::ToPortRange(const std::string& text) { return *PortRange::Parse(text); }

StatusOr<Configuration> LoadConfiguration(const std::string& config_dir,
                                          const std::vector<std::string>& dynamic_properties) {
  std::string directory = config_dir;
  if (directory.empty()) {
    const char* from_environment = std::getenv("WEIR_CONF_DIR");
    if (from_environment != nullptr) directory = from_environment;
  }
  if (directory.empty()) return Configuration::Parse("", "", dynamic_properties);
  if (directory.front() != '/') {
    char* working_directory = ::realpath(".", nullptr);
    if (working_directory == nullptr) return Unavailable("working directory is not known");
    directory = std::string(working_directory) + "/" + directory;
    std::free(working_directory);
  }
  const std::string path = directory + "/" + kFileName;
  StatusOr<std::string> yaml = NewPosixFileSystem()->ReadFile(path);
  if (!yaml.ok()) return yaml.status().WithContext("configuration cannot be read");
  return Configuration::Parse(*yaml, path, dynamic_properties);
}

StatusOr<ConfigArguments> TakeConfigArguments(std::span<const char* const> arguments) {
  ConfigArguments taken;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--") {
      taken.rest.insert(taken.rest.end(), arguments.begin() + static_cast<ptrdiff_t>(i), arguments.end());
      break;
    }
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const bool names_directory = name == "--configDir" || name == "--config-dir";
    if (names_directory && equals != std::string_view::npos) {
      taken.config_dir = argument.substr(equals + 1);
    } else if (names_directory || argument == "-c" || argument == "-D") {
      if (i + 1 == arguments.size()) return InvalidArgument("option lacks its value, option=" + std::string(argument));
      const char* const value = arguments[++i];
      if (argument == "-D") {
        taken.dynamic_properties.emplace_back(value);
      } else {
        taken.config_dir = value;
      }
    } else if (argument.starts_with("-D")) {
      taken.dynamic_properties.emplace_back(argument.substr(2));
    } else {
      taken.rest.emplace_back(argument);
    }
  }
  return taken;
}

}  // namespace weir
