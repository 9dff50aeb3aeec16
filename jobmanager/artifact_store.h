// Job libraries by content hash, on the JobManager's disk.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/status.h>

#include "base/content_hash.h"
#include "base/file_descriptor.h"
#include "base/file_system.h"

namespace weir {

struct ArtifactStoreOptions {
  std::string directory;
  uint64_t artifact_size_bytes_max = 1ull << 30;  // Of one.
  uint64_t store_size_bytes_max = 16ull << 30;    // Of all; those that no job uses go, least recently used first.
};

// Thread-safe; blocks on I/O. Of several JobManagers with one directory only the first removes anything.
class ArtifactStore {
 public:
  // Removes what uploads that were killed left.
  ArtifactStore(FileSystem& files, ArtifactStoreOptions options);

  // Bytes that come in pieces. They are visible only when complete and of the announced hash.
  class Upload {
   public:
    // kResourceExhausted beyond the announced size.
    Status Append(std::string_view bytes);
    // kInvalidArgument when hash or size are not the announced ones.
    Status Finish();

   private:
    friend class ArtifactStore;
    Upload(std::string hash, uint64_t size_bytes, std::unique_ptr<DurableFile> file);
    const std::string hash_;
    const uint64_t size_bytes_;
    std::unique_ptr<DurableFile> file_;
    std::unique_ptr<ContentHasher> hasher_;
    uint64_t received_bytes_ = 0;
  };

  // kInvalidArgument for a bad hash, kResourceExhausted beyond a limit. Reserves nothing: with two uploads at once the bound may be
  // passed by one artifact until the next.
  StatusOr<std::unique_ptr<Upload>> Begin(const std::string& hash, uint64_t size_bytes);
  // A use.
  bool Has(const std::string& hash);
  // Has, and it stays until as many calls of Unpin.
  bool Pin(const std::string& hash);
  void Unpin(const std::string& hash);
  // Reads it again, since its content seemed to be another one: removed if that is true, so that it can be uploaded anew.
  void RemoveIfDamaged(const std::string& hash);
  // Requires: Has(hash).
  std::string PathOf(const std::string& hash) const;

 private:
  struct Use {
    uint32_t pin_count = 0;
    uint64_t last = 0;  // A counter, not a time; 0: not since the start.
  };
  struct Stored {
    std::string hash;
    uint64_t size_bytes = 0;
  };
  void RemoveLeftovers();
  // Requires: mutex_ is held, as of the next one.
  Status MakeRoom(uint64_t size_bytes);
  bool HasLocked(const std::string& hash);
  StatusOr<std::vector<Stored>> List();

  FileSystem& files_;
  const ArtifactStoreOptions options_;
  FileDescriptor lock_;              // Held: files of the directory may be removed.
  std::mutex mutex_;
  std::map<std::string, Use> uses_;  // Guarded by mutex_, as is the next one. Of artifacts that were used or are pinned.
  uint64_t use_counter_ = 0;
};

}  // namespace weir
