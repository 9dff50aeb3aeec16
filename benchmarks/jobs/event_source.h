// The source of all benchmark jobs: events by their number, as fast as they are taken or by a schedule.
#pragma once

#include <sys/timerfd.h>
#include <unistd.h>

#include <weir/weir.h>

#include <algorithm>

#include "benchmarks/jobs/run_files.h"

namespace weir::bench {

struct EventSplit {
  uint64_t index = 0;    // Split i of n has the events i, i + n, i + 2n, ...
  uint64_t splits = 1;
  uint64_t next = 0;     // The event to emit next.
  int64_t began_ns = 0;  // Monotonic clock when `schedule_from` was due; 0 = not reached.
};

struct EventSourceOptions {
  uint64_t events = 0;
  uint64_t warm_up = 0;         // Events before this number are not measured.
  uint64_t schedule_from = 0;   // With a rate, events before this number come as fast as they can.
  double events_per_second = 0; // Over all subtasks; 0 = as fast as they are taken.
  std::string output;           // Where the start is noted.
};

// Generator: a copyable type with Record and Make(n); Prepare() before the first Make when it has one. With a rate,
// Make(n, due_ns) when it has that: the time at which the event was due.
template <class Generator>
class EventSource final : public Source<typename Generator::Record, EventSplit> {
 public:
  using Record = typename Generator::Record;

  EventSource(Generator generator, EventSourceOptions options) : generator_(std::move(generator)), options_(std::move(options)) {}

  std::unique_ptr<SplitEnumerator<EventSplit>> CreateEnumerator(uint32_t readers, std::optional<std::vector<EventSplit>> restored) const override {
    if (restored.has_value()) return std::make_unique<ListEnumerator<EventSplit>>(std::move(*restored));
    std::vector<EventSplit> splits;
    for (uint32_t i = 0; i < readers; ++i) splits.push_back({i, readers, i, 0});
    return std::make_unique<ListEnumerator<EventSplit>>(std::move(splits));
  }
  std::unique_ptr<SourceReader<Record, EventSplit>> CreateReader(RuntimeContext&) const override {
    Generator generator = generator_;
    if constexpr (requires { generator.Prepare(); }) generator.Prepare();
    return std::make_unique<Reader>(std::move(generator), options_);
  }

 private:
  class Reader final : public SourceReader<Record, EventSplit> {
   public:
    Reader(Generator generator, const EventSourceOptions& options) : generator_(std::move(generator)), options_(options) {
      if (options.events_per_second > 0) timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    }
    ~Reader() override {
      if (timer_ >= 0) ::close(timer_);
    }

    void AddSplit(EventSplit split) override { splits_.push_back(split); }

    ReadResult Read(Collector<Record>& out, uint32_t rows_max) override {
      if (splits_.empty()) return {ReadResult::Kind::kNeedsSplit};
      EventSplit& split = splits_.back();
      if (split.next >= options_.warm_up && !started_) NoteStart(split);
      // A batch never crosses the beginning of what is measured, nor that of the schedule.
      uint64_t end = options_.events;
      for (const uint64_t boundary : {options_.warm_up, timer_ >= 0 ? options_.schedule_from : 0}) {
        if (split.next < boundary) end = std::min(end, boundary);
      }
      if (timer_ >= 0 && split.next >= options_.schedule_from) {
        if (const bool early = ReadDue(split, out, rows_max, end); early) return {ReadResult::Kind::kWait, timer_};
      } else {
        ReadFast(split, out, rows_max, end);
      }
      if (split.next >= options_.events) splits_.pop_back();
      return {};
    }
    std::vector<EventSplit> Snapshot() const override { return splits_; }

   private:
    // The position moves before the row leaves: Collect may wait, and a snapshot may be taken meanwhile.
    void ReadFast(EventSplit& split, Collector<Record>& out, uint32_t rows_max, uint64_t end) {
      for (uint32_t i = 0; i < rows_max && split.next < end; ++i) {
        const uint64_t n = split.next;
        split.next += split.splits;
        out.Collect(generator_.Make(n));
      }
    }
    // Emits what is due; true when the next event is still to come.
    bool ReadDue(EventSplit& split, Collector<Record>& out, uint32_t rows_max, uint64_t end) {
      const int64_t now_ns = MonotonicNanos();
      if (split.began_ns == 0) split.began_ns = now_ns;
      for (uint32_t i = 0; i < rows_max && split.next < end; ++i) {
        const uint64_t n = split.next;
        const int64_t due_ns = DueNanos(split, n);
        if (due_ns > now_ns) {
          itimerspec at{};
          at.it_value.tv_sec = due_ns / 1'000'000'000;
          at.it_value.tv_nsec = due_ns % 1'000'000'000;
          ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
          return true;
        }
        split.next += split.splits;
        if constexpr (requires { generator_.Make(n, due_ns); }) {
          out.Collect(generator_.Make(n, due_ns));
        } else {
          out.Collect(generator_.Make(n));
        }
      }
      return false;
    }
    int64_t DueNanos(const EventSplit& split, uint64_t n) const {
      return split.began_ns + static_cast<int64_t>(static_cast<double>(n - options_.schedule_from) * 1e9 / options_.events_per_second);
    }
    void NoteStart(const EventSplit& split) {
      started_ = true;
      const uint64_t left = split.next < options_.events ? (options_.events - split.next + split.splits - 1) / split.splits : 0;
      PublishStart(options_.output, static_cast<uint32_t>(split.index), left);
    }

    Generator generator_;
    const EventSourceOptions options_;
    std::vector<EventSplit> splits_;
    int timer_ = -1;
    bool started_ = false;
  };

  Generator generator_;
  EventSourceOptions options_;
};

}  // namespace weir::bench
