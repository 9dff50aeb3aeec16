// File access as a seam: checkpoints, chains and artifacts go through it, the simulator and fault tests replace it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/status.h>

namespace weir {

// A new file being written. Nobody sees it under its name before Publish. Destroying it unpublished deletes it.
// Thread-compatible.
class DurableFile {
 public:
  virtual ~DurableFile() = default;
  virtual Status Append(std::string_view bytes) = 0;
  // fsync, close, link under the final name, fsync the directory (R6). kAlreadyExists when the name is taken: nothing
  // was replaced. After any error the file is deleted and nothing is retried (R33).
  virtual Status Publish() = 0;
  // The same under another name in the same file system; parent directories are created as needed.
  virtual Status PublishAs(const std::string& path) = 0;
};

// A file opened for reading. It can be read to its end though its name is removed meanwhile. Thread-compatible.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  virtual uint64_t size_bytes() const = 0;  // When it was opened.
  // Fills `target` with the `size_bytes` bytes from `offset` on. kCorruption when the file ends before; kUnavailable. Blocks.
  virtual Status ReadAt(uint64_t offset, char* target, size_t size_bytes) = 0;
};

// All paths are absolute. Thread-safe. Blocks: never call it on a loop that must not wait.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Creates parent directories as needed. The temporary name lies in the same directory, see NameBehindTemporary.
  virtual StatusOr<std::unique_ptr<DurableFile>> Create(const std::string& path) = 0;

  // Writes `content` durably under `path` only if nobody has it (R1, link(2) on POSIX). kAlreadyExists when taken.
  virtual Status CreateExclusive(const std::string& path, std::string_view content) = 0;

  virtual StatusOr<std::string> ReadFile(const std::string& path) = 0;  // kNotFound; else kUnavailable (R7).
  virtual StatusOr<std::unique_ptr<ReadableFile>> OpenForReading(const std::string& path) = 0;  // As ReadFile.
  virtual StatusOr<uint64_t> FileSize(const std::string& path) = 0;
  virtual StatusOr<bool> Exists(const std::string& path) = 0;
  virtual StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;  // Names, sorted; missing = empty.
  virtual Status CreateDirectories(const std::string& directory) = 0;  // Durable: parents are fsynced.
  // Hard-links `from` to `to`, then removes `from`, and fsyncs the directory: a rename that never replaces.
  // Ok also when an earlier call already did all of it (`from` gone, `to` there); kAlreadyExists when `to` is another file.
  virtual Status MoveExclusive(const std::string& from, const std::string& to) = 0;
  // Gives the durable file `from` the second name `to`, durably; creates parent directories. Ok also when it has that name already;
  // kAlreadyExists when `to` is another file, kFailedPrecondition when the two cannot share a file: copy it.
  virtual Status LinkExclusive(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;           // Missing is ok.
  virtual Status RemoveDirectory(const std::string& path) = 0;  // With its content; missing is ok.
};

// The name "file" behind the name ".file.0123456789abcdef" of an unpublished file; empty for any other name. A process that
// was killed leaves such files; names over 200 bytes are cut in them.
std::string_view NameBehindTemporary(std::string_view name);

// POSIX files; also right on NFS. Stateless.
std::unique_ptr<FileSystem> NewPosixFileSystem();

}  // namespace weir
