// The general source interface: an enumerator finds splits, readers read them. Every source is built on it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <weir/collector.h>
#include <weir/core/serde.h>
#include <weir/runtime_context.h>

namespace weir {

// Hands out splits; one per job, in a hidden subtask. A split is a value with a Serde.
template <class SplitT>
class SplitEnumerator {
 public:
  virtual ~SplitEnumerator() = default;
  // The next split for a reader that has none left; nothing when all were handed out.
  virtual std::optional<SplitT> Next(uint32_t reader) = 0;
  // What was not handed out yet: the enumerator's state.
  virtual std::vector<SplitT> Remaining() const = 0;
};

struct ReadResult {
  enum class Kind : uint8_t {
    kMore,        // Call again soon.
    kNeedsSplit,  // All splits are read to their end.
    kWait,        // Nothing to read until `wait_fd` has input.
  };
  Kind kind = Kind::kMore;
  int wait_fd = -1;
};

// Reads the splits of one subtask. Thread: task; never blocks for long.
template <class T, class SplitT>
class SourceReader {
 public:
  virtual ~SourceReader() = default;
  virtual void AddSplit(SplitT split) = 0;
  // Emits up to about `rows_max` records.
  virtual ReadResult Read(Collector<T>& out, uint32_t rows_max) = 0;
  // The unfinished splits with their positions, such that re-reading them yields exactly what was not emitted yet.
  virtual std::vector<SplitT> Snapshot() const = 0;
};

template <class T, class SplitT>
class Source {
 public:
  using RecordType = T;
  using SplitType = SplitT;
  virtual ~Source() = default;
  // `restored`: what Remaining() gave at the checkpoint, nothing for a fresh start.
  virtual std::unique_ptr<SplitEnumerator<SplitT>> CreateEnumerator(uint32_t readers,
                                                                    std::optional<std::vector<SplitT>> restored) const = 0;
  virtual std::unique_ptr<SourceReader<T, SplitT>> CreateReader(RuntimeContext& context) const = 0;
};

// An enumerator over a list that is known at the start.
template <class SplitT>
class ListEnumerator final : public SplitEnumerator<SplitT> {
 public:
  explicit ListEnumerator(std::vector<SplitT> splits) : splits_(std::move(splits)) {}
  std::optional<SplitT> Next(uint32_t) override {
    if (next_ == splits_.size()) return std::nullopt;
    return splits_[next_++];
  }
  std::vector<SplitT> Remaining() const override { return {splits_.begin() + static_cast<ptrdiff_t>(next_), splits_.end()}; }

 private:
  std::vector<SplitT> splits_;
  size_t next_ = 0;
};

}  // namespace weir
