// A chain of maps by hand: one loop, all of them inlined.
#include "benchmarks/loops/worker.h"

namespace weir::bench {
namespace {

template <bool kWithMaps>
uint64_t RunChunk(const KeyedGenerator& generator, uint64_t next, uint64_t end, LoopWorker& worker) {
  for (; next < end; next += worker.workers) {
    KeyedRecord record = generator.Make(next);
    if constexpr (kWithMaps) record = ChainStep<5>(ChainStep<4>(ChainStep<3>(ChainStep<2>(ChainStep<1>(record)))));
    worker.digest.Add(ChainHash(record));
  }
  return next;
}

}  // namespace

LoopResult RunChainLoop(const LoopOptions& options) {
  constexpr uint64_t kChunkRows = 4'096;
  const KeyedGenerator generator(options.keyed);
  return RunWorkers(options, [&](LoopWorker& worker) {
    for (uint64_t next = worker.index; next < options.events;) {
      worker.NoteStart(next, options);
      const uint64_t end = ChunkEnd(next, kChunkRows, worker, options);
      next = options.maps != 0 ? RunChunk<true>(generator, next, end, worker) : RunChunk<false>(generator, next, end, worker);
    }
  });
}

}  // namespace weir::bench
