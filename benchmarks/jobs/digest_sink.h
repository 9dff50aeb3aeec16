// The sink of all benchmark jobs: takes row hashes, commits (count, sum) of what each checkpoint covers.
#pragma once

#include <weir/weir.h>

#include "benchmarks/jobs/run_files.h"

namespace weir::bench {

// Exactly-once: what was not committed at a failure is in the restored checkpoint or comes again. The result of a job is the
// sum over its part files.
class DigestSink final : public Sink<uint64_t> {
 public:
  enum class Note : uint8_t { kRows, kEachCheckpoint };  // Whether a checkpoint without rows yields a part, too.

  explicit DigestSink(std::string directory, Note note = Note::kRows) : directory_(std::move(directory)), note_(note) {}

  std::unique_ptr<SinkWriter<uint64_t>> CreateWriter(const SinkContext& context) const override {
    return std::make_unique<Writer>(context.runtime.SubtaskIndex(), note_);
  }
  std::unique_ptr<SinkCommitter> CreateCommitter(const SinkContext&) const override { return std::make_unique<Committer>(directory_); }

 private:
  class Writer final : public SinkWriter<uint64_t> {
   public:
    Writer(uint32_t subtask, Note note) : subtask_(subtask), note_(note) {}
    void Write(std::span<const uint64_t> row_hashes) override {
      for (const uint64_t hash : row_hashes) digest_.Add(hash);
    }
    std::vector<std::string> PrepareCommit(uint64_t checkpoint_id) override {
      if (digest_.rows == 0 && note_ == Note::kRows) return {};
      const Digest part = std::exchange(digest_, {});
      return {std::to_string(subtask_) + "-" + std::to_string(checkpoint_id) + " " + std::to_string(part.rows) + " " + std::to_string(part.sum) + " " +
              std::to_string(MonotonicNanos())};
    }

   private:
    const uint32_t subtask_;
    const Note note_;
    Digest digest_;  // Since the last checkpoint.
  };

  class Committer final : public SinkCommitter {
   public:
    explicit Committer(std::string directory) : directory_(std::move(directory)) {}
    void Commit(const std::string& committable) override {
      const size_t space = committable.find(' ');
      PublishPart(directory_, committable.substr(0, space), committable.substr(space + 1));
    }

   private:
    std::string directory_;
  };

  std::string directory_;
  Note note_;
};

}  // namespace weir::bench
