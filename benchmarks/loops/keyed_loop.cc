// WC by hand: each worker generates its records, keeps those of its own keys, hands the others over in batches, and adds up.
#include <memory>
#include <vector>

#include "benchmarks/loops/count_table.h"
#include "benchmarks/loops/memory_link.h"
#include "benchmarks/loops/tcp_link.h"
#include "benchmarks/loops/worker.h"

namespace weir::bench {
namespace {

constexpr size_t kChunkRows = 2'048;

void Wait(const std::vector<std::unique_ptr<TcpLink<KeyedRecord>>>& links) {
  std::vector<pollfd> sockets;
  for (const auto& link : links) {
    if (link != nullptr) sockets.push_back(link->Awaited());
  }
  ::poll(sockets.data(), sockets.size(), -1);
}
void Wait(const std::vector<std::unique_ptr<MemoryLink<KeyedRecord>>>&) { ::sched_yield(); }

template <class Link>
class KeyedWorker {
 public:
  KeyedWorker(LoopWorker& worker, const LoopOptions& options, std::vector<std::unique_ptr<Link>>& links)
      : worker_(worker),
        options_(options),
        generator_(options.keyed),
        links_(links),
        table_(options.keyed.keys / worker.workers + options.keyed.keys / (worker.workers * 16) + 64),
        own_(new KeyedRecord[kChunkRows]),
        next_(worker.index) {}

  void Run() {
    while (true) {
      bool progress = Generate();
      bool ended = next_ >= options_.events;
      for (auto& link : links_) {
        if (link == nullptr) continue;
        progress |= link->Flush();
        if (next_ >= options_.events && link->waiting() == 0) link->CloseSending();
        progress |= link->Receive([this](const KeyedRecord* rows, size_t count) { return Count(rows, count); });
        ended &= link->ended() && link->waiting() == 0;
      }
      if (ended) break;
      if (!progress) Wait(links_);
    }
    table_.AddFinalView(worker_.digest);
  }

 private:
  bool Generate() {
    worker_.NoteStart(next_, options_);
    if (next_ >= options_.events) return false;
    for (auto& link : links_) {
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
        links_[target]->Append(record);
      }
    }
    Count(own_.get(), own_count);
    return true;
  }
  size_t Count(const KeyedRecord* rows, size_t count) {
    table_.ForEach(
        rows, count, [](const KeyedRecord& row) { return row.key; }, [](const KeyedRecord& row, uint64_t& sum) { sum += row.value; });
    return count;
  }

  LoopWorker& worker_;
  const LoopOptions& options_;
  const KeyedGenerator generator_;
  std::vector<std::unique_ptr<Link>>& links_;
  CountTable table_;
  std::unique_ptr<KeyedRecord[]> own_;
  uint64_t next_;
};

template <class Link, class Links>
LoopResult RunOver(const LoopOptions& options, Links links) {
  return RunWorkers(options, [&](LoopWorker& worker) { KeyedWorker<Link>(worker, options, links[worker.index]).Run(); });
}

}  // namespace

LoopResult RunKeyedLoop(const LoopOptions& options) {
  if (options.link == LinkKind::kMemory) return RunOver<MemoryLink<KeyedRecord>>(options, ShareMemory<KeyedRecord>(options.workers, kChunkRows));
  return RunOver<TcpLink<KeyedRecord>>(options, ConnectWorkers<KeyedRecord>(options.workers, kChunkRows));
}

}  // namespace weir::bench
