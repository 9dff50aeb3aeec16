// Two keyed stages in a row by hand, and a single one that emits its running count for each record.
#include <memory>
#include <vector>

#include "benchmarks/loops/count_table.h"
#include "benchmarks/loops/tcp_link.h"
#include "benchmarks/loops/worker.h"

namespace weir::bench {
namespace {

constexpr size_t kChunkRows = 2'048;
// What one receipt of stage 1 may add to stage 2: all rows of a full receive buffer.
constexpr size_t kStageChunkRows = 4'096;

class StageWorker {
 public:
  StageWorker(LoopWorker& worker, const LoopOptions& options, std::vector<std::unique_ptr<TcpLink<KeyedRecord>>>& first,
              std::vector<std::unique_ptr<TcpLink<StageRecord>>>& second)
      : worker_(worker),
        options_(options),
        generator_(options.keyed),
        first_(first),
        second_(second),
        counts_(options.keyed.keys / worker.workers + options.keyed.keys / (worker.workers * 16) + 64),
        groups_(kStageGroups),
        own_(new KeyedRecord[kChunkRows]),
        own_stage_(new StageRecord[kStageChunkRows]),
        next_(worker.index) {}

  void Run() {
    while (!Step()) {
    }
    groups_.AddFinalView(worker_.digest);
  }

 private:
  bool Step() {  // Whether all is done.
    bool progress = Generate();
    bool first_done = next_ >= options_.events;
    for (auto& link : first_) {
      if (link == nullptr) continue;
      progress |= link->Flush();
      if (next_ >= options_.events && link->waiting() == 0) link->CloseSending();
      // Stage 2 always drains, so waiting for it cannot go round in a circle.
      if (!SecondBlocked()) progress |= link->Receive([this](const KeyedRecord* rows, size_t count) { return Count(rows, count); });
      first_done &= link->ended() && link->waiting() == 0;
    }
    bool done = first_done;
    for (auto& link : second_) {
      if (link == nullptr) continue;
      progress |= link->Flush();
      if (first_done && link->waiting() == 0) link->CloseSending();
      progress |= link->Receive([this](const StageRecord* rows, size_t count) { return AddUp(rows, count); });
      done &= link->ended() && link->waiting() == 0;
    }
    if (!progress && !done) Wait();
    return done;
  }
  bool SecondBlocked() const {
    for (const auto& link : second_) {
      if (link != nullptr && link->Blocked()) return true;
    }
    return false;
  }
  bool Generate() {
    worker_.NoteStart(next_, options_);
    if (next_ >= options_.events || SecondBlocked()) return false;
    for (auto& link : first_) {
      if (link != nullptr && link->Blocked()) return false;
    }
    const uint64_t end = ChunkEnd(next_, kChunkRows, worker_, options_);
    size_t own_count = 0;
    for (; next_ < end; next_ += worker_.workers) {
      const KeyedRecord record = generator_.Make(next_);
      const uint32_t target = WorkerOf(LoopHash(record.key), worker_.workers);
      if (target == worker_.index) {
        own_[own_count++] = record;
      } else {
        first_[target]->Append(record);
      }
    }
    Count(own_.get(), own_count);
    return true;
  }
  size_t Count(const KeyedRecord* rows, size_t count) {
    size_t own_count = 0;
    counts_.ForEach(
        rows, count, [](const KeyedRecord& row) { return row.key; },
        [&](const KeyedRecord& row, uint64_t& sum) {
          sum += row.value;
          const StageRecord stage{GroupOf(row.key), sum};
          const uint32_t target = WorkerOf(LoopHash(stage.group), worker_.workers);
          if (target == worker_.index) {
            own_stage_[own_count++] = stage;
          } else {
            second_[target]->Append(stage);
          }
        });
    AddUp(own_stage_.get(), own_count);
    return count;
  }
  size_t AddUp(const StageRecord* rows, size_t count) {
    groups_.ForEach(
        rows, count, [](const StageRecord& row) { return row.group; }, [](const StageRecord& row, uint64_t& sum) { sum += row.count; });
    return count;
  }
  void Wait() {
    std::vector<pollfd> sockets;
    for (const auto& link : first_) {
      if (link != nullptr) sockets.push_back(link->Awaited());
    }
    for (const auto& link : second_) {
      if (link != nullptr) sockets.push_back(link->Awaited());
    }
    ::poll(sockets.data(), sockets.size(), -1);
  }

  LoopWorker& worker_;
  const LoopOptions& options_;
  const KeyedGenerator generator_;
  std::vector<std::unique_ptr<TcpLink<KeyedRecord>>>& first_;
  std::vector<std::unique_ptr<TcpLink<StageRecord>>>& second_;
  CountTable counts_;
  CountTable groups_;
  std::unique_ptr<KeyedRecord[]> own_;
  std::unique_ptr<StageRecord[]> own_stage_;
  uint64_t next_;
};

}  // namespace

LoopResult RunStageLoop(const LoopOptions& options) {
  TcpLinks<KeyedRecord> first = ConnectWorkers<KeyedRecord>(options.workers, kChunkRows);
  TcpLinks<StageRecord> second = ConnectWorkers<StageRecord>(options.workers, kStageChunkRows);
  return RunWorkers(options, [&](LoopWorker& worker) { StageWorker(worker, options, first[worker.index], second[worker.index]).Run(); });
}

LoopResult RunRunningCountLoop(const LoopOptions& options) {
  const KeyedGenerator generator(options.keyed);
  LoopOptions single = options;
  single.workers = 1;
  return RunWorkers(single, [&](LoopWorker& worker) {
    CountTable counts(options.keyed.keys + 64);
    for (uint64_t next = 0; next < options.events; ++next) {
      worker.NoteStart(next, options);
      const KeyedRecord record = generator.Make(next);
      worker.digest.Add(CountHash(record.key, counts.At(record.key, LoopHash(record.key)) += record.value));
    }
  });
}

}  // namespace weir::bench
