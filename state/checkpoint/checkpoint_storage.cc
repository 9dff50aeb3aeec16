#include "state/checkpoint/checkpoint_storage.h"

#include <charconv>

#include "base/check.h"
#include "base/checksum.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr std::string_view kCheckpointPrefix = "chk-";
constexpr std::string_view kMetadataName = "_metadata";

// Takes `literal`, then digits. False when the text reads otherwise.
template <class T>
bool TakeNumber(std::string_view& text, std::string_view literal, T& value) {
  if (!text.starts_with(literal)) return false;
  text.remove_prefix(literal.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

// 20 decimal digits: names sort as numbers.
std::string Digits(uint64_t value) {
  std::string digits = std::to_string(value);
  digits.insert(0, 20 - digits.size(), '0');
  return digits;
}

StatusOr<LoadedCheckpoint> LoadMetadata(FileSystem& file_system, const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, file_system.ReadFile(path));
  StatusOr<CheckpointMetadata> metadata = CheckpointMetadata::Decode(bytes);
  if (!metadata.ok()) return metadata.status().WithContext(path);
  metadata->ResolveIn(path.substr(0, path.rfind('/')));
  return LoadedCheckpoint{std::move(*metadata), path, Checksum64(bytes)};
}

}  // namespace

CheckpointLayout::CheckpointLayout(std::string checkpoints_directory, JobId job_id) {
  CHECK(checkpoints_directory.starts_with('/'));
  while (checkpoints_directory.ends_with('/')) checkpoints_directory.pop_back();
  job_directory_ = checkpoints_directory + "/" + job_id.ToHex();
}

std::string CheckpointLayout::CheckpointDirectory(CheckpointId id) const {
  return job_directory_ + "/" + std::string(kCheckpointPrefix) + std::to_string(id.value);
}

std::string CheckpointLayout::MetadataPath(CheckpointId id) const {
  return CheckpointDirectory(id) + "/" + std::string(kMetadataName);
}

std::string CheckpointLayout::ChainDirectory() const { return job_directory_ + "/chain"; }

std::string CheckpointLayout::ChainRecordPath(ChainSlot slot) const { return ChainDirectory() + "/" + Digits(slot.value); }

std::string CheckpointLayout::ChainPrunedPath(uint64_t block) const { return ChainDirectory() + "/pruned/" + Digits(block); }

std::string CheckpointLayout::StateFilePath(const StateFile& file) const {
  return CheckpointDirectory(file.checkpoint) + "/" + file.attempt.ToString() + "-v" +
         std::to_string(file.subtask.vertex.value) + "-s" + std::to_string(file.subtask.subtask) + "-o" +
         std::to_string(file.operator_index) + "-" + std::to_string(file.sequence);
}

StatusOr<CheckpointLayout::StateFile> CheckpointLayout::ParseStateFilePath(const std::string& path) const {
  StateFile file;
  std::string_view text = path;
  const std::string prefix = job_directory_ + "/" + std::string(kCheckpointPrefix);
  const bool matches = TakeNumber(text, prefix, file.checkpoint.value) &&
                       TakeNumber(text, "/", file.attempt.epoch.value) && TakeNumber(text, ".", file.attempt.restart) &&
                       TakeNumber(text, "-v", file.subtask.vertex.value) &&
                       TakeNumber(text, "-s", file.subtask.subtask) && TakeNumber(text, "-o", file.operator_index) &&
                       TakeNumber(text, "-", file.sequence) && text.empty();
  if (!matches) return InvalidArgument("not a state file of this job, path=" + path);
  return file;
}

StatusOr<CheckpointId> CheckpointLayout::ParseCheckpointDirectoryName(std::string_view name) {
  CheckpointId id;
  std::string_view text = name;
  if (TakeNumber(text, kCheckpointPrefix, id.value) && text.empty()) return id;
  return InvalidArgument("not a checkpoint directory, name=" + std::string(name));
}

ExclusiveWriteResult TryWriteExclusive(FileSystem& file_system, const std::string& path, std::string_view content) {
  Status created = file_system.CreateExclusive(path, content);
  if (created.ok()) return {.outcome = ExclusiveWrite::kCreated, .error = {}, .existing = {}};
  if (created.code() != StatusCode::kAlreadyExists) {
    return {.outcome = ExclusiveWrite::kUnknown, .error = std::move(created), .existing = {}};
  }
  StatusOr<std::string> existing = file_system.ReadFile(path);
  if (!existing.ok()) return {.outcome = ExclusiveWrite::kUnknown, .error = existing.status(), .existing = {}};
  if (*existing == content) return {.outcome = ExclusiveWrite::kExistsEqual, .error = {}, .existing = {}};
  return {.outcome = ExclusiveWrite::kExistsOther, .error = {}, .existing = std::move(*existing)};
}

StatusOr<LoadedCheckpoint> LoadCheckpoint(FileSystem& file_system, const std::string& path) {
  std::string_view directory = path;
  while (directory.size() > 1 && directory.ends_with('/')) directory.remove_suffix(1);
  if (directory.ends_with("/" + std::string(kMetadataName))) return LoadMetadata(file_system, std::string(directory));
  return LoadMetadata(file_system, std::string(directory) + "/" + std::string(kMetadataName));
}

StatusOr<LoadedCheckpoint> LoadCheckpoint(FileSystem& file_system, const CheckpointEntry& entry) {
  StatusOr<LoadedCheckpoint> loaded = LoadMetadata(file_system, entry.metadata_path);
  // A published checkpoint that is gone was lost, not "not there yet": going on without it would go behind it (R7).
  if (loaded.status().code() == StatusCode::kNotFound) {
    return Corruption("metadata of a published checkpoint is missing, path=" + entry.metadata_path);
  }
  if (!loaded.ok()) return loaded.status();
  if (loaded->metadata_checksum != entry.metadata_checksum || loaded->metadata.id != entry.id) {
    return Corruption("checkpoint metadata differs from its chain record, path=" + entry.metadata_path);
  }
  return loaded;
}

StatusOr<CheckpointId> HighestCheckpointDirectory(FileSystem& file_system, const CheckpointLayout& layout) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system.List(layout.job_directory()));
  CheckpointId highest;
  for (const std::string& name : names) {
    const StatusOr<CheckpointId> id = CheckpointLayout::ParseCheckpointDirectoryName(name);
    if (id.ok()) highest = std::max(highest, *id);
  }
  return highest;
}

}  // namespace weir
