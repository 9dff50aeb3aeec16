#include "state/checkpoint/retention.h"

#include <set>

#include "base/file_system.h"

namespace weir {
namespace {

// Id and attempt that a path speaks of; nothing for files that are not a checkpoint's.
struct FileOrigin {
  CheckpointId checkpoint;
  std::optional<AttemptId> attempt;  // Unset for _metadata.
  bool unpublished = false;
};

std::optional<FileOrigin> OriginOf(const CheckpointLayout& layout, const std::string& path) {
  if (const auto file = layout.ParseStateFilePath(path); file.ok()) return FileOrigin{file->checkpoint, file->attempt, false};
  const std::string prefix = layout.job_directory() + "/";
  constexpr std::string_view kSuffix = "/_metadata";
  if (!path.starts_with(prefix) || !path.ends_with(kSuffix)) return std::nullopt;
  const std::string_view name =
      std::string_view(path).substr(prefix.size(), path.size() - prefix.size() - kSuffix.size());
  const StatusOr<CheckpointId> id = CheckpointLayout::ParseCheckpointDirectoryName(name);
  return id.ok() ? std::optional(FileOrigin{*id, std::nullopt, false}) : std::nullopt;
}

std::optional<FileOrigin> OriginOfAny(const CheckpointLayout& layout, const std::string& path) {
  const size_t name_begin = path.rfind('/') + 1;
  const std::string_view behind = NameBehindTemporary(std::string_view(path).substr(name_begin));
  if (behind.empty()) return OriginOf(layout, path);
  std::optional<FileOrigin> origin = OriginOf(layout, path.substr(0, name_begin) + std::string(behind));
  if (origin.has_value()) origin->unpublished = true;
  return origin;
}

}  // namespace

std::vector<std::string> DeletableFiles(const CheckpointLayout& layout, const RetentionFacts& facts) {
  std::set<std::string_view> named;
  CheckpointId newest;
  for (const RetainedCheckpoint& checkpoint : facts.retained) {
    named.insert(checkpoint.metadata_path);
    named.insert(checkpoint.files.begin(), checkpoint.files.end());
    newest = std::max(newest, checkpoint.id);
  }
  const std::set<CheckpointId> pending(facts.pending.begin(), facts.pending.end());
  std::vector<std::string> deletable;
  for (const PresentFile& file : facts.present) {
    const std::optional<FileOrigin> origin = OriginOfAny(layout, file.path);
    if (!origin.has_value() || named.contains(file.path) || pending.contains(origin->checkpoint)) continue;
    // A file of a newer attempt than ours belongs to a newer leader.
    const bool of_old_attempt = origin->attempt.has_value() && *origin->attempt < facts.running;
    const bool of_newer_attempt = origin->attempt.has_value() && *origin->attempt > facts.running;
    if (of_newer_attempt) continue;
    const bool may_be_named = !of_old_attempt && origin->checkpoint > newest;
    const bool may_be_written = origin->unpublished && origin->attempt.has_value() && !of_old_attempt;
    if (!facts.ended && (may_be_named || may_be_written)) continue;
    if (facts.now_ms - file.unreferenced_since_ms < facts.grace_ms) continue;
    deletable.push_back(file.path);
  }
  return deletable;
}

}  // namespace weir
