#include "jobmanager/leader_epoch.h"

#include <charconv>

#include "base/status_macros.h"

namespace weir {
namespace {

constexpr std::string_view kPrefix = "epoch-";
constexpr int kAttemptsMax = 1'000;  // Others that start at the same moment.

}  // namespace

StatusOr<LeaderEpoch> ClaimLeaderEpoch(FileSystem& files, const std::string& checkpoints_directory) {
  const std::string directory = checkpoints_directory + "/.leader";
  RETURN_IF_ERROR(files.CreateDirectories(directory));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  uint64_t highest = 0;
  for (const std::string& name : names) {
    uint64_t epoch = 0;
    const char* const end = name.data() + name.size();
    if (!name.starts_with(kPrefix)) continue;
    const auto [last, error] = std::from_chars(name.data() + kPrefix.size(), end, epoch);
    if (error == std::errc() && last == end) highest = std::max(highest, epoch);
  }
  for (int i = 0; i < kAttemptsMax; ++i) {
    ++highest;
    const Status created = files.CreateExclusive(directory + "/" + std::string(kPrefix) + std::to_string(highest), "");
    if (created.ok()) return LeaderEpoch{highest};
    if (created.code() != StatusCode::kAlreadyExists) return created;
  }
  return Unavailable("no leader epoch could be claimed, directory=" + directory);
}

}  // namespace weir
