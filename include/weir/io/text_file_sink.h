// An exactly-once sink of text files: a file becomes visible when the checkpoint that covers it completed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <weir/sink.h>
#include <weir/text.h>

namespace weir {

// Writes `<directory>/part-<job>-<subtask>-<attempt>-<n>`, one line a record. While they are not committed, files have a name
// that starts with "." and names job, operator, subtask and attempt.
class TextFileSink {
 public:
  // `directory` is absolute and reachable by every worker; it is created when missing.
  explicit TextFileSink(std::string directory);
  const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
};

// The file handling, the same for every record type. Thread: task.
class TextFileWriter {
 public:
  TextFileWriter(std::string directory, const SinkContext& context);
  ~TextFileWriter();
  TextFileWriter(TextFileWriter&&) noexcept;

  // Where to append text; call Appended() afterwards.
  std::string& buffer() { return buffer_; }
  void Appended() {
    if (buffer_.size() >= kFlushBytes) Flush();
  }
  std::vector<std::string> PrepareCommit();

 private:
  static constexpr size_t kFlushBytes = 256 * 1024;
  void Flush();
  struct File;

  std::string directory_;
  std::string pending_prefix_;  // ".<job>-<operator>-<subtask>-<attempt>-"
  std::string final_prefix_;    // "part-<job>-<subtask>-<attempt>-"
  std::string buffer_;
  std::unique_ptr<File> file_;  // Open once something was written since the last checkpoint.
  uint64_t sequence_ = 0;
};

std::unique_ptr<SinkCommitter> NewTextFileCommitter(std::string directory, const SinkContext& context);

template <class T>
class TextFileSinkOf final : public Sink<T> {
 public:
  explicit TextFileSinkOf(TextFileSink sink) : sink_(std::move(sink)) {}
  std::unique_ptr<SinkWriter<T>> CreateWriter(const SinkContext& context) const override {
    return std::make_unique<Writer>(TextFileWriter(sink_.directory(), context));
  }
  std::unique_ptr<SinkCommitter> CreateCommitter(const SinkContext& context) const override {
    return NewTextFileCommitter(sink_.directory(), context);
  }

 private:
  class Writer final : public SinkWriter<T> {
   public:
    explicit Writer(TextFileWriter file) : file_(std::move(file)) {}
    void Write(std::span<const T> records) override {
      for (const T& record : records) {
        AppendText(record, file_.buffer());
        file_.buffer() += '\n';
        file_.Appended();
      }
    }
    std::vector<std::string> PrepareCommit(uint64_t) override { return file_.PrepareCommit(); }

   private:
    TextFileWriter file_;
  };

  TextFileSink sink_;
};

}  // namespace weir
