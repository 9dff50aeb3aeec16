#include "jobmanager/snapshot_claims.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

namespace weir {
namespace {

bool IsOwner(const SnapshotStart& start, const std::string& directory, const SnapshotUse& use) {
  if (start.metadata != nullptr) return start.metadata->job_id == use.job && !start.metadata->savepoint.has_value();
  return directory.starts_with(use.job_directory + "/");
}

bool AnyOf(const std::vector<std::string>& files, const std::set<std::string_view>& wanted) {
  return std::any_of(files.begin(), files.end(), [&](const std::string& file) { return wanted.contains(file); });
}

}  // namespace

std::string SnapshotDirectoryOf(const std::string& path) {
  constexpr std::string_view kMetadata = "/_metadata";
  std::string directory = std::filesystem::path(path).lexically_normal().string();
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  return directory.ends_with(kMetadata) ? directory.substr(0, directory.size() - kMetadata.size()) : directory;
}

Status CheckSnapshotStart(const SnapshotStart& start, const SnapshotUse& use) {
  const std::string directory = SnapshotDirectoryOf(start.path);
  const auto is_it = [&](const std::string& path) { return !path.empty() && SnapshotDirectoryOf(path) == directory; };
  std::vector<std::string> files;
  if (start.metadata != nullptr) files = start.metadata->ReferencedFiles();
  const std::set<std::string_view> wanted(files.begin(), files.end());
  const auto refused = [&](const char* what) { return FailedPrecondition("job " + use.job.ToHex() + " " + what + ", path=" + start.path); };

  if (use.claims && (is_it(use.restore_path) || AnyOf(use.claimed_files, wanted))) return refused("has claimed it and deletes it in its turn");
  if (!start.claims) return Status::Ok();
  if (IsOwner(start, directory, use)) return refused("has not ended and deletes its own checkpoint itself");
  if (is_it(use.recovery_path) || AnyOf(use.recovery_files, wanted)) return refused("would recover from it");
  return Status::Ok();
}

}  // namespace weir
