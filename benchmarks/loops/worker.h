// The frame of a loop: its threads and what is timed.
#pragma once

#include <cstdint>
#include <functional>

#include "benchmarks/loops/loop.h"

namespace weir::bench {

[[noreturn]] void Die(const char* what);

// One thread of a loop. Thread: its own.
struct LoopWorker {
  uint32_t index = 0;
  uint32_t workers = 1;
  Digest digest;  // Its share of the result.
  int64_t started_ns = 0;
  int64_t started_cpu_ns = 0;
  uint64_t measured_events = 0;

  // Before each event or chunk of them: notes the time when `next` is the first measured one.
  void NoteStart(uint64_t next, const LoopOptions& options) {
    if (started_ns == 0 && next >= options.warm_up) [[unlikely]]
      Start(next, options);
  }

 private:
  void Start(uint64_t next, const LoopOptions& options);
};

// The end of a chunk that begins at `next`: at most `rows` events of this worker on, and not across the beginning of what is
// measured.
uint64_t ChunkEnd(uint64_t next, uint64_t rows, const LoopWorker& worker, const LoopOptions& options);

// Runs `body` on `options.workers` pinned threads and adds up what they found.
LoopResult RunWorkers(const LoopOptions& options, const std::function<void(LoopWorker&)>& body);

}  // namespace weir::bench
