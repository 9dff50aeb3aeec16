#include "taskmanager/artifact_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/content_hash.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "base/file_descriptor.h"

namespace weir {

ArtifactSource::~ArtifactSource() = default;

struct ArtifactCache::State {
  struct Entry {
    enum class Phase : uint8_t { kFetching, kPresent };
    Phase phase = Phase::kFetching;
    uint64_t size_bytes = 0;
    uint32_t use_count = 0;     // Not evicted while above 0.
    uint64_t last_used = 0;     // A counter, not a time.
    std::vector<Callback> waiting;  // Of kFetching.
  };

  State(ArtifactCacheOptions cache_options, ArtifactSource& artifact_source)
      : options(std::move(cache_options)),
        source(artifact_source),
        pool({.name = "artifacts", .thread_count = options.download_count_max, .queue_count_max = 1'024}) {}

  std::string PathOf(const std::string& hash) const { return options.directory + "/" + hash + ".so"; }
  Status MakeRoom(uint64_t size_bytes);
  Status Download(const std::string& hash, uint64_t size_bytes);
  Status Write(int file, const std::string& hash, uint64_t size_bytes);
  void Run(const std::string& hash, uint64_t size_bytes);
  void Finish(const std::string& hash, const Status& status);

  const ArtifactCacheOptions options;
  ArtifactSource& source;
  std::mutex mutex;
  std::map<std::string, Entry> entries;  // Guarded by mutex, as is the next one.
  uint64_t use_counter = 0;
  ThreadPool pool;
};

// Reserves nothing: with two downloads at once the bound may be passed by one artifact for a moment.
Status ArtifactCache::State::MakeRoom(uint64_t size_bytes) {
  std::lock_guard lock(mutex);
  uint64_t total = size_bytes;
  for (const auto& [hash, entry] : entries) total += entry.phase == Entry::Phase::kPresent ? entry.size_bytes : 0;
  while (total > options.cache_bytes_max) {
    auto oldest = entries.end();
    for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
      const bool unused = entry->second.phase == Entry::Phase::kPresent && entry->second.use_count == 0;
      if (unused && (oldest == entries.end() || entry->second.last_used < oldest->second.last_used)) oldest = entry;
    }
    if (oldest == entries.end()) {
      return ResourceExhausted("artifact cache is full of libraries in use, limit=" + std::to_string(options.cache_bytes_max));
    }
    ::unlink(PathOf(oldest->first).c_str());
    total -= oldest->second.size_bytes;
    entries.erase(oldest);
  }
  return Status::Ok();
}

Status ArtifactCache::State::Write(int file, const std::string& hash, uint64_t size_bytes) {
  ContentHasher hasher;
  uint64_t written_bytes = 0;
  RETURN_IF_ERROR(source.Download(hash, [&](std::string_view piece) {
    written_bytes += piece.size();
    if (written_bytes > size_bytes) return Corruption("artifact is longer than announced, size=" + std::to_string(size_bytes) + ", hash=" + hash);
    hasher.Update(piece);
    while (!piece.empty()) {
      const ssize_t count = ::write(file, piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Unavailable(std::string("artifact cannot be written: ") + std::strerror(errno));
      piece.remove_prefix(static_cast<size_t>(count));
    }
    return Status::Ok();
  }));
  if (written_bytes != size_bytes) {
    return Corruption("artifact is shorter than announced, size=" + std::to_string(written_bytes) + " of " + std::to_string(size_bytes) + ", hash=" + hash);
  }
  const std::string actual = hasher.FinishHex();
  if (actual != hash) return Corruption("artifact has another content than its name says, hash=" + hash + ", actual=" + actual);
  return Status::Ok();
}

Status ArtifactCache::State::Download(const std::string& hash, uint64_t size_bytes) {
  RETURN_IF_ERROR(MakeRoom(size_bytes));
  const std::string temporary = PathOf(hash) + ".part";
  ::unlink(temporary.c_str());
  FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500));
  if (!file.valid()) return Unavailable("artifact cannot be written, path=" + temporary + ": " + std::strerror(errno));
  Status status = Write(file.get(), hash, size_bytes);
  file.Close();
  // No fsync: the cache does not outlive this process.
  if (status.ok() && ::rename(temporary.c_str(), PathOf(hash).c_str()) != 0) status = Unavailable(std::string("artifact cannot be kept: ") + std::strerror(errno));
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

void ArtifactCache::State::Run(const std::string& hash, uint64_t size_bytes) {
  LOG_INFO("Artifact is fetched, hash={}, size={}", hash, size_bytes);
  const Status status = Download(hash, size_bytes);
  if (!status.ok()) LOG_WARN("Artifact could not be fetched: {}", status.ToString());
  Finish(hash, status);
}

void ArtifactCache::State::Finish(const std::string& hash, const Status& status) {
  std::vector<Callback> waiting;
  {
    std::lock_guard lock(mutex);
    const auto entry = entries.find(hash);
    CHECK(entry != entries.end() && entry->second.phase == Entry::Phase::kFetching);
    waiting.swap(entry->second.waiting);
    if (status.ok()) {
      entry->second.phase = Entry::Phase::kPresent;
      entry->second.use_count = static_cast<uint32_t>(waiting.size());
      entry->second.last_used = ++use_counter;
    } else {
      entries.erase(entry);
    }
  }
  for (const Callback& done : waiting) {
    if (status.ok()) {
      done(PathOf(hash));
    } else {
      done(status);
    }
  }
}

ArtifactCache::ArtifactCache(ArtifactCacheOptions options, ArtifactSource& source) : state_(std::make_unique<State>(std::move(options), source)) {}

ArtifactCache::~ArtifactCache() = default;  // The pool CHECKs.

void ArtifactCache::Fetch(const std::string& hash, uint64_t size_bytes, Callback done) {
  State& state = *state_;
  Status refused;
  if (!IsContentHash(hash)) refused = InvalidArgument("artifact has no content hash");
  if (size_bytes == 0 || size_bytes > state.options.artifact_bytes_max) {
    refused = ResourceExhausted("artifact has a size that is not accepted, size=" + std::to_string(size_bytes) + ", limit=" + std::to_string(state.options.artifact_bytes_max));
  }
  bool present = false;
  bool first = false;
  if (refused.ok()) {
    std::lock_guard lock(state.mutex);
    auto [entry, created] = state.entries.try_emplace(hash);
    first = created;
    present = entry->second.phase == State::Entry::Phase::kPresent;
    if (created) entry->second.size_bytes = size_bytes;
    if (present) {
      ++entry->second.use_count;
      entry->second.last_used = ++state.use_counter;
    } else {
      entry->second.waiting.push_back(std::move(done));
    }
  }
  const Status no_room = ResourceExhausted("too many artifacts are being fetched");
  if (!refused.ok()) {
    if (!state.pool.Submit([done, refused] { done(refused); })) done(refused);
  } else if (present) {
    if (state.pool.Submit([done, path = state.PathOf(hash)] { done(path); })) return;
    Release(hash);
    done(no_room);
  } else if (first) {
    if (!state.pool.Submit([&state, hash, size_bytes] { state.Run(hash, size_bytes); })) state.Finish(hash, no_room);
  }
}

void ArtifactCache::Release(const std::string& hash) {
  std::lock_guard lock(state_->mutex);
  const auto entry = state_->entries.find(hash);
  CHECK(entry != state_->entries.end() && entry->second.use_count > 0);
  --entry->second.use_count;
}

void ArtifactCache::Stop() { state_->pool.Stop(); }

void ArtifactCache::Join() { state_->pool.Join(); }

}  // namespace weir
