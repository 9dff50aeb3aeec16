// A source of numbers whose speed is set, so that a test can disturb the job while it runs.
#pragma once

#include <sys/timerfd.h>
#include <unistd.h>

#include <weir/weir.h>
#include <algorithm>
#include <filesystem>
#include <fstream>

namespace weir::scenarios {

struct PacedSplit {
  int64_t next = 0;
  int64_t last = -1;  // Inclusive.
};

// The numbers from..to in as many ranges as there are readers, `rows_per_second` in all; 0: as fast as can be. With a stop
// file the ranges have no end until that file names one: a number of rows for each reader. With a go file (and a speed) each
// range keeps its last row until that file exists: the job cannot end before the test has done what it came for.
class PacedSource final : public Source<int64_t, PacedSplit> {
 public:
  struct Options {
    int64_t from = 0;
    int64_t to = 0;
    int64_t rows_per_second = 0;
    std::string stop_file = {};
    std::string go_file = {};
  };
  explicit PacedSource(Options options) : options_(std::move(options)) {}

  std::unique_ptr<SplitEnumerator<PacedSplit>> CreateEnumerator(uint32_t readers, std::optional<std::vector<PacedSplit>> restored) const override {
    if (restored.has_value()) return std::make_unique<ListEnumerator<PacedSplit>>(*restored);
    std::vector<PacedSplit> splits;
    const int64_t count = options_.to - options_.from + 1;
    for (int64_t i = 0; i < readers; ++i) {
      splits.push_back({options_.from + count * i / readers, options_.from + count * (i + 1) / readers - 1});
    }
    return std::make_unique<ListEnumerator<PacedSplit>>(std::move(splits));
  }
  std::unique_ptr<SourceReader<int64_t, PacedSplit>> CreateReader(RuntimeContext& context) const override {
    return std::make_unique<Reader>(options_, context.Parallelism());
  }

 private:
  static constexpr int64_t kTicksPerSecond = 100;

  class Reader final : public SourceReader<int64_t, PacedSplit> {
   public:
    Reader(const Options& options, uint32_t readers) : options_(options) {
      if (options.rows_per_second == 0) return;
      // Rounded up over all ticks of a second, or a slow source would stand still.
      rows_per_tick_ = std::max<int64_t>(1, options.rows_per_second / (kTicksPerSecond * readers));
      const int64_t ticks = std::max<int64_t>(1, options.rows_per_second / (rows_per_tick_ * readers));
      timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
      itimerspec period{};
      period.it_interval.tv_nsec = period.it_value.tv_nsec = std::min<int64_t>(999'999'999, 1'000'000'000 / ticks);
      ::timerfd_settime(timer_, 0, &period, nullptr);
      held_ = !options.go_file.empty();
    }
    ~Reader() override {
      if (timer_ >= 0) ::close(timer_);
    }

    void AddSplit(PacedSplit split) override { splits_.push_back(split); }

    ReadResult Read(Collector<int64_t>& out, uint32_t rows_max) override {
      if (splits_.empty()) return {ReadResult::Kind::kNeedsSplit};
      int64_t rows = rows_max;
      if (timer_ >= 0) {
        uint64_t ticks = 0;
        if (::read(timer_, &ticks, sizeof(ticks)) == sizeof(ticks)) {
          // A pause of the process is not made up for.
          allowed_ = std::min<int64_t>(allowed_ + static_cast<int64_t>(ticks) * rows_per_tick_, 10 * rows_per_tick_);
          ReadStopFile();
          held_ = held_ && !std::filesystem::exists(options_.go_file);
        }
        rows = std::min(rows, allowed_);
      }
      // The position moves before the row leaves: Collect may switch to a snapshot of this reader.
      for (PacedSplit& split = splits_.back(); rows > 0 && split.next <= split.last - (held_ ? 1 : 0); --rows, --allowed_) {
        const int64_t value = split.next++;
        out.Collect(value);
      }
      if (splits_.back().next > splits_.back().last) {
        splits_.pop_back();
        return {};
      }
      const bool waits_to_go = held_ && splits_.back().next == splits_.back().last;
      if (timer_ >= 0 && (allowed_ <= 0 || waits_to_go)) return {ReadResult::Kind::kWait, timer_};
      return {};
    }

    std::vector<PacedSplit> Snapshot() const override { return splits_; }

   private:
    void ReadStopFile() {
      if (options_.stop_file.empty() || !std::filesystem::exists(options_.stop_file)) return;
      int64_t rows = 0;
      std::ifstream(options_.stop_file) >> rows;
      // A range begins at a multiple of kRangeRows, see UnboundedRange.
      for (PacedSplit& split : splits_) split.last = split.next / kRangeRows * kRangeRows + rows - 1;
    }

    const Options options_;
    int timer_ = -1;
    int64_t rows_per_tick_ = 0;
    int64_t allowed_ = 0;
    bool held_ = false;
    std::vector<PacedSplit> splits_;
  };

 public:
  // Rows that a reader can never emit within a test; ranges of `readers` readers begin at multiples of it.
  static constexpr int64_t kRangeRows = 1'000'000'000;
  static int64_t UnboundedLast(uint32_t readers) { return kRangeRows * readers - 1; }

 private:
  Options options_;
};

}  // namespace weir::scenarios
