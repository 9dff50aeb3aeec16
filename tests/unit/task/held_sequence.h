// The numbers from 0, of which the last one comes only when the test lets it: a job that cannot end too early.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <vector>

#include <weir/source.h>

namespace weir::testing {

// Shared by the test and the readers of its jobs. Thread-safe.
class SequenceHold {
 public:
  SequenceHold() : event_(::eventfd(0, EFD_CLOEXEC)) {}
  ~SequenceHold() { ::close(event_); }
  SequenceHold(const SequenceHold&) = delete;
  SequenceHold& operator=(const SequenceHold&) = delete;

  void LetGo() {
    open_ = true;
    ::eventfd_write(event_, 1);  // Readable from now on: nobody reads it.
  }
  bool open() const { return open_; }
  int event() const { return event_; }

 private:
  const int event_;
  std::atomic<bool> open_{false};
};

struct HeldSplit {
  int64_t next = 0;
  int64_t end = 0;
};

class HeldSequence final : public Source<int64_t, HeldSplit> {
 public:
  // The numbers [0, count).
  HeldSequence(int64_t count, std::shared_ptr<SequenceHold> hold) : count_(count), hold_(std::move(hold)) {}

  std::unique_ptr<SplitEnumerator<HeldSplit>> CreateEnumerator(uint32_t, std::optional<std::vector<HeldSplit>> restored) const override {
    if (restored.has_value()) return std::make_unique<ListEnumerator<HeldSplit>>(std::move(*restored));
    constexpr int64_t kSplits = 8;
    std::vector<HeldSplit> splits;
    for (int64_t i = 0; i < kSplits; ++i) splits.push_back({count_ * i / kSplits, count_ * (i + 1) / kSplits});
    return std::make_unique<ListEnumerator<HeldSplit>>(std::move(splits));
  }
  std::unique_ptr<SourceReader<int64_t, HeldSplit>> CreateReader(RuntimeContext&) const override { return std::make_unique<Reader>(count_, hold_); }

 private:
  class Reader final : public SourceReader<int64_t, HeldSplit> {
   public:
    Reader(int64_t count, std::shared_ptr<SequenceHold> hold) : count_(count), hold_(std::move(hold)) {}
    void AddSplit(HeldSplit split) override { splits_.push_back(split); }
    ReadResult Read(Collector<int64_t>& out, uint32_t rows_max) override {
      if (splits_.empty()) return {ReadResult::Kind::kNeedsSplit};
      HeldSplit& split = splits_.back();
      for (uint32_t i = 0; i < rows_max && split.next < split.end; ++i) {
        if (split.next == count_ - 1 && !hold_->open()) return {ReadResult::Kind::kWait, hold_->event()};
        out.Collect(split.next++);
      }
      if (split.next == split.end) splits_.pop_back();
      return {};
    }
    std::vector<HeldSplit> Snapshot() const override { return splits_; }

   private:
    const int64_t count_;
    const std::shared_ptr<SequenceHold> hold_;
    std::vector<HeldSplit> splits_;
  };

  int64_t count_;
  std::shared_ptr<SequenceHold> hold_;
};

}  // namespace weir::testing
