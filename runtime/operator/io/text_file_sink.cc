#include <weir/io/text_file_sink.h>

#include <charconv>
#include <stdexcept>

#include "base/file_system.h"
#include "base/ids.h"
#include <weir/core/bytes.h>

namespace weir {
namespace {

void ThrowUnlessOk(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

// ".<job>-<operator>-": what names of pending files of one sink begin with.
std::string PendingPrefix(const SinkContext& context) { return "." + context.job_id + "-" + context.operator_id + "-"; }

struct Committable {
  std::string pending_path;
  std::string final_path;

  std::string Encode() const {
    ByteWriter out;
    out.PutString(pending_path);
    out.PutString(final_path);
    return out.Take();
  }
  static Committable Decode(std::string_view bytes) {
    ByteReader in(bytes);
    Committable committable{std::string(in.GetString()), std::string(in.GetString())};
    if (!in.ok() || !in.AtEnd()) throw std::runtime_error("committable of a text file sink does not decode");
    return committable;
  }
};

class Committer final : public SinkCommitter {
 public:
  Committer(std::string directory, const SinkContext& context)
      : directory_(std::move(directory)),
        prefix_(PendingPrefix(context)),
        attempt_(context.attempt),
        subtask_(context.runtime.SubtaskIndex()),
        parallelism_(context.runtime.Parallelism()),
        files_(NewPosixFileSystem()) {}

  void Commit(const std::string& bytes) override {
    const Committable committable = Committable::Decode(bytes);
    // Ok as well when an earlier call did it; an error when both are gone: a lost transaction is never passed over (R14).
    ThrowUnlessOk(files_->MoveExclusive(committable.pending_path, committable.final_path));
  }

  void RemoveLeftovers() override {
    StatusOr<std::vector<std::string>> names = files_->List(directory_);
    ThrowUnlessOk(names.status());
    for (const std::string& name : *names) {
      if (IsLeftover(name)) ThrowUnlessOk(files_->Remove(directory_ + "/" + name));
    }
  }

 private:
  // Pending files of earlier attempts: of this subtask, or of one that is no more. All of them that the restored checkpoint
  // knew were committed before the first checkpoint of this attempt could complete.
  bool IsLeftover(const std::string& name) const {
    const size_t at = name.find(prefix_);
    if (at == std::string::npos) return false;
    const char* const begin = name.data() + at + prefix_.size();
    const char* const end = name.data() + name.size();
    uint32_t subtask = 0;
    const auto [dash, error] = std::from_chars(begin, end, subtask);
    if (error != std::errc() || dash == end || *dash != '-') return false;
    const std::string_view rest(dash + 1, static_cast<size_t>(end - dash - 1));
    const StatusOr<AttemptId> attempt = AttemptId::FromString(rest.substr(0, rest.find('-')));
    const StatusOr<AttemptId> own = AttemptId::FromString(attempt_);
    if (!attempt.ok() || !own.ok() || !(*attempt < *own)) return false;
    return subtask == subtask_ || (subtask_ == 0 && subtask >= parallelism_);
  }

  const std::string directory_;
  const std::string prefix_;
  const std::string attempt_;
  const uint32_t subtask_;
  const uint32_t parallelism_;
  std::unique_ptr<FileSystem> files_;
};

}  // namespace

TextFileSink::TextFileSink(std::string directory) : directory_(std::move(directory)) {
  if (!directory_.starts_with('/')) throw std::invalid_argument("TextFileSink needs an absolute directory, got \"" + directory_ + "\"");
}

struct TextFileWriter::File {
  std::unique_ptr<FileSystem> files = NewPosixFileSystem();
  std::unique_ptr<DurableFile> open;
  std::string pending_path;
  std::string final_path;
};

TextFileWriter::TextFileWriter(std::string directory, const SinkContext& context) : directory_(std::move(directory)), file_(std::make_unique<File>()) {
  const std::string subtask = std::to_string(context.runtime.SubtaskIndex());
  pending_prefix_ = PendingPrefix(context) + subtask + "-" + context.attempt + "-";
  // The job's id too: a job restored from another's checkpoint goes on in the same directory, with the same attempt ids.
  final_prefix_ = "part-" + context.job_id + "-" + subtask + "-" + context.attempt + "-";
  ThrowUnlessOk(file_->files->CreateDirectories(directory_));
}

TextFileWriter::~TextFileWriter() = default;
TextFileWriter::TextFileWriter(TextFileWriter&&) noexcept = default;

void TextFileWriter::Flush() {
  if (buffer_.empty()) return;
  if (file_->open == nullptr) {
    const std::string number = std::to_string(sequence_++);
    file_->pending_path = directory_ + "/" + pending_prefix_ + number;
    file_->final_path = directory_ + "/" + final_prefix_ + number;
    StatusOr<std::unique_ptr<DurableFile>> created = file_->files->Create(file_->pending_path);
    ThrowUnlessOk(created.status());
    file_->open = std::move(*created);
  }
  ThrowUnlessOk(file_->open->Append(buffer_));
  buffer_.clear();
}

std::vector<std::string> TextFileWriter::PrepareCommit() {
  Flush();
  if (file_->open == nullptr) return {};
  const Status published = file_->open->Publish();
  file_->open.reset();
  ThrowUnlessOk(published);
  return {Committable{file_->pending_path, file_->final_path}.Encode()};
}

std::unique_ptr<SinkCommitter> NewTextFileCommitter(std::string directory, const SinkContext& context) {
  return std::make_unique<Committer>(std::move(directory), context);
}

}  // namespace weir
