// The sources that the environment offers itself.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <weir/source.h>

namespace weir {

// ---- FromElements ----
struct ElementsSplit {
  uint64_t next = 0;
};

template <class T>
class ElementsSource final : public Source<T, ElementsSplit> {
 public:
  explicit ElementsSource(std::vector<T> elements) : elements_(std::make_shared<const std::vector<T>>(std::move(elements))) {}
  std::unique_ptr<SplitEnumerator<ElementsSplit>> CreateEnumerator(uint32_t, std::optional<std::vector<ElementsSplit>> restored) const override {
    return std::make_unique<ListEnumerator<ElementsSplit>>(restored.value_or(std::vector<ElementsSplit>{{}}));
  }
  std::unique_ptr<SourceReader<T, ElementsSplit>> CreateReader(RuntimeContext&) const override { return std::make_unique<Reader>(elements_); }

 private:
  class Reader final : public SourceReader<T, ElementsSplit> {
   public:
    explicit Reader(std::shared_ptr<const std::vector<T>> elements) : elements_(std::move(elements)) {}
    void AddSplit(ElementsSplit split) override { splits_.push_back(split); }
    ReadResult Read(Collector<T>& out, uint32_t rows_max) override {
      if (splits_.empty()) return {ReadResult::Kind::kNeedsSplit};
      uint64_t& next = splits_.back().next;
      for (uint32_t i = 0; i < rows_max && next < elements_->size(); ++i) {
        const uint64_t index = next++;
        out.Collect((*elements_)[index]);
      }
      if (next >= elements_->size()) splits_.pop_back();
      return {};
    }
    std::vector<ElementsSplit> Snapshot() const override { return splits_; }

   private:
    std::shared_ptr<const std::vector<T>> elements_;  // Immutable, shared with the source.
    std::vector<ElementsSplit> splits_;
  };

  std::shared_ptr<const std::vector<T>> elements_;  // Immutable, shared with the readers.
};

// ---- FromSequence ----
struct SequenceSplit {
  int64_t next = 0;
  int64_t last = -1;  // Inclusive; exhausted when next > last.
};

// The numbers from..to, both inclusive, in as many contiguous ranges as there are readers.
class SequenceSource final : public Source<int64_t, SequenceSplit> {
 public:
  SequenceSource(int64_t from, int64_t to);  // std::invalid_argument when from > to.
  std::unique_ptr<SplitEnumerator<SequenceSplit>> CreateEnumerator(uint32_t readers, std::optional<std::vector<SequenceSplit>> restored) const override;
  std::unique_ptr<SourceReader<int64_t, SequenceSplit>> CreateReader(RuntimeContext& context) const override;

 private:
  int64_t from_;
  int64_t to_;
};

// ---- ReadTextFile ----
struct TextFileSplit {
  std::string path;
  uint64_t begin = 0;     // The split has the lines whose first byte lies in [begin, end).
  uint64_t end = 0;
  uint64_t position = 0;  // Where the next line starts; 0 = not started.
};

// The lines of a file, or of all files below a directory but those whose names start with "." or "_".
class TextFileSource final : public Source<std::string, TextFileSplit> {
 public:
  static constexpr uint64_t kSplitBytes = 16 * 1024 * 1024;
  static constexpr uint64_t kLineBytesMax = 64 * 1024 * 1024;  // A longer line fails the task.
  explicit TextFileSource(std::string path) : path_(std::move(path)) {}
  std::unique_ptr<SplitEnumerator<TextFileSplit>> CreateEnumerator(uint32_t readers, std::optional<std::vector<TextFileSplit>> restored) const override;
  std::unique_ptr<SourceReader<std::string, TextFileSplit>> CreateReader(RuntimeContext& context) const override;

 private:
  std::string path_;
};

// ---- SocketTextStream ----
struct SocketSplit {
  uint32_t index = 0;
};

// Lines from a TCP server; no replay: what was read and not checkpointed is lost in a failure.
class SocketTextSource final : public Source<std::string, SocketSplit> {
 public:
  SocketTextSource(std::string host, uint16_t port, char delimiter) : host_(std::move(host)), port_(port), delimiter_(delimiter) {}
  std::unique_ptr<SplitEnumerator<SocketSplit>> CreateEnumerator(uint32_t readers, std::optional<std::vector<SocketSplit>> restored) const override;
  std::unique_ptr<SourceReader<std::string, SocketSplit>> CreateReader(RuntimeContext& context) const override;

 private:
  std::string host_;
  uint16_t port_;
  char delimiter_;
};

}  // namespace weir
