// Job libraries on this machine, by content hash: fetched once from the JobManager, verified while they are written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <weir/core/status.h>

namespace weir {

// Where artifacts come from. Blocks; called on the cache's threads, by several at a time.
class ArtifactSource {
 public:
  virtual ~ArtifactSource();
  // Gives the content piece by piece to `take`; a failure of `take` ends the download and comes back.
  virtual Status Download(const std::string& hash, const std::function<Status(std::string_view)>& take) = 0;
};

struct ArtifactCacheOptions {
  std::string directory;               // Exists, belongs to this process alone, is empty.
  uint64_t artifact_bytes_max = 1ull << 30;  // Of one artifact.
  uint64_t cache_bytes_max = 4ull << 30;     // Of all; unused ones go, least recently used first.
  uint32_t download_count_max = 2;     // At the same time.
};

// Thread-safe. Stop in two phases; the destructor CHECKs both.
class ArtifactCache {
 public:
  using Callback = std::function<void(StatusOr<std::string> path)>;

  ArtifactCache(ArtifactCacheOptions options, ArtifactSource& source);
  ~ArtifactCache();
  ArtifactCache(const ArtifactCache&) = delete;
  ArtifactCache& operator=(const ArtifactCache&) = delete;

  // Calls `done` once, on another thread, or on this one when too many requests wait or after Stop: with the path of the verified file, or why there is none (kInvalidArgument for a bad
  // hash, kCorruption for other content, kResourceExhausted beyond a bound, else the source's failure). Requests for one hash
  // share one download; a failure is not remembered. Each success is a use, until Release.
  void Fetch(const std::string& hash, uint64_t size_bytes, Callback done);
  void Release(const std::string& hash);

  void Stop();
  void Join();  // Waits for downloads: the source must have been told to end them.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir
