// The table of options, its header and conf/weir-conf.yaml say the same.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/config.h"
#include "base/options.h"

namespace weir {
namespace {

std::string Content(const std::string& name) {
  std::stringstream content;
  content << std::ifstream(std::string(WEIR_SOURCE_DIR) + "/" + name).rdbuf();
  EXPECT_FALSE(content.str().empty()) << name;
  return content.str();
}

TEST(OptionsTest, TableHoldsEveryOptionOfTheHeader) {
  const std::string header = Content("base/options.h");
  size_t declared = 0;
  for (size_t at = header.find("extern const ConfigOption<"); at != std::string::npos;
       at = header.find("extern const ConfigOption<", at + 1)) {
    ++declared;
  }
  EXPECT_EQ(options::All().size(), declared);
}

TEST(OptionsTest, EachSpellingBelongsToOneOption) {
  std::set<std::string_view> seen;
  for (const OptionInfo* info : options::All()) {
    EXPECT_TRUE(seen.insert(info->key).second) << info->key;
    EXPECT_FALSE(info->description.empty()) << info->key;
    EXPECT_LE(info->min, info->max) << info->key;
    for (const std::string_view older : info->older_keys) {
      if (older.empty()) continue;
      EXPECT_TRUE(seen.insert(older).second) << older;
    }
  }
}

// Settings of the shipped file by key: "# key: value" is a documented default, "key: value" an active setting.
struct ShippedSetting {
  std::string value;
  std::string description;
  bool active = false;
};

std::map<std::string, ShippedSetting> ShippedSettings() {
  std::map<std::string, ShippedSetting> settings;
  std::istringstream lines(Content("conf/weir-conf.yaml"));
  std::string description;
  for (std::string line; std::getline(lines, line);) {
    const bool active = !line.starts_with("#");
    const std::string text = active ? line : line.substr(std::min<size_t>(2, line.size()));
    const size_t colon = text.find(':');
    const std::string key = text.substr(0, colon);
    const bool is_setting = colon != std::string::npos && key.find(' ') == std::string::npos &&
                            key.find('.') != std::string::npos;
    if (!is_setting) {
      EXPECT_TRUE(line.empty() || line.starts_with("#")) << line;
      description = line.empty() ? "" : description + text + "\n";
      continue;
    }
    const std::string value = text.substr(std::min(colon + 2, text.size()));
    EXPECT_TRUE(settings.emplace(key, ShippedSetting{value, description, active}).second) << key;
  }
  return settings;
}

TEST(ShippedConfigurationTest, DocumentsEveryOptionWithItsDefaultAndNothingElse) {
  std::map<std::string, ShippedSetting> settings = ShippedSettings();
  for (const OptionInfo* info : options::All()) {
    const auto setting = settings.find(std::string(info->key));
    ASSERT_NE(setting, settings.end()) << info->key << " is missing in conf/weir-conf.yaml";
    if (!setting->second.active) {
      EXPECT_EQ(setting->second.value, info->default_text) << info->key;
    } else {
      EXPECT_NE(setting->second.value, info->default_text) << info->key << " is active without need";
    }
    EXPECT_NE(setting->second.description.find(info->description), std::string::npos) << info->key;
    for (const std::string_view older : info->older_keys) {
      EXPECT_NE(setting->second.description.find(older), std::string::npos) << info->key << " " << older;
    }
    settings.erase(setting);
  }
  for (const auto& [key, setting] : settings) ADD_FAILURE() << key << " is in conf/weir-conf.yaml but no option";
}

TEST(ShippedConfigurationTest, LoadsAsItIsAndWithEverySettingActive) {
  const std::string shipped = Content("conf/weir-conf.yaml");
  const auto configuration = Configuration::Parse(shipped, "weir-conf.yaml", {});
  ASSERT_TRUE(configuration.ok()) << configuration.status().ToString();
  EXPECT_TRUE(configuration->warnings().empty());

  std::string active;
  for (const auto& [key, setting] : ShippedSettings()) {
    if (!setting.value.empty()) active += key + ": " + setting.value + "\n";
  }
  const auto all = Configuration::Parse(active, "weir-conf.yaml", {});
  ASSERT_TRUE(all.ok()) << all.status().ToString();
  EXPECT_TRUE(all->warnings().empty());
  EXPECT_EQ(all->Get(options::kExecutionCheckpointingDir), "/tmp/weir-checkpoints");
}

}  // namespace
}  // namespace weir
