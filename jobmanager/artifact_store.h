// Job libraries by content hash, on the JobManager's disk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <weir/core/status.h>

#include "base/content_hash.h"
#include "base/file_system.h"

namespace weir {

// Thread-safe; blocks on I/O.
class ArtifactStore {
 public:
  ArtifactStore(FileSystem& files, std::string directory, uint64_t artifact_size_bytes_max);

  // Bytes that come in pieces. They are visible only when complete and of the announced hash.
  class Upload {
   public:
    // kResourceExhausted beyond the announced size or the store's limit.
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

  StatusOr<std::unique_ptr<Upload>> Begin(const std::string& hash, uint64_t size_bytes);
  bool Has(const std::string& hash) const;
  // Requires: Has(hash).
  std::string PathOf(const std::string& hash) const;

 private:
  FileSystem& files_;
  const std::string directory_;
  const uint64_t artifact_size_bytes_max_;
};

}  // namespace weir
