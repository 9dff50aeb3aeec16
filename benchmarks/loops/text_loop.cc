// Word counts by hand: words travel as a length byte and their letters.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <memory>

#include "benchmarks/loops/count_table.h"
#include "benchmarks/loops/tcp_link.h"
#include "benchmarks/loops/text_table.h"
#include "benchmarks/loops/worker.h"
#include "benchmarks/workload/words.h"

namespace weir::bench {
namespace {

constexpr size_t kChunkWords = 2'048;
constexpr size_t kWordBytesMax = 255;
constexpr size_t kGroup = 8;

uint64_t Hash(std::string_view word) { return XXH3_64bits(word.data(), word.size()); }

class TextWorker {
 public:
  TextWorker(LoopWorker& worker, const LoopOptions& options, const Words& words, std::vector<std::unique_ptr<TcpLink<char>>>& links)
      : worker_(worker), options_(options), words_(words), links_(links), next_(worker.index) {}

  void Run() {
    while (true) {
      bool progress = Generate();
      bool ended = next_ >= options_.events;
      for (auto& link : links_) {
        if (link == nullptr) continue;
        progress |= link->Flush();
        if (next_ >= options_.events && link->waiting() == 0) link->CloseSending();
        progress |= link->Receive([this](const char* bytes, size_t count) { return Take(bytes, count); });
        ended &= link->ended() && link->waiting() == 0;
      }
      if (ended) break;
      if (!progress) Wait();
    }
    table_.AddFinalView(worker_.digest);
  }

 private:
  struct Held {
    std::string_view word;
    uint64_t hash;
  };

  bool Generate() {
    worker_.NoteStart(next_, options_);
    if (next_ >= options_.events) return false;
    for (auto& link : links_) {
      if (link != nullptr && link->Blocked()) return false;
    }
    const uint64_t end = ChunkEnd(next_, kChunkWords, worker_, options_);
    for (; next_ < end; next_ += worker_.workers) {
      // As a record of its own, which is what a source makes.
      const std::string word(words_.Word(next_));
      const uint64_t hash = Hash(word);
      const uint32_t target = WorkerOf(hash, worker_.workers);
      if (target == worker_.index) {
        // The words stay where they are in the text, so that the table may be asked some words later.
        Count({words_.Word(next_), hash});
      } else {
        links_[target]->Append(static_cast<char>(word.size()));
        links_[target]->AppendAll(word.data(), word.size());
      }
    }
    CountHeld();
    return true;
  }
  size_t Take(const char* bytes, size_t count) {
    size_t at = 0;
    while (at < count) {
      const size_t size = static_cast<unsigned char>(bytes[at]);
      if (at + 1 + size > count) break;
      const std::string_view word(bytes + at + 1, size);
      Count({word, Hash(word)});
      at += 1 + size;
    }
    CountHeld();
    return at;
  }
  void Count(const Held& held) {
    table_.Prefetch(held.hash);
    held_[held_count_++] = held;
    if (held_count_ == kGroup) CountHeld();
  }
  void CountHeld() {
    for (size_t i = 0; i < held_count_; ++i) table_.Increment(held_[i].word, held_[i].hash);
    held_count_ = 0;
  }
  void Wait() {
    std::vector<pollfd> sockets;
    for (const auto& link : links_) {
      if (link != nullptr) sockets.push_back(link->Awaited());
    }
    ::poll(sockets.data(), sockets.size(), -1);
  }

  LoopWorker& worker_;
  const LoopOptions& options_;
  const Words& words_;
  std::vector<std::unique_ptr<TcpLink<char>>>& links_;
  TextTable table_;
  std::array<Held, kGroup> held_{};
  size_t held_count_ = 0;
  uint64_t next_;
};

}  // namespace

LoopResult RunTextLoop(const LoopOptions& options) {
  WordGenerator generator({options.keyed.seed, options.text_path});
  generator.Prepare();
  for (uint64_t i = 0; i < generator.words().size(); ++i) {
    if (generator.words().Word(i).size() > kWordBytesMax) {
      std::fprintf(stderr, "a word of the text is longer than %zu bytes\n", kWordBytesMax);
      std::exit(1);
    }
  }
  TcpLinks<char> links = ConnectWorkers<char>(options.workers, kChunkWords * (kWordBytesMax + 1));
  return RunWorkers(options, [&](LoopWorker& worker) { TextWorker(worker, options, generator.words(), links[worker.index]).Run(); });
}

}  // namespace weir::bench
