#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <weir/io/builtin_sources.h>

namespace weir {
namespace {

constexpr size_t kReadBytes = 256 * 1024;

[[noreturn]] void ThrowErrno(const char* what, const std::string& path) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno) + ", path=" + path);
}

std::vector<TextFileSplit> ListSplits(const std::string& root) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  if (!fs::exists(root)) throw std::runtime_error("input path does not exist, path=" + root);
  if (fs::is_directory(root)) {
    for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
      const std::string name = it->path().filename().string();
      const bool hidden = name.starts_with(".") || name.starts_with("_");
      if (hidden && it->is_directory()) it.disable_recursion_pending();
      if (!hidden && it->is_regular_file()) files.push_back(it->path().string());
    }
    std::sort(files.begin(), files.end());
  } else {
    files.push_back(root);
  }
  std::vector<TextFileSplit> splits;
  for (const std::string& file : files) {
    const uint64_t size = fs::file_size(file);
    for (uint64_t begin = 0; begin < size; begin += TextFileSource::kSplitBytes) {
      splits.push_back({file, begin, std::min(size, begin + TextFileSource::kSplitBytes), 0});
    }
  }
  return splits;
}

// Reads one split at a time. A line belongs to the split in which its first byte lies: a split that does not begin its
// file skips to behind the first newline at or after begin - 1, and the last line is read beyond the end.
class Reader final : public SourceReader<std::string, TextFileSplit> {
 public:
  ~Reader() override { CloseFile(); }
  void AddSplit(TextFileSplit split) override { splits_.push_back(std::move(split)); }

  ReadResult Read(Collector<std::string>& out, uint32_t rows_max) override {
    if (splits_.empty()) return {ReadResult::Kind::kNeedsSplit};
    if (fd_ < 0) OpenFile();
    for (uint32_t rows = 0; rows < rows_max; ++rows) {
      TextFileSplit& split = splits_.back();
      std::string_view line;
      if (split.position >= split.end || !NextLine(line)) {
        CloseFile();
        splits_.pop_back();
        return {};
      }
      // The position moves first: Collect may not return.
      split.position += line.size() + 1;
      if (line.ends_with('\r')) line.remove_suffix(1);
      out.Collect(std::string(line));
    }
    return {};
  }
  std::vector<TextFileSplit> Snapshot() const override { return splits_; }

 private:
  void OpenFile() {
    TextFileSplit& split = splits_.back();
    fd_ = ::open(split.path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) ThrowErrno("cannot open input file", split.path);
    const bool resumed = split.position != 0;
    if (!resumed) split.position = split.begin == 0 ? 0 : split.begin - 1;
    file_offset_ = split.position;
    buffer_.clear();
    buffer_at_ = 0;
    std::string_view skipped;
    if (!resumed && split.begin > 0) {
      // The rest of the line that the split before owns.
      if (NextLine(skipped)) split.position += skipped.size() + 1;
      else split.position = split.end;
    }
  }
  void CloseFile() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // False at the end of the file with nothing left. A last line without newline counts.
  bool NextLine(std::string_view& line) {
    size_t searched = buffer_at_;
    while (true) {
      const void* const newline = searched < buffer_.size() ? std::memchr(buffer_.data() + searched, '\n', buffer_.size() - searched) : nullptr;
      if (newline != nullptr) {
        const size_t end = static_cast<size_t>(static_cast<const char*>(newline) - buffer_.data());
        line = std::string_view(buffer_).substr(buffer_at_, end - buffer_at_);
        buffer_at_ = end + 1;
        return true;
      }
      buffer_.erase(0, buffer_at_);
      buffer_at_ = 0;
      searched = buffer_.size();
      if (searched > TextFileSource::kLineBytesMax) {
        throw std::runtime_error("line is longer than 64 MiB, path=" + splits_.back().path + ", offset=" + std::to_string(splits_.back().position));
      }
      if (!Fill()) {
        line = buffer_;
        buffer_at_ = buffer_.size();
        return !line.empty();
      }
    }
  }
  bool Fill() {
    const size_t old_size = buffer_.size();
    buffer_.resize(old_size + kReadBytes);
    ssize_t count = 0;
    do {
      count = ::pread(fd_, buffer_.data() + old_size, kReadBytes, static_cast<off_t>(file_offset_));
    } while (count < 0 && errno == EINTR);
    if (count < 0) ThrowErrno("cannot read input file", splits_.back().path);
    buffer_.resize(old_size + static_cast<size_t>(count));
    file_offset_ += static_cast<uint64_t>(count);
    return count > 0;
  }

  std::vector<TextFileSplit> splits_;  // The last one is being read.
  int fd_ = -1;
  uint64_t file_offset_ = 0;           // Of the byte after the buffer.
  std::string buffer_;
  size_t buffer_at_ = 0;               // Where the next line starts in it.
};

}  // namespace

std::unique_ptr<SplitEnumerator<TextFileSplit>> TextFileSource::CreateEnumerator(uint32_t, std::optional<std::vector<TextFileSplit>> restored) const {
  return std::make_unique<ListEnumerator<TextFileSplit>>(restored.has_value() ? std::move(*restored) : ListSplits(path_));
}

std::unique_ptr<SourceReader<std::string, TextFileSplit>> TextFileSource::CreateReader(RuntimeContext&) const { return std::make_unique<Reader>(); }

}  // namespace weir
