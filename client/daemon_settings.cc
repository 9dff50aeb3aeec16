#include "client/daemon_settings.h"

#include <algorithm>

#include "base/options.h"

namespace weir {
namespace {

const OptionInfo* FindOption(std::string_view key) {
  for (const OptionInfo* const info : options::All()) {
    if (info->key == key || std::find(info->older_keys.begin(), info->older_keys.end(), key) != info->older_keys.end()) return info;
  }
  return nullptr;
}

// Null: jobs and the command line read it, too.
const char* ReadersOf(OptionReader reader) {
  switch (reader) {
    case OptionReader::kJob: return nullptr;
    case OptionReader::kJobManager: return "the JobManager reads it: set it in its weir-conf.yaml, or with -D of weir-jobmanager";
    case OptionReader::kTaskManager: return "TaskManagers read it: set it in their weir-conf.yaml, or with -D of weir-taskmanager";
    case OptionReader::kDaemons: return "JobManager and TaskManagers read it: set it in their weir-conf.yaml, or with -D of weir-jobmanager and weir-taskmanager";
    case OptionReader::kScripts: return "the scripts that start and stop a cluster read it: set it in weir-conf.yaml";
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> WarningsOfDaemonSettings(const std::vector<std::string>& properties) {
  std::vector<std::string> warnings;
  for (const std::string& property : properties) {
    std::string key = property.substr(0, property.find('='));
    key.erase(0, key.find_first_not_of(" \t"));
    key.erase(key.find_last_not_of(" \t") + 1);
    const OptionInfo* const info = key.empty() ? nullptr : FindOption(key);
    const char* const readers = info == nullptr ? nullptr : ReadersOf(info->reader);
    if (readers != nullptr) warnings.push_back("configuration key has no effect on a job, key=" + key + " at -D; " + readers);
  }
  return warnings;
}

}  // namespace weir
