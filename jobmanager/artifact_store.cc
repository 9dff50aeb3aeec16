#include "jobmanager/artifact_store.h"

#include "base/check.h"
#include "base/status_macros.h"

namespace weir {

ArtifactStore::ArtifactStore(FileSystem& files, std::string directory, uint64_t artifact_size_bytes_max)
    : files_(files), directory_(std::move(directory)), artifact_size_bytes_max_(artifact_size_bytes_max) {}

ArtifactStore::Upload::Upload(std::string hash, uint64_t size_bytes, std::unique_ptr<DurableFile> file)
    : hash_(std::move(hash)), size_bytes_(size_bytes), file_(std::move(file)), hasher_(std::make_unique<ContentHasher>()) {}

Status ArtifactStore::Upload::Append(std::string_view bytes) {
  received_bytes_ += bytes.size();
  if (received_bytes_ > size_bytes_) return ResourceExhausted("artifact is longer than announced, announced=" + std::to_string(size_bytes_));
  hasher_->Update(bytes);
  return file_->Append(bytes);
}

Status ArtifactStore::Upload::Finish() {
  if (received_bytes_ != size_bytes_) {
    return InvalidArgument("artifact is incomplete, announced=" + std::to_string(size_bytes_) + ", received=" + std::to_string(received_bytes_));
  }
  if (const std::string hash = hasher_->FinishHex(); hash != hash_) return InvalidArgument("artifact has another hash than announced, announced=" + hash_ + ", received=" + hash);
  const Status published = file_->Publish();
  // Somebody else uploaded the same content meanwhile: names are hashes.
  return published.code() == StatusCode::kAlreadyExists ? Status::Ok() : published;
}

StatusOr<std::unique_ptr<ArtifactStore::Upload>> ArtifactStore::Begin(const std::string& hash, uint64_t size_bytes) {
  if (!IsContentHash(hash)) return InvalidArgument("artifact hash must be 64 hex digits, got \"" + hash.substr(0, 80) + "\"");
  if (size_bytes > artifact_size_bytes_max_) {
    return ResourceExhausted("artifact is too large, size=" + std::to_string(size_bytes) + ", jobmanager.artifact.size-max=" + std::to_string(artifact_size_bytes_max_));
  }
  RETURN_IF_ERROR(files_.CreateDirectories(directory_));
  ASSIGN_OR_RETURN(std::unique_ptr<DurableFile> file, files_.Create(PathOf(hash)));
  return std::unique_ptr<Upload>(new Upload(hash, size_bytes, std::move(file)));
}

bool ArtifactStore::Has(const std::string& hash) const {
  if (!IsContentHash(hash)) return false;
  const StatusOr<bool> exists = files_.Exists(PathOf(hash));
  return exists.ok() && *exists;
}

std::string ArtifactStore::PathOf(const std::string& hash) const {
  CHECK(IsContentHash(hash));
  return directory_ + "/" + hash;
}

}  // namespace weir
