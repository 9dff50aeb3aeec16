// A file system in memory that can lose, delay and misreport: for unit tests and the simulator. Single-threaded.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace weir::testing {

enum class FileOperation : uint8_t { kAppend, kPublish, kCreateExclusive, kRead, kList, kRemove, kMove };

enum class FileFault : uint8_t {
  kNone,
  kFail,         // Nothing happens; kUnavailable.
  kFailAfter,    // It happens; kUnavailable all the same: an unknown outcome.
  kFailLate,     // kUnavailable; it happens when RunLateOperations is called, unless somebody was faster.
};

class MemoryFileSystem final : public FileSystem {
 public:
  using FaultHook = std::function<FileFault(FileOperation, const std::string& path)>;

  // Asked before each operation; unset = no faults.
  void SetFaultHook(FaultHook hook) { hook_ = std::move(hook); }
  void RunLateOperations() {
    for (const auto& [path, content] : std::exchange(late_, {})) files_.try_emplace(path, content);
  }
  bool has_late_operations() const { return !late_.empty(); }
  // The machine stops: files that were created but not published are gone, and writing to them fails from now on.
  void Crash() { ++generation_; }
  std::map<std::string, std::string>& files() { return files_; }

  StatusOr<std::unique_ptr<DurableFile>> Create(const std::string& path) override {
    return std::unique_ptr<DurableFile>(std::make_unique<MemoryFile>(*this, path));
  }

  Status CreateExclusive(const std::string& path, std::string_view content) override {
    const FileFault fault = Ask(FileOperation::kCreateExclusive, path);
    if (fault == FileFault::kFail) return Unavailable("injected, path=" + path);
    if (fault == FileFault::kFailLate) {
      late_.emplace_back(path, content);
      return Unavailable("injected, path=" + path);
    }
    const bool created = files_.try_emplace(path, content).second;
    if (fault == FileFault::kFailAfter) return Unavailable("injected after the fact, path=" + path);
    return created ? Status::Ok() : AlreadyExists("path=" + path);
  }

  StatusOr<std::string> ReadFile(const std::string& path) override {
    if (Ask(FileOperation::kRead, path) != FileFault::kNone) return Unavailable("injected, path=" + path);
    const auto file = files_.find(path);
    if (file == files_.end()) return NotFound("path=" + path);
    return file->second;
  }
  // Each read of the file is a kRead, too.
  StatusOr<std::unique_ptr<ReadableFile>> OpenForReading(const std::string& path) override {
    StatusOr<std::string> content = ReadFile(path);
    if (!content.ok()) return content.status();
    return std::unique_ptr<ReadableFile>(std::make_unique<MemoryReadableFile>(*this, path, std::move(*content)));
  }
  StatusOr<uint64_t> FileSize(const std::string& path) override {
    const auto file = files_.find(path);
    if (file == files_.end()) return NotFound("path=" + path);
    return uint64_t{file->second.size()};
  }
  StatusOr<bool> Exists(const std::string& path) override {
    if (Ask(FileOperation::kRead, path) != FileFault::kNone) return Unavailable("injected, path=" + path);
    return files_.contains(path);
  }
  StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    if (Ask(FileOperation::kList, directory) != FileFault::kNone) return Unavailable("injected, path=" + directory);
    const std::string prefix = directory + "/";
    std::set<std::string> names;
    for (auto file = files_.lower_bound(prefix); file != files_.end() && file->first.starts_with(prefix); ++file) {
      names.insert(file->first.substr(prefix.size(), file->first.find('/', prefix.size()) - prefix.size()));
    }
    return std::vector<std::string>(names.begin(), names.end());
  }
  Status CreateDirectories(const std::string&) override { return Status::Ok(); }
  Status MoveExclusive(const std::string& from, const std::string& to) override {
    if (Ask(FileOperation::kMove, from) != FileFault::kNone) return Unavailable("injected, path=" + from);
    const auto source = files_.find(from);
    if (source == files_.end()) return files_.contains(to) ? Status::Ok() : NotFound("path=" + from);
    if (!files_.try_emplace(to, source->second).second) return AlreadyExists("path=" + to);
    files_.erase(from);
    return Status::Ok();
  }
  Status LinkExclusive(const std::string& from, const std::string& to) override {
    if (Ask(FileOperation::kMove, from) != FileFault::kNone) return Unavailable("injected, path=" + from);
    const auto source = files_.find(from);
    if (source == files_.end()) return NotFound("path=" + from);
    return files_.try_emplace(to, source->second).second || files_[to] == source->second ? Status::Ok() : AlreadyExists("path=" + to);
  }
  Status Remove(const std::string& path) override {
    if (Ask(FileOperation::kRemove, path) != FileFault::kNone) return Unavailable("injected, path=" + path);
    files_.erase(path);
    return Status::Ok();
  }
  Status RemoveDirectory(const std::string& path) override {
    std::erase_if(files_, [&](const auto& file) { return file.first.starts_with(path + "/"); });
    return Status::Ok();
  }

 private:
  // Nothing is visible, and nothing survives a crash, before Publish.
  class MemoryFile final : public DurableFile {
   public:
    MemoryFile(MemoryFileSystem& owner, std::string path)
        : owner_(owner), path_(std::move(path)), generation_(owner.generation_) {}
    Status Append(std::string_view bytes) override {
      if (failed_ || generation_ != owner_.generation_) return Unavailable("file is gone, path=" + path_);
      if (owner_.Ask(FileOperation::kAppend, path_) != FileFault::kNone) {
        failed_ = true;
        return Unavailable("injected, path=" + path_);
      }
      content_.append(bytes);
      return Status::Ok();
    }
    Status Publish() override { return PublishAs(path_); }
    Status PublishAs(const std::string& path) override {
      if (failed_ || generation_ != owner_.generation_) return Unavailable("file is gone, path=" + path);
      const FileFault fault = owner_.Ask(FileOperation::kPublish, path);
      failed_ = true;  // Once only (R33).
      if (fault == FileFault::kFail || fault == FileFault::kFailLate) return Unavailable("injected, path=" + path);
      if (!owner_.files_.try_emplace(path, content_).second) return AlreadyExists("path=" + path);
      return fault == FileFault::kFailAfter ? Unavailable("injected after the fact, path=" + path) : Status::Ok();
    }

   private:
    MemoryFileSystem& owner_;
    const std::string path_;
    const uint64_t generation_;
    std::string content_;
    bool failed_ = false;
  };

  class MemoryReadableFile final : public ReadableFile {
   public:
    MemoryReadableFile(MemoryFileSystem& owner, std::string path, std::string content)
        : owner_(owner), path_(std::move(path)), content_(std::move(content)) {}
    uint64_t size_bytes() const override { return content_.size(); }
    Status ReadAt(uint64_t offset, char* target, size_t size_bytes) override {
      if (owner_.Ask(FileOperation::kRead, path_) != FileFault::kNone) return Unavailable("injected, path=" + path_);
      if (offset > content_.size() || size_bytes > content_.size() - offset) return Corruption("file ends early, path=" + path_);
      content_.copy(target, size_bytes, offset);
      return Status::Ok();
    }

   private:
    MemoryFileSystem& owner_;
    const std::string path_;
    const std::string content_;
  };

  FileFault Ask(FileOperation operation, const std::string& path) {
    return hook_ ? hook_(operation, path) : FileFault::kNone;
  }

  std::map<std::string, std::string> files_;
  std::vector<std::pair<std::string, std::string>> late_;
  uint64_t generation_ = 0;
  FaultHook hook_;
};

}  // namespace weir::testing
