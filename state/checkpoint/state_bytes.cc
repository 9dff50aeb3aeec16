#include "state/checkpoint/state_bytes.h"

#include "base/check.h"
#include "base/checksum.h"
#include "base/status_macros.h"

namespace weir {
namespace {

class InlineFile final : public ReadableFile {
 public:
  explicit InlineFile(std::string content) : content_(std::move(content)) {}
  uint64_t size_bytes() const override { return content_.size(); }
  Status ReadAt(uint64_t offset, char* target, size_t size_bytes) override {
    if (offset > content_.size() || size_bytes > content_.size() - offset) return Corruption("inline state ends early");
    content_.copy(target, size_bytes, offset);
    return Status::Ok();
  }

 private:
  const std::string content_;
};

}  // namespace

Status CheckPlacement(const StatePlacement& placement, uint64_t size_bytes) {
  if (placement.files || size_bytes <= placement.inline_size_bytes_max) return Status::Ok();
  return ResourceExhausted("state is larger than the JobManager keeps of one operator and subtask: choose execution.checkpointing.storage: filesystem, size=" +
                           std::to_string(size_bytes) + " limit=" + std::to_string(placement.inline_size_bytes_max));
}

StatusOr<StateBytes> WriteStateBytes(FileSystem& file_system, const std::string& path, std::string content,
                                     const StatePlacement& placement) {
  CHECK(!path.empty());
  StateBytes bytes{.path = {}, .inline_bytes = {}, .size_bytes = content.size(), .checksum = Checksum64(content)};
  if (content.size() <= placement.inline_size_bytes_max) {
    bytes.inline_bytes = std::move(content);
    return bytes;
  }
  RETURN_IF_ERROR(CheckPlacement(placement, content.size()));
  ASSIGN_OR_RETURN(const std::unique_ptr<DurableFile> file, file_system.Create(path));
  RETURN_IF_ERROR(file->Append(content));
  RETURN_IF_ERROR(file->Publish());
  bytes.path = path;
  return bytes;
}

StatusOr<std::unique_ptr<ReadableFile>> OpenStateBytes(FileSystem& file_system, const StateBytes& bytes) {
  std::unique_ptr<ReadableFile> file;
  if (bytes.path.empty()) {
    file = std::make_unique<InlineFile>(bytes.inline_bytes);
  } else {
    ASSIGN_OR_RETURN(file, file_system.OpenForReading(bytes.path));
  }
  if (file->size_bytes() != bytes.size_bytes) {
    return Corruption("state differs from its handle, path=" + (bytes.path.empty() ? "(inline)" : bytes.path) +
                      " size=" + std::to_string(file->size_bytes()) + " expected=" + std::to_string(bytes.size_bytes));
  }
  return file;
}

StatusOr<std::string> ReadStateBytes(FileSystem& file_system, const StateBytes& bytes) {
  std::string content = bytes.inline_bytes;
  if (!bytes.path.empty()) {
    ASSIGN_OR_RETURN(content, file_system.ReadFile(bytes.path));
  }
  if (content.size() != bytes.size_bytes || Checksum64(content) != bytes.checksum) {
    return Corruption("state differs from its handle, path=" + (bytes.path.empty() ? "(inline)" : bytes.path) +
                      " size=" + std::to_string(content.size()) + " expected=" + std::to_string(bytes.size_bytes));
  }
  return content;
}

}  // namespace weir
