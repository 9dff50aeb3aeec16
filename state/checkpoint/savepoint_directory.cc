#include "state/checkpoint/savepoint_directory.h"

#include "base/status_macros.h"

namespace weir {
namespace {

constexpr int kWriteTriesMax = 3;
constexpr size_t kJobDigits = 6;
constexpr size_t kRandomDigits = 12;

}  // namespace

StatusOr<std::string> CreateSavepointDirectory(FileSystem& file_system, const std::string& target, JobId job) {
  if (!target.starts_with('/')) return InvalidArgument("a savepoint's directory must be an absolute path, got \"" + target + "\"");
  std::string root = target;
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  const std::string name = "savepoint-" + job.ToHex().substr(0, kJobDigits) + "-" + JobId::Random().ToHex().substr(0, kRandomDigits);
  const std::string directory = (root == "/" ? "" : root) + "/" + name;
  if (directory.size() > SavepointOrder::kDirectoryBytesMax) return InvalidArgument("a savepoint's directory has too long a path, path=" + directory);
  RETURN_IF_ERROR(file_system.CreateDirectories(directory));
  return directory;
}

StatusOr<uint64_t> WriteSavepointMetadata(FileSystem& file_system, const CheckpointMetadata& metadata, const std::string& directory) {
  ASSIGN_OR_RETURN(const CheckpointMetadata named, metadata.NamedIn(directory));
  const std::string content = named.Encode();
  const std::string path = directory + "/_metadata";
  Status error;
  for (int i = 0; i < kWriteTriesMax; ++i) {
    const ExclusiveWriteResult result = TryWriteExclusive(file_system, path, content);
    switch (result.outcome) {
      case ExclusiveWrite::kCreated:
      case ExclusiveWrite::kExistsEqual:
        return uint64_t{content.size()};
      case ExclusiveWrite::kExistsOther:
        return AlreadyExists("other content lies under the savepoint's metadata, path=" + path);
      case ExclusiveWrite::kUnknown:
        error = result.error;
    }
  }
  return error;
}

Status DeleteSnapshot(FileSystem& file_system, const LoadedCheckpoint& snapshot) {
  RETURN_IF_ERROR(file_system.Remove(snapshot.metadata_path));
  for (const std::string& file : snapshot.metadata.ReferencedFiles()) RETURN_IF_ERROR(file_system.Remove(file));
  const std::string directory = snapshot.metadata_path.substr(0, snapshot.metadata_path.rfind('/'));
  ASSIGN_OR_RETURN(const std::vector<std::string> left, file_system.List(directory));
  return left.empty() ? file_system.RemoveDirectory(directory) : Status::Ok();
}

Status DisposeSavepoint(FileSystem& file_system, const std::string& path) {
  if (!path.starts_with('/')) return InvalidArgument("a savepoint's directory must be an absolute path, got \"" + path + "\"");
  ASSIGN_OR_RETURN(const LoadedCheckpoint savepoint, LoadCheckpoint(file_system, path));
  if (!savepoint.metadata.savepoint.has_value()) {
    return InvalidArgument("there is no savepoint but checkpoint " + std::to_string(savepoint.metadata.id.value) + " of job " +
                           savepoint.metadata.job_id.ToHex() + ", which belongs to the job, path=" + path);
  }
  return DeleteSnapshot(file_system, savepoint);
}

}  // namespace weir
