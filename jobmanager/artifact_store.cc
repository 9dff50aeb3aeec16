#include "jobmanager/artifact_store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace weir {

ArtifactStore::ArtifactStore(FileSystem& files, ArtifactStoreOptions options) : files_(files), options_(std::move(options)) {
  if (const Status made = files_.CreateDirectories(options_.directory); !made.ok()) {
    LOG_WARN("Artifact directory cannot be made: {}", made.ToString());
    return;
  }
  lock_ = FileDescriptor(::open((options_.directory + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.valid() || ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    LOG_WARN("Another process has locked {}: this one removes nothing there", options_.directory);
    lock_.Close();
    return;
  }
  RemoveLeftovers();
}

void ArtifactStore::RemoveLeftovers() {
  const StatusOr<std::vector<std::string>> names = files_.List(options_.directory);
  if (!names.ok()) {
    LOG_WARN("Artifact directory cannot be listed: {}", names.status().ToString());
    return;
  }
  for (const std::string& name : *names) {
    if (!IsContentHash(NameBehindTemporary(name))) continue;
    const Status removed = files_.Remove(options_.directory + "/" + name);
    if (!removed.ok()) LOG_WARN("Rest of an upload stays: {}", removed.ToString());
  }
}

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
  if (size_bytes > options_.artifact_size_bytes_max) {
    return ResourceExhausted("artifact is too large, size=" + std::to_string(size_bytes) +
                             ", jobmanager.artifact.size-max=" + std::to_string(options_.artifact_size_bytes_max));
  }
  RETURN_IF_ERROR(files_.CreateDirectories(options_.directory));
  {
    std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(MakeRoom(size_bytes));
    uses_[hash].last = ++use_counter_;  // Its job is about to be submitted.
  }
  ASSIGN_OR_RETURN(std::unique_ptr<DurableFile> file, files_.Create(PathOf(hash)));
  return std::unique_ptr<Upload>(new Upload(hash, size_bytes, std::move(file)));
}

StatusOr<std::vector<ArtifactStore::Stored>> ArtifactStore::List() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(options_.directory));
  std::vector<Stored> stored;
  for (const std::string& name : names) {
    if (!IsContentHash(name)) continue;
    if (const StatusOr<uint64_t> size_bytes = files_.FileSize(PathOf(name)); size_bytes.ok()) stored.push_back({name, *size_bytes});
  }
  return stored;
}

Status ArtifactStore::MakeRoom(uint64_t size_bytes) {
  ASSIGN_OR_RETURN(std::vector<Stored> stored, List());
  uint64_t total = size_bytes;
  for (const Stored& each : stored) total += each.size_bytes;
  std::set<std::string> present;
  for (const Stored& each : stored) present.insert(each.hash);
  std::erase_if(uses_, [&](const auto& use) { return use.second.pin_count == 0 && !present.contains(use.first); });  // Uploads that failed.
  std::erase_if(stored, [this](const Stored& each) { return !lock_.valid() || uses_[each.hash].pin_count > 0; });
  std::stable_sort(stored.begin(), stored.end(), [this](const Stored& a, const Stored& b) { return uses_[a.hash].last < uses_[b.hash].last; });
  for (const Stored& oldest : stored) {
    if (total <= options_.store_size_bytes_max) break;
    RETURN_IF_ERROR(files_.Remove(PathOf(oldest.hash)));
    LOG_INFO("Artifact {} goes, since the store is full ({} bytes).", oldest.hash, oldest.size_bytes);
    uses_.erase(oldest.hash);
    total -= oldest.size_bytes;
  }
  if (total <= options_.store_size_bytes_max) return Status::Ok();
  return ResourceExhausted("the artifact store is full of libraries that jobs use, or another JobManager keeps, needed=" + std::to_string(total) +
                           ", jobmanager.artifact.store-size-max=" + std::to_string(options_.store_size_bytes_max));
}

bool ArtifactStore::HasLocked(const std::string& hash) {
  if (!IsContentHash(hash)) return false;
  const StatusOr<bool> exists = files_.Exists(PathOf(hash));
  if (!exists.ok() || !*exists) return false;
  uses_[hash].last = ++use_counter_;
  return true;
}

bool ArtifactStore::Has(const std::string& hash) {
  std::lock_guard lock(mutex_);
  return HasLocked(hash);
}

bool ArtifactStore::Pin(const std::string& hash) {
  std::lock_guard lock(mutex_);
  if (!HasLocked(hash)) return false;
  ++uses_[hash].pin_count;
  return true;
}

void ArtifactStore::Unpin(const std::string& hash) {
  std::lock_guard lock(mutex_);
  const auto use = uses_.find(hash);
  CHECK(use != uses_.end() && use->second.pin_count > 0);
  --use->second.pin_count;
}

void ArtifactStore::RemoveIfDamaged(const std::string& hash) {
  const StatusOr<std::string> actual = ContentHashOfFile(PathOf(hash));
  if (!actual.ok() || *actual == hash) return;
  const Status removed = files_.Remove(PathOf(hash));
  LOG_ERROR("Artifact {} is damaged, its content has the hash {}: {}", hash, *actual,
            removed.ok() ? "it is removed, submit its job again" : "it cannot be removed, " + removed.ToString());
}

std::string ArtifactStore::PathOf(const std::string& hash) const {
  CHECK(IsContentHash(hash));
  return options_.directory + "/" + hash;
}

}  // namespace weir
