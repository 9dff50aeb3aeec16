#include "base/daemon.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/log.h"
#include "base/options.h"

namespace weir {

Status SetUpDaemonLog(const Configuration& configuration, std::string_view program) {
  LogOptions log;
  log.level = configuration.Get(options::kEnvLogLevel);
  log.file_size_max_bytes = static_cast<uint64_t>(configuration.Get(options::kEnvLogSizeMax).bytes);
  log.file_count_max = static_cast<uint32_t>(configuration.Get(options::kEnvLogMax));
  if (const std::optional<std::string> directory = configuration.Get(options::kEnvLogDir); directory.has_value()) {
    std::error_code error;
    std::filesystem::create_directories(*directory, error);  // InitLog says what is wrong with it.
    log.file = *directory + "/" + std::string(program) + "-" + std::to_string(::getpid()) + ".log";
  }
  return InitLog(log);
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace weir
